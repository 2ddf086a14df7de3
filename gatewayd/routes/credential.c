/* See credential.h. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "gatewayd/routes/credential.h"

#define KEY_BEGINS "e2b_"

static const struct http_error
    none = {401, "unauthenticated",
	"This needs a token: sign in, then send Authorization: Bearer TOKEN; "
	"or an access key in its place, as the password of Basic, or as "
	"X-API-KEY."},
    bad_bearer = {401, "unauthenticated",
	"The Authorization header is not a bearer token."},
    bad_basic = {401, "unauthenticated",
	"The Authorization header is not Basic as RFC 7617 has it."},
    not_a_key = {401, "unauthenticated",
	"The password of Basic, and X-API-KEY, is an access key, which begins "
	"with e2b_: make one at /api/account/keys. Passwords are not taken "
	"here."},
    twice = {400, "invalid",
	"The request says twice who asks: send Authorization or X-API-KEY."};

static struct http_span
trim(struct http_span s)
{
	while (s.len > 0 && s.p[0] == ' ') {
		s.p++;
		s.len--;
	}
	return s;
}

/* token68 of RFC 9110. */
static bool
is_token68(struct http_span s)
{
	static const char signs[] = "-._~+/=";

	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
			(s.p[i] >= 'A' && s.p[i] <= 'Z') ||
			(s.p[i] >= 'a' && s.p[i] <= 'z') ||
			(s.p[i] != '\0' && strchr(signs, s.p[i]))))
			return false;
	return s.len > 0;
}

static bool
take_text(struct credential *c, struct http_span s)
{
	if (!is_token68(s) || s.len > CREDENTIAL_MAX)
		return false;
	memcpy(c->text, s.p, s.len);
	c->text[s.len] = '\0';
	c->key = strncmp(c->text, KEY_BEGINS, strlen(KEY_BEGINS)) == 0;
	return true;
}

static const struct http_error *
bearer(struct credential *c, struct http_span s)
{
	return take_text(c, s) ? NULL : &bad_bearer;
}

/* The name ends at the first colon; an access key has none. */
static const struct http_error *
basic(struct credential *c, struct http_span s)
{
	char plain[CREDENTIAL_USER + 1 + CREDENTIAL_MAX + 1], *colon;
	size_t len;

	if (sodium_base642bin((uint8_t *)plain, sizeof(plain) - 1, s.p, s.len,
		NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return &bad_basic;
	plain[len] = '\0';
	colon = memchr(plain, ':', len);
	if (!colon || (size_t)(colon - plain) > CREDENTIAL_USER ||
	    !nx_text_clean(plain, len, ""))
		return &bad_basic;
	*colon = '\0';
	memcpy(c->user, plain, (size_t)(colon - plain) + 1);
	c->named = c->user[0] != '\0';
	s = (struct http_span){colon + 1, strlen(colon + 1)};
	if (!take_text(c, s) || !c->key)
		return &not_a_key;
	return NULL;
}

static const struct {
	const char *scheme;
	const struct http_error *(*take)(
	    struct credential *c, struct http_span s);
} schemes[] = {{"bearer ", bearer}, {"basic ", basic}};

static const struct http_error *
authorization(struct credential *c, struct http_span s)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (s.len > n &&
		    http_span_is((struct http_span){s.p, n}, schemes[i].scheme))
			return schemes[i].take(
			    c, trim((struct http_span){s.p + n, s.len - n}));
	}
	return &bad_bearer;
}

const struct http_error *
credential_of(const struct http_head *head, struct credential *ret)
{
	struct http_span shown = head->field[HEAD_AUTHORIZATION];
	struct http_span key = head->field[HEAD_X_API_KEY];
	const struct http_error *error;

	ret->key = ret->named = false;
	ret->user[0] = '\0';
	if (shown.p && key.p)
		return &twice;
	if (!shown.p && !key.p)
		return &none;
	if (shown.p)
		error = authorization(ret, shown);
	else
		error = take_text(ret, key) && ret->key ? NULL : &not_a_key;
	if (!error)
		ret->whole_len =
		    (size_t)snprintf(ret->whole, sizeof(ret->whole), "%s%s%s",
			ret->user, ret->named ? ":" : "", ret->text);
	return error;
}
