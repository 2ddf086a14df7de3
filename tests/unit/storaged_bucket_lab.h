/*
 * What the tests of buckets do with a catalogue alone: buckets made, objects put
 * and listed, uploads in pieces. Includes the laboratory itself.
 */
#ifndef STORAGED_BUCKET_LAB_H
#define STORAGED_BUCKET_LAB_H

#include "storaged_catalog_lab.h"

static inline struct catalog_key
key_of(const char *text)
{
	return (struct catalog_key){(const uint8_t *)text, strlen(text)};
}

static inline int
make_bucket(uint64_t owner, const char *name, bool lockable)
{
	int result = INT32_MAX;
	struct catalog_bucket_op op = {.quota = QUOTA,
	    .entries = 10000000,
	    .bucket = {.owner = owner,
		.lockable = lockable,
		.versions =
		    lockable ? CATALOG_VERSIONS_ON : CATALOG_VERSIONS_OFF},
	    .done = on_done,
	    .arg = &result};

	(void)snprintf(op.bucket.name, sizeof(op.bucket.name), "%s", name);
	catalog_bucket_make(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline struct catalog_bucket
bucket(const char *name)
{
	struct catalog_bucket b;

	assert_int_equal(catalog_bucket_find(lab.c, 0, name, &b), 0);
	return b;
}

static inline int
set_bucket(const char *name, enum catalog_versions versions,
    enum catalog_lock_mode mode, uint32_t days)
{
	int result = INT32_MAX;
	struct catalog_bucket_op op = {
	    .bucket = bucket(name), .done = on_done, .arg = &result};

	op.bucket.versions = versions;
	op.bucket.mode = mode;
	op.bucket.days = days;
	op.lock = true;
	catalog_bucket_set(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline int
delete_bucket(uint64_t owner, const char *name)
{
	int result = INT32_MAX;
	struct catalog_bucket_op op = {
	    .bucket = bucket(name), .done = on_done, .arg = &result};

	op.bucket.owner = owner;
	catalog_bucket_delete(lab.c, &op);
	wait_for(&result);
	return result;
}

/* What a put may say beside bucket, key and size; zeros: nothing. */
struct object_more {
	const char *etag, *meta;
	struct catalog_lock lock;
	struct catalog_condition condition;
	uint64_t quota;
	char version[NX_ID_LEN + 1]; /* result */
};

static inline int
put_object(
    const char *name, const char *key, uint64_t size, struct object_more *more)
{
	static struct object_more none;
	struct object_more *m = more ? more : &none;
	struct catalog_bucket b = bucket(name);
	struct catalog_object_put object = {.bucket = b.key,
	    .key = key_of(key),
	    .lock = m->lock,
	    .meta = (const uint8_t *)m->meta,
	    .meta_len = m->meta ? strlen(m->meta) : 0};
	struct put *p = malloc(sizeof(*p));
	int result;

	put_start(p, b.owner, NULL, size, size > 0 ? 1 : 0);
	if (size > 0 && size < CHUNK_SIZE)
		p->chunks[0].sums.size = (uint32_t)size;
	p->op.object = &object;
	p->op.condition = m->condition;
	p->op.file.name[0] = '\0';
	if (m->quota)
		p->op.quota = m->quota;
	(void)snprintf(p->op.file.etag.text, sizeof(p->op.file.etag.text), "%s",
	    m->etag ? m->etag : "e");
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	result = p->result;
	memcpy(m->version, object.version, sizeof(m->version));
	free(p->chunks);
	free(p);
	return result;
}

static inline int
find_object(const char *name, const char *key, const char *version,
    struct catalog_object *ret_object)
{
	struct catalog_bucket b = bucket(name);
	struct catalog_key k = key_of(key);

	return catalog_object_find(lab.c, &b, &k, version, ret_object);
}

static inline int
remove_object(const char *name, const char *key, const char *version,
    bool bypass, struct catalog_object_remove *ret_op)
{
	struct catalog_bucket b = bucket(name);
	int result = INT32_MAX;
	struct catalog_object_remove op = {.bucket = b.key,
	    .owner = b.owner,
	    .key = key_of(key),
	    .version = version,
	    .bypass = bypass,
	    .quota = QUOTA,
	    .entries = 10000000,
	    .done = on_done,
	    .arg = &result};

	catalog_object_remove(lab.c, &op);
	wait_for(&result);
	if (ret_op)
		*ret_op = op;
	return result;
}

static inline int
lock_object(const char *name, const char *key, const char *version,
    struct catalog_lock lock, bool until, bool hold, bool bypass)
{
	struct catalog_bucket b = bucket(name);
	int result = INT32_MAX;
	struct catalog_object_lock op = {.bucket = b.key,
	    .owner = b.owner,
	    .key = key_of(key),
	    .version = version,
	    .lock = lock,
	    .set_until = until,
	    .set_hold = hold,
	    .bypass = bypass,
	    .done = on_done,
	    .arg = &result};

	catalog_object_lock(lab.c, &op);
	wait_for(&result);
	return result;
}

/* --- lists, as text: "a b/ c" -----------------------------------------------*/

struct listed_text {
	char text[65536];
	size_t len, n;
};

static inline bool
list_text(const struct catalog_listed *one, void *arg)
{
	struct listed_text *t = arg;
	const uint8_t *data = one->object ? one->object->key : one->prefix.data;
	size_t len = one->object ? one->object->key_len : one->prefix.len;

	assert_true(t->len + len + 8 < sizeof(t->text));
	if (t->n++ > 0)
		t->text[t->len++] = ' ';
	memcpy(t->text + t->len, data, len);
	t->len += len;
	if (!one->object)
		t->text[t->len++] = '*';
	else if (one->object->marker)
		t->text[t->len++] = '-';
	if (one->object && one->object->current)
		t->text[t->len++] = '!';
	t->text[t->len] = '\0';
	return true;
}

/* All pages of @page lines each. */
static inline const char *
list_all_pages(const char *name, const char *prefix, const char *delimiter,
    bool versions, size_t page)
{
	static struct listed_text t;
	struct catalog_bucket b = bucket(name);
	struct catalog_listing l = {.prefix = key_of(prefix),
	    .delimiter = key_of(delimiter),
	    .versions = versions,
	    .max = page};
	bool more;

	t.len = t.n = 0;
	t.text[0] = '\0';
	do {
		size_t before = t.n;

		assert_int_equal(
		    catalog_object_list(lab.c, &b, &l, list_text, &t, &more),
		    0);
		assert_true(t.n - before <= page);
		assert_true(!more || t.n > before);
	} while (more);
	return t.text;
}

/* --- uploads in pieces ------------------------------------------------------*/

static inline int
open_upload(uint64_t owner, const char *name, const char *key,
    struct catalog_upload *ret_upload)
{
	int result = INT32_MAX;
	struct catalog_upload_open op = {.quota = QUOTA,
	    .entries = 10000000,
	    .keep = 100,
	    .upload = {.owner = owner, .kind = CATALOG_RESUMABLE, .want = 1},
	    .done = on_done,
	    .arg = &result};

	if (name) {
		op.upload.kind = CATALOG_MULTIPART;
		op.upload.bucket = bucket(name).key;
		op.upload.key_len = strlen(key);
		memcpy(op.upload.key, key, op.upload.key_len);
	} else
		(void)snprintf(
		    op.upload.path, sizeof(op.upload.path), "%s", key);
	catalog_upload_open(lab.c, &op);
	wait_for(&result);
	*ret_upload = op.upload;
	return result;
}

/* Of @n chunks; its etag is "NUMBER-SIZE". */
static inline int
put_part(const struct catalog_upload *u, uint32_t number, uint64_t offset,
    uint64_t size)
{
	struct catalog_part_put part = {
	    .upload = u->file, .number = number, .offset = offset};
	uint32_t n = (uint32_t)((size + CHUNK_SIZE - 1) / CHUNK_SIZE);
	struct put *p = malloc(sizeof(*p));
	uint64_t left = size;
	int result;

	put_start(p, u->owner, NULL, size, n);
	for (uint32_t i = 0; i < n; i++) {
		p->chunks[i].sums.size =
		    left < CHUNK_SIZE ? (uint32_t)left : CHUNK_SIZE;
		left -= p->chunks[i].sums.size;
	}
	p->op.part = &part;
	(void)snprintf(p->op.file.etag.text, sizeof(p->op.file.etag.text),
	    "%u-%llu", number, (unsigned long long)size);
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	result = p->result;
	free(p->chunks);
	free(p);
	return result;
}

static inline struct catalog_part
part(uint32_t number, uint64_t size)
{
	struct catalog_part p = {.number = number};

	(void)snprintf(p.etag.text, sizeof(p.etag.text), "%u-%llu", number,
	    (unsigned long long)size);
	return p;
}

/* Multipart: of @parts; resumable: of @n pieces that are @size. */
static inline int
place_parts(const struct catalog_upload *u, struct catalog_part *parts,
    size_t n, struct catalog_assembly *ret_assembly, size_t *ret_wrong)
{
	int result = INT32_MAX;
	struct catalog_placing op = {.owner = u->owner,
	    .upload = u->file,
	    .parts = parts,
	    .n_parts = n,
	    .done = on_done,
	    .arg = &result};

	catalog_place_parts(lab.c, &op);
	wait_for(&result);
	*ret_assembly = (struct catalog_assembly){.upload = u->file,
	    .parts = (uint32_t)n,
	    .changes = op.changes,
	    .size = op.size,
	    .chunks = op.chunks};
	if (ret_wrong)
		*ret_wrong = op.wrong;
	return result;
}

/* @path NULL: to the upload's key. */
static inline int
commit_assembly(const struct catalog_upload *u, const char *path,
    struct catalog_assembly *assembly)
{
	struct catalog_object_put object = {
	    .bucket = u->bucket, .key = {u->key, u->key_len}};
	struct put *p = malloc(sizeof(*p));
	int result;

	put_start(p, u->owner, path, 0, 0);
	p->op.assembly = assembly;
	if (!path)
		p->op.object = &object;
	(void)snprintf(p->op.file.etag.text, sizeof(p->op.file.etag.text),
	    "whole-%u", assembly->parts);
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	result = p->result;
	free(p->chunks);
	free(p);
	return result;
}

static inline int
complete(const struct catalog_upload *u, struct catalog_part *parts, size_t n,
    size_t *ret_wrong)
{
	struct catalog_assembly assembly;
	int r = place_parts(u, parts, n, &assembly, ret_wrong);

	return r != 0 ? r : commit_assembly(u, NULL, &assembly);
}

static inline int
finish(const struct catalog_upload *u, const char *path, uint32_t parts)
{
	struct catalog_assembly assembly = {.upload = u->file,
	    .changes = u->changes,
	    .parts = parts,
	    .size = u->size,
	    .chunks = u->chunks};

	return commit_assembly(u, path, &assembly);
}

static inline int
drop_upload(const struct catalog_upload *u)
{
	int result = INT32_MAX;
	struct catalog_upload_drop op = {.owner = u->owner,
	    .upload = u->file,
	    .done = on_done,
	    .arg = &result};

	catalog_upload_drop(lab.c, &op);
	wait_for(&result);
	return result;
}

#endif
