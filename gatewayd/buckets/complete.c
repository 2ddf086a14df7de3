/*
 * POST /api/uploads/:id/complete: a list of parts, {number, etag} each, makes the
 * object; sha256_parts may say what the SHA-256 of theirs must be. The list is put into the records storaged takes, and those into a sealed memfd,
 * for ten thousand do not fit a message.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/buckets/complete.h"
#include "proto/bucket.rpc.h"

#define PARTS_MAX 10000U
#define RECORD    20U /* the number, little-endian, and the MD5 */

struct complete {
	struct condition condition;
	int list;                /* sealed */
	uint8_t sum[DIGEST_MAX]; /* of the parts', as far as n_sum says */
	size_t n_sum;
};

struct part {
	uint64_t number;
	char *etag;
};
static const struct json_field part_fields[] = {
    {"number", JSON_UINT, true, offsetof(struct part, number), 1, PARTS_MAX},
    {"etag", JSON_STRING, true, offsetof(struct part, etag), 0, 0},
};

static const struct http_error
    wrong = {400, "invalid",
	"The body is {\"parts\": [{\"number\": 1, \"etag\": \"...\"}, ...]}, "
	"with 1 to 10000 of them; sha256_parts may be in it too."},
    sum = {400, "invalid",
	"The SHA-256 of the SHA-256s of the parts is 64 hexadecimal digits, "
	"with \"-\" and the number of parts or not."},
    etag = {400, "invalid",
	"The etag of a part is what its PUT said: 32 hexadecimal digits."};

static void
complete_free(void *state)
{
	struct complete *c = state;

	nx_close(&c->list);
	free(c);
}

static const struct req_ops complete_ops = {.free = complete_free};

/* --- the list ---------------------------------------------------------------*/

static int
digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | 0x20) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* 32 digits, in quotes or not. */
static bool
read_etag(const char *text, uint8_t ret_md5[16])
{
	size_t quote = *text == '"';
	int high, low;

	text += quote;
	if (strlen(text) != 32 + quote || (quote && text[32] != '"'))
		return false;
	for (size_t i = 0; i < 16; i++) {
		high = digit(text[2 * i]);
		low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret_md5[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* False: the request has ended. */
static bool
read_part(struct req *r, const cJSON *item, uint8_t record[RECORD])
{
	struct part p = {0};
	char error[JSON_ERROR_MAX];

	if (!cJSON_IsObject(item)) {
		req_fail_http(r, &wrong);
		return false;
	}
	if (json_take(
		item, part_fields, NX_ARRAY_SIZE(part_fields), &p, error) < 0) {
		req_fail(r, 400, "invalid", "%s", error);
		return false;
	}
	if (!read_etag(p.etag, record + 4)) {
		req_fail_http(r, &etag);
		return false;
	}
	record[0] = (uint8_t)p.number;
	record[1] = (uint8_t)(p.number >> 8);
	record[2] = record[3] = 0;
	return true;
}

static bool
read_parts(struct req *r, const cJSON *list, struct complete *c)
{
	size_t n = 0, max = (size_t)cJSON_GetArraySize(list);
	nx_cleanup_free uint8_t *records = calloc(max, RECORD);
	const cJSON *item;

	for (item = list->child; records && item; item = item->next)
		if (!read_part(r, item, records + RECORD * n++))
			return false;
	if (records)
		c->list = nx_memfd_sealed("parts", records, n * RECORD);
	if (c->list < 0)
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
	return c->list >= 0;
}

/* Is all of @object the list, and what may be beside it? */
static bool
is_known(const cJSON *object)
{
	const cJSON *list = json_member(object, "parts");
	const cJSON *said = json_member(object, "sha256_parts");

	return cJSON_IsArray(list) && list->child &&
	    cJSON_GetArraySize(list) <= (int)PARTS_MAX &&
	    cJSON_GetArraySize(object) == 1 + (said != NULL);
}

/* As it is told: digits, "-" and how many parts. */
static bool
read_sum(const cJSON *object, struct complete *c)
{
	const cJSON *said = json_member(object, "sha256_parts");
	int n = cJSON_GetArraySize(json_member(object, "parts"));
	char text[2 * DIGEST_MAX + 1], count[16];

	if (!said)
		return true;
	snprintf(count, sizeof(count), "-%d", n);
	if (!cJSON_IsString(said) ||
	    strnlen(said->valuestring, 2 * DIGEST_MAX) < 2 * DIGEST_MAX ||
	    (said->valuestring[2 * DIGEST_MAX] != '\0' &&
		strcmp(said->valuestring + 2 * DIGEST_MAX, count) != 0))
		return false;
	memcpy(text, said->valuestring, 2 * DIGEST_MAX);
	text[2 * DIGEST_MAX] = '\0';
	c->n_sum = DIGEST_MAX;
	return digest_read(text, c->sum);
}

/* --- asking -----------------------------------------------------------------*/

static void
on_complete(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_object(&b, NULL, nx_as_object_info(reply->body), true);
	reply_json(r, 201, &b);
}

static void
ask(struct req *r)
{
	Nx__MultipartCompleteRequest m = NX__MULTIPART_COMPLETE_REQUEST__INIT;
	struct complete *c = r->state;
	struct req_call_opts opts = {.timeout_s = BUCKET_LONG_S,
	    .fds = &c->list,
	    .n_fds = 1,
	    .again = ask};

	m.id = bucket_text(r->param);
	m.condition = condition_message(&c->condition);
	m.sha256_parts.data = c->sum;
	m.sha256_parts.len = c->n_sum;
	req_call(r, nx_ask_multipart_complete(&m), &opts, on_complete);
}

void
multipart_complete(struct req *r)
{
	const cJSON *list = json_member(r->json, "parts");
	const struct http_error *error = NULL;
	struct complete *c;

	if (!is_known(r->json))
		error = &wrong;
	c = error ? NULL : calloc(1, sizeof(*c));
	if (c) {
		c->list = -1;
		r->state = c;
		r->ops = &complete_ops;
		error = condition_of(&c->condition, &r->x.head);
		if (!error && !read_sum(r->json, c))
			error = &sum;
	}
	if (error)
		req_fail_http(r, error);
	else if (!c)
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
	else if (read_parts(r, list, c)) {
		/* The list is in the memfd: its text need not wait along. */
		cJSON_Delete(nx_take_ptr(r->json));
		free(nx_take_ptr(r->body));
		r->body_len = r->body_cap = 0;
		ask(r);
	}
}
