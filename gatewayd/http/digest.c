/*
 * Reading digests of content; see digest.h for what is taken. Base64 is read
 * strictly (RFC 4648): the digits are decoded and encoded again, and have to be
 * the same, so that one digest has one spelling.
 */
#include <string.h>
#include <strings.h>
#include <sodium.h>

#include "common/err.h"
#include "gatewayd/http/digest.h"

static const struct http_error
    not_md5 = {400, "bad-digest",
	"Content-MD5 must be the base64 form of 16 bytes."},
    not_digest = {400, "bad-digest",
	"A digest must be written like md5=:base64 of 16 bytes:."},
    differ = {400, "bad-digest", "The digests of the content differ."},
    unchecked = {501, "digest-not-checked",
	"Of digests only MD5 is checked here: send Content-MD5, or leave the "
	"digest away."},
    old = {501, "digest-not-checked",
	"The Digest header is obsolete and not checked here: send Content-MD5, "
	"or leave it away."},
    nowhere = {501, "digest-not-checked",
	"Digests of this content are not checked here: leave it away."},
    part = {400, "partial-upload",
	"A file is uploaded whole: Content-Range is not taken here."};

static bool
decode(struct http_span s, uint8_t md5[DIGEST_MD5_LEN])
{
	char again[32];
	size_t n = 0;

	if (s.len != 24 ||
	    sodium_base642bin(md5, DIGEST_MD5_LEN, s.p, s.len, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    n != DIGEST_MD5_LEN)
		return false;
	sodium_bin2base64(again, sizeof(again), md5, DIGEST_MD5_LEN,
	    sodium_base64_VARIANT_ORIGINAL);
	return memcmp(again, s.p, s.len) == 0;
}

static const struct http_error *
take(struct digest *d, struct http_span base64, const struct http_error *bad)
{
	uint8_t md5[DIGEST_MD5_LEN];

	if (!decode(base64, md5))
		return bad;
	if (d->given && memcmp(d->md5, md5, sizeof(md5)) != 0)
		return &differ;
	memcpy(d->md5, md5, sizeof(md5));
	d->given = true;
	return NULL;
}

const struct http_error *
digest_md5(struct digest *d, struct http_span value)
{
	return take(d, value, &not_md5);
}

static bool
is_key(struct http_span member, const char *key)
{
	size_t n = strlen(key);

	return member.len > n && member.p[n] == '=' &&
	    strncasecmp(member.p, key, n) == 0;
}

/* A dictionary of byte sequences (RFC 8941): "md5=:...:, x=:...:". */
static const struct http_error *
take_dictionary(struct digest *d, struct http_span list)
{
	static const char *const known[] = {"sha-256", "sha-512", "sha"};
	const struct http_error *error;
	struct http_span member;
	size_t i;

	while (http_list_next(&list, &member)) {
		for (i = 0; i < NX_ARRAY_SIZE(known); i++)
			if (is_key(member, known[i]))
				return &unchecked;
		if (!is_key(member, "md5"))
			continue;
		member.p += 4;
		member.len -= 4;
		if (member.len != 26 || member.p[0] != ':' ||
		    member.p[25] != ':')
			return &not_digest;
		error =
		    take(d, (struct http_span){member.p + 1, 24}, &not_digest);
		if (error)
			return error;
	}
	return NULL;
}

const struct http_error *
digest_of(struct digest *d, const struct http_head *head)
{
	const struct http_error *error = NULL;

	if (head->field[HEAD_CONTENT_RANGE].p)
		return &part;
	if (head->field[HEAD_DIGEST].p)
		return &old;
	if (head->field[HEAD_CONTENT_MD5].p)
		error = digest_md5(d, head->field[HEAD_CONTENT_MD5]);
	if (!error)
		error = take_dictionary(d, head->field[HEAD_CONTENT_DIGEST]);
	if (!error)
		error = take_dictionary(d, head->field[HEAD_REPR_DIGEST]);
	return error;
}

const struct http_error *
digest_none(const struct http_head *head)
{
	struct digest d = {0};
	const struct http_error *error = digest_of(&d, head);

	return error || !d.given ? error : &nowhere;
}
