/*
 * Lists of objects and versions. A page is as long as fits a frame; where the
 * next one begins is in its cursor, which says it all: nothing is kept here
 * between two pages.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/trees/trees.h"

#define ROWS_MAX   250U
#define PAGE_BYTES 48000U
#define ROW_BYTES  240U /* beside key and name */
#define TEXT_MAX   512
#define CURSOR_MAX (2 * CATALOG_KEY_MAX + 64)

void
object_info(const struct catalog_object *o, Nx__ObjectInfo *ret_info)
{
	nx__object_info__init(ret_info);
	ret_info->key.data = (uint8_t *)(uintptr_t)o->key;
	ret_info->key.len = o->key_len;
	ret_info->version = info_text(o->version[0] ? o->version : "null");
	ret_info->current = o->current;
	ret_info->marker = o->marker;
	ret_info->id = info_text(o->id);
	ret_info->size = o->size;
	ret_info->etag = info_text(o->etag.text);
	ret_info->modified_at = o->modified_at;
	ret_info->parts = o->parts;
	ret_info->mode = info_text(bucket_mode_text(o->lock.mode));
	ret_info->until = o->lock.until;
	ret_info->hold = o->lock.hold;
}

int
object_info_alone(struct storaged *s, const struct catalog_object *o,
    struct object_told *told, Nx__ObjectInfo *ret_info)
{
	struct digest_values values;
	int r = catalog_file_digests(s->catalog, o->file, &values);

	object_info(o, ret_info);
	if (values.known[DIGEST_SHA256]) {
		checksum_text(
		    values.value[DIGEST_SHA256], SHA256_LEN, told->sha256);
		ret_info->sha256 = told->sha256;
	}
	if (values.known[DIGEST_SHA256_PARTS]) {
		checksum_text(values.value[DIGEST_SHA256_PARTS], SHA256_LEN,
		    told->sha256_parts);
		(void)snprintf(told->sha256_parts + 2 * SHA256_LEN, 12,
		    "-%" PRIu32, o->parts);
		ret_info->sha256_parts = told->sha256_parts;
	}
	return r;
}

struct row {
	struct catalog_object object; /* or its key is a common prefix */
	Nx__ObjectInfo info;
	char name[TEXT_MAX];
};

struct page {
	bool names;
	size_t n, bytes;
	struct row rows[ROWS_MAX];
	Nx__ObjectInfo *pointers[ROWS_MAX];
};

static bool
take(const struct catalog_listed *one, void *arg)
{
	struct page *p = arg;
	struct row *row = &p->rows[p->n];
	size_t len = one->object ? one->object->key_len : one->prefix.len;
	size_t bytes = ROW_BYTES + len * (p->names ? 4 : 1);

	/* Text is cut; a key can need three bytes for each of its own. */
	if (p->names && bytes > ROW_BYTES + len + TEXT_MAX)
		bytes = ROW_BYTES + len + TEXT_MAX;
	if (p->n > 0 && p->bytes + bytes > PAGE_BYTES)
		return false;
	if (one->object)
		row->object = *one->object;
	else {
		memset(&row->object, 0, sizeof(row->object));
		memcpy(row->object.key, one->prefix.data, len);
		row->object.key_len = len;
	}
	object_info(&row->object, &row->info);
	row->info.prefix = !one->object;
	if (!one->object)
		row->info.version = info_text("");
	if (p->names) {
		catalog_key_text(&(struct catalog_key){row->object.key, len},
		    row->name, sizeof(row->name));
		row->info.name = row->name;
	}
	p->pointers[p->n++] = &row->info;
	p->bytes += bytes;
	return true;
}

/* --- cursors: "k" or "p" (beyond), the row, ":", the key in hex -------------*/

static void
write_cursor(const struct catalog_cursor *c, char text[CURSOR_MAX])
{
	int at = snprintf(
	    text, CURSOR_MAX, "%c%" PRId64 ":", c->beyond ? 'p' : 'k', c->row);

	for (size_t i = 0; i < c->len; i++)
		at += snprintf(text + at, 3, "%02x", c->key[i]);
}

static int
digit(char c)
{
	const char *digits = "0123456789abcdef", *found;

	found = c ? strchr(digits, c) : NULL;
	return found ? (int)(found - digits) : -1;
}

static bool
read_cursor(const char *text, struct catalog_cursor *ret_cursor)
{
	int at = 0;
	char kind;

	if (text[0] == '\0')
		return true;
	if (sscanf(text, "%c%" SCNd64 ":%n", &kind, &ret_cursor->row, &at) !=
		2 ||
	    at == 0 || (kind != 'k' && kind != 'p') || ret_cursor->row < 0)
		return false;
	ret_cursor->beyond = kind == 'p';
	ret_cursor->len = 0;
	for (text += at; *text; text += 2) {
		int high = digit(text[0]), low = digit(text[1]);

		if (high < 0 || low < 0 || ret_cursor->len == CATALOG_KEY_MAX)
			return false;
		ret_cursor->key[ret_cursor->len++] = (uint8_t)(high << 4 | low);
	}
	return ret_cursor->len > 0;
}

static struct catalog_key
as_key(const ProtobufCBinaryData *data)
{
	return (struct catalog_key){
	    data->len > 0 ? data->data : (const uint8_t *)"", data->len};
}

/* start_after, and with versions the version of it. */
static bool
read_start(struct nx_request *r, struct storaged *s,
    const struct catalog_bucket *b, const Nx__ObjectListRequest *q,
    struct catalog_cursor *c)
{
	struct catalog_key key = {q->start_after.data, q->start_after.len};
	struct catalog_object *o;
	int e;

	if (key.len == 0)
		return true;
	memcpy(c->key, key.data, key.len);
	c->len = key.len;
	if (q->version_after[0] == '\0')
		return true;
	o = malloc(sizeof(*o));
	e = o ? catalog_object_find(s->catalog, b, &key, q->version_after, o)
	      : -ENOMEM;
	if (e == 0)
		c->row = o->row;
	free(o);
	if (e < 0)
		nx_refuse_errno(r, e, "listing the versions");
	return e >= 0; /* one that has gone: after all of that key */
}

static bool
read_listing(struct nx_request *r, struct storaged *s,
    const struct catalog_bucket *b, const Nx__ObjectListRequest *q,
    struct catalog_listing *l)
{
	*l = (struct catalog_listing){
	    .prefix = as_key(&q->prefix),
	    .delimiter = as_key(&q->delimiter),
	    .versions = q->versions,
	    .max = q->limit && q->limit < ROWS_MAX ? q->limit : ROWS_MAX,
	};
	if (q->after[0] == '\0')
		return read_start(r, s, b, q, &l->cursor);
	if (read_cursor(q->after, &l->cursor) &&
	    (q->versions || l->cursor.row == 0))
		return true;
	nx_refuse(r, NX__STATUS__INVALID,
	    "the cursor is not one this list has given");
	return false;
}

void
serve_object_list(
    struct nx_request *r, const Nx__ObjectListRequest *q, struct storaged *s)
{
	Nx__ObjectListReply reply = NX__OBJECT_LIST_REPLY__INIT;
	struct catalog_bucket b;
	struct catalog_listing l;
	char next[CURSOR_MAX];
	struct page *p;
	bool more = false;
	int e = -ENOMEM;

	if (!bucket_find(r, s, q->bucket, &b) || !read_listing(r, s, &b, q, &l))
		return;
	p = malloc(sizeof(*p));
	if (p) {
		p->names = q->names;
		p->n = p->bytes = 0;
		e = catalog_object_list(s->catalog, &b, &l, take, p, &more);
	}
	if (e < 0) {
		nx_refuse_errno(r, e, "listing the objects");
		free(p);
		return;
	}
	reply.n_objects = p->n;
	reply.objects = p->pointers;
	if (more) {
		write_cursor(&l.cursor, next);
		reply.next = next;
	}
	nx_answer_object_list(r, &reply);
	free(p);
}
