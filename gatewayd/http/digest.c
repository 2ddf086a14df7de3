/*
 * Reading digests of content; see digest.h for what is taken. Base64 is read
 * strictly (RFC 4648): the digits are decoded and encoded again, and have to be
 * the same, so that one digest has one spelling.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sodium.h>

#include "common/err.h"
#include "gatewayd/http/digest.h"

static const struct http_error
    not_md5 = {400, "bad-digest",
	"Content-MD5 must be the base64 form of 16 bytes."},
    not_digest = {400, "bad-digest",
	"A digest is written like sha-256=:base64 of 32 bytes:, md5 with 16."},
    differ = {400, "bad-digest", "The digests of the content differ."},
    unchecked = {501, "digest-not-checked",
	"Of digests MD5 and SHA-256 are checked here: send one of them, or "
	"leave the digest away."},
    old = {501, "digest-not-checked",
	"The Digest header is obsolete and not checked here: send "
	"Content-Digest, or leave it away."},
    nowhere = {501, "digest-not-checked",
	"Digests of this content are not checked here: leave it away."},
    part = {400, "partial-upload",
	"A file is uploaded whole: Content-Range is not taken here."},
    coded = {415, "content-coding",
	"Codings are not kept here: send the content as it is, without "
	"Content-Encoding."};

static const size_t lens[DIGEST_KINDS] = {
    [DIGEST_MD5] = 16, [DIGEST_SHA256] = 32};

bool
digest_any(const struct digest *d)
{
	for (size_t i = 0; i < DIGEST_KINDS; i++)
		if (d->sent[i])
			return true;
	return false;
}

size_t
digest_join(const struct digest *d, uint8_t ret_values[DIGEST_ALL_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < DIGEST_KINDS; i++) {
		if (!d->sent[i])
			continue;
		memcpy(ret_values + len, d->value[i], lens[i]);
		len += lens[i];
	}
	return len;
}

static bool
decode(struct http_span s, uint8_t *value, size_t len)
{
	char again[64];
	size_t n = 0;

	if (s.len + 1 !=
		sodium_base64_ENCODED_LEN(
		    len, sodium_base64_VARIANT_ORIGINAL) ||
	    sodium_base642bin(value, len, s.p, s.len, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    n != len)
		return false;
	sodium_bin2base64(
	    again, sizeof(again), value, len, sodium_base64_VARIANT_ORIGINAL);
	return memcmp(again, s.p, s.len) == 0;
}

/* One of the digests given. */
static const struct http_error *
take(struct digest *d, enum digest_kind kind, struct http_span base64,
    const struct http_error *bad)
{
	uint8_t value[DIGEST_MAX];

	if (!decode(base64, value, lens[kind]))
		return bad;
	if (d->sent[kind] && memcmp(d->value[kind], value, lens[kind]) != 0)
		return &differ;
	d->sent[kind] = true;
	memcpy(d->value[kind], value, lens[kind]);
	return NULL;
}

/* A member of a dictionary (RFC 8941): "md5=:...:". */
static const struct http_error *
take_member(struct digest *d, struct http_span member)
{
	static const struct {
		const char *name;
		enum digest_kind kind; /* KINDS: nobody computes it */
	} algorithms[] = {
	    {"md5", DIGEST_MD5},
	    {"sha-256", DIGEST_SHA256},
	    {"sha-512", DIGEST_KINDS},
	    {"sha", DIGEST_KINDS},
	};
	struct http_span value;

	for (size_t i = 0; i < NX_ARRAY_SIZE(algorithms); i++) {
		size_t n = strlen(algorithms[i].name);

		if (member.len <= n || member.p[n] != '=' ||
		    strncasecmp(member.p, algorithms[i].name, n) != 0)
			continue;
		if (algorithms[i].kind == DIGEST_KINDS)
			return &unchecked;
		value =
		    (struct http_span){member.p + n + 1, member.len - n - 1};
		if (value.len < 2 || value.p[0] != ':' ||
		    value.p[value.len - 1] != ':')
			return &not_digest;
		value.p++;
		value.len -= 2;
		return take(d, algorithms[i].kind, value, &not_digest);
	}
	return NULL;
}

static const struct http_error *
take_dictionary(struct digest *d, struct http_span list)
{
	const struct http_error *error = NULL;
	struct http_span member;

	while (!error && http_list_next(&list, &member))
		error = take_member(d, member);
	return error;
}

/* Nobody here would undo it, nor tell who reads the content later. */
static bool
is_coded(struct http_span codings)
{
	struct http_span coding;

	while (http_list_next(&codings, &coding))
		if (!http_span_is(coding, "identity"))
			return true;
	return false;
}

bool
digest_read(const char *sha256, uint8_t ret_value[DIGEST_MAX])
{
	size_t n;

	return sodium_hex2bin(ret_value, DIGEST_MAX, sha256, strlen(sha256),
		   NULL, &n, NULL) == 0 &&
	    n == DIGEST_MAX;
}

bool
digest_field(const char *sha256, char ret_value[DIGEST_FIELD])
{
	char base64[sodium_base64_ENCODED_LEN(
	    DIGEST_MAX, sodium_base64_VARIANT_ORIGINAL)];
	uint8_t value[DIGEST_MAX];

	if (!digest_read(sha256, value))
		return false;
	sodium_bin2base64(base64, sizeof(base64), value, sizeof(value),
	    sodium_base64_VARIANT_ORIGINAL);
	snprintf(ret_value, DIGEST_FIELD, "sha-256=:%s:", base64);
	return true;
}

/* "sha-256=10", from 1 to 10; 0 is no. */
static bool
wants(struct http_span member, const char *name)
{
	size_t n = strlen(name);
	struct http_span value;

	if (member.len <= n + 1 || member.p[n] != '=' ||
	    strncasecmp(member.p, name, n) != 0)
		return false;
	value = (struct http_span){member.p + n + 1, member.len - n - 1};
	return http_span_is(value, "10") ||
	    (value.len == 1 && value.p[0] >= '1' && value.p[0] <= '9');
}

void
digest_wants(struct digest *d, const struct http_head *head)
{
	struct http_span list = head->field[HEAD_WANT_REPR_DIGEST], member;

	d->wants_sha256 = false;
	while (http_list_next(&list, &member))
		d->wants_sha256 |= wants(member, "sha-256");
}

const struct http_error *
digest_of(struct digest *ret_digest, const struct http_head *head)
{
	struct http_span md5 = head->field[HEAD_CONTENT_MD5];
	const struct http_error *error = NULL;
	struct digest *d = ret_digest;

	*d = (struct digest){0};
	digest_wants(d, head);
	if (head->field[HEAD_CONTENT_RANGE].p)
		return &part;
	if (is_coded(head->field[HEAD_CONTENT_ENCODING]))
		return &coded;
	if (head->field[HEAD_DIGEST].p)
		return &old;
	if (md5.p)
		error = take(d, DIGEST_MD5, md5, &not_md5);
	if (!error)
		error = take_dictionary(d, head->field[HEAD_CONTENT_DIGEST]);
	if (!error)
		error = take_dictionary(d, head->field[HEAD_REPR_DIGEST]);
	return error;
}

const struct http_error *
digest_none(const struct http_head *head)
{
	struct digest d;
	const struct http_error *error = digest_of(&d, head);

	return error || !digest_any(&d) ? error : &nowhere;
}
