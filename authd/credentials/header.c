/*
 * A parser for the one JSON text we ever write there: an object
 * of three strings. Whatever else JSON allows is refused, not understood.
 */
#include <sodium.h>
#include <string.h>

#include "authd/credentials/header.h"

#define HEADER_MAX      256
#define SIGNATURE_LEN   64
#define SIGNATURE_CHARS 86 /* in base64url without padding */

struct cursor {
	const char *p, *end;
};

struct text {
	const char *p;
	size_t len;
};

static bool
is(struct text t, const char *word)
{
	return t.len == strlen(word) && memcmp(t.p, word, t.len) == 0;
}

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end &&
	    (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool
take(struct cursor *c, char wanted)
{
	skip_space(c);
	if (c->p == c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

/* A string of printable ASCII without escapes. */
static bool
take_string(struct cursor *c, struct text *ret_text)
{
	const char *start;

	if (!take(c, '"'))
		return false;
	for (start = c->p; c->p < c->end && *c->p != '"'; c->p++)
		if (*c->p < ' ' || *c->p > '~' || *c->p == '\\')
			return false;
	*ret_text = (struct text){start, (size_t)(c->p - start)};
	return take(c, '"');
}

static bool
kid_ok(struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if (!strchr("0123456789abcdef", t.p[i]))
			return false;
	return t.len == AUTH_KID_LEN;
}

enum member { ALG = 1, TYP = 2, KID = 4, ALL = 7 };

/* Which member this is, if it says what it must; 0 if not. */
static unsigned
member_of(struct text key, struct text value)
{
	if (is(key, "alg"))
		return is(value, "ES256") ? ALG : 0;
	if (is(key, "typ"))
		return is(value, "JWT") ? TYP : 0;
	if (is(key, "kid"))
		return kid_ok(value) ? KID : 0;
	return 0;
}

static bool
parse(const char *json, size_t len, char ret_kid[AUTH_KID_LEN + 1])
{
	struct cursor c = {json, json + len};
	struct text key, value;
	unsigned seen = 0, member;

	if (!take(&c, '{'))
		return false;
	do {
		if (!take_string(&c, &key) || !take(&c, ':') ||
		    !take_string(&c, &value))
			return false;
		member = member_of(key, value);
		if (member == 0 || (seen & member))
			return false;
		seen |= member;
		if (member == KID) {
			memcpy(ret_kid, value.p, AUTH_KID_LEN);
			ret_kid[AUTH_KID_LEN] = '\0';
		}
	} while (take(&c, ','));
	if (!take(&c, '}'))
		return false;
	skip_space(&c);
	return c.p == c.end && seen == ALL;
}

static size_t
span_base64url(const char *text)
{
	return strspn(text,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_");
}

/* Decodes @len characters: canonical ones only, so that a token has one form.
 * The number of bytes, or 0. */
static size_t
decode(const char *text, size_t len, char *buf, size_t size)
{
	size_t n;

	return sodium_base642bin((unsigned char *)buf, size, text, len, NULL,
		   &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0
	    ? n
	    : 0;
}

bool
auth_jwt_header(const char *token, char ret_kid[AUTH_KID_LEN + 1])
{
	char json[HEADER_MAX], bytes[SIGNATURE_LEN], kid[AUTH_KID_LEN + 1];
	const char *signature;
	size_t head, body;

	if (strnlen(token, AUTH_TOKEN_MAX + 1) > AUTH_TOKEN_MAX)
		return false;
	head = span_base64url(token);
	if (head == 0 || token[head] != '.')
		return false;
	body = span_base64url(token + head + 1);
	signature = token + head + 1 + body + 1;
	if (body == 0 || signature[-1] != '.')
		return false;
	if (strlen(signature) != SIGNATURE_CHARS ||
	    decode(signature, SIGNATURE_CHARS, bytes, sizeof(bytes)) !=
		SIGNATURE_LEN)
		return false;
	if (!parse(json, decode(token, head, json, sizeof(json)), kid))
		return false;
	memcpy(ret_kid, kid, sizeof(kid));
	return true;
}
