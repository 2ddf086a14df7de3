/*
 * Lists of a bucket: one walk along an index, in the order of the keys' bytes.
 * What begins with a common prefix is not walked through: the next row is looked
 * for behind it. So a page costs as many steps as it has lines, whatever there
 * is between them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_object_internal.h"

/* Where the next row is looked for: at this key or behind it. */
struct seek {
	uint8_t key[CATALOG_KEY_MAX + 1];
	size_t len;
	int64_t before; /* versions: of exactly this key, those older; 0: all */
	bool end;
};

struct walk {
	struct nx_db *db;
	int64_t bucket;
	struct catalog_listing *l;
	struct seek seek;
	sqlite3_stmt *stmt; /* at a row, or NULL */
	bool full;
	size_t n;
};

/* The least key that does not begin with @key[0..len). */
static void
seek_beyond(struct seek *s, const uint8_t *key, size_t len)
{
	while (len > 0 && key[len - 1] == 0xff)
		len--;
	s->end = len == 0;
	s->before = 0;
	memmove(s->key, key, len);
	s->len = len;
	if (len > 0)
		s->key[len - 1]++;
}

static void
seek_after(struct seek *s, const uint8_t *key, size_t len)
{
	memmove(s->key, key, len);
	s->key[len] = 0; /* which no key has */
	s->len = len + 1;
	s->before = 0;
	s->end = false;
}

static bool
is_before(const struct seek *s, const struct catalog_key *key)
{
	size_t n = s->len < key->len ? s->len : key->len;
	int c = memcmp(s->key, key->data, n);

	return c < 0 || (c == 0 && s->len < key->len);
}

static void
seek_begin(struct seek *s, const struct catalog_listing *l)
{
	const struct catalog_cursor *cursor = &l->cursor;

	*s = (struct seek){.len = 0};
	if (cursor->len > 0 && cursor->row != 0) {
		memcpy(s->key, cursor->key, cursor->len);
		s->len = cursor->len;
		s->before = cursor->row;
	} else if (cursor->len > 0 && cursor->beyond)
		seek_beyond(s, cursor->key, cursor->len);
	else if (cursor->len > 0)
		seek_after(s, cursor->key, cursor->len);
	if (!s->end && is_before(s, &l->prefix)) {
		memcpy(s->key, l->prefix.data, l->prefix.len);
		s->len = l->prefix.len;
		s->before = 0;
	}
}

/* --- rows -------------------------------------------------------------------*/

static const char live_rows[] =
    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.bucket = ? AND o.key >= ?"
    " AND o.live = 1 ORDER BY o.key";
static const char all_rows[] =
    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.bucket = ? AND o.key >= ?"
    " ORDER BY o.key, o.object DESC";
static const char older_rows[] =
    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.bucket = ? AND o.key = ?"
    " AND o.object < ? ORDER BY o.object DESC";

static const char live_key[] =
    "SELECT key FROM objects INDEXED BY objects_live WHERE bucket = ?"
    " AND key >= ? AND live = 1 ORDER BY key LIMIT 1";
static const char any_key[] =
    "SELECT key FROM objects INDEXED BY objects_key WHERE bucket = ?"
    " AND key >= ? ORDER BY key LIMIT 1";

/* 1 at a row, 0 none, -errno. */
static int
begin_walk(struct walk *w)
{
	struct seek *s = &w->seek;
	const void *key = s->key;
	int r;

	if (s->end)
		return 0;
	if (s->before != 0) {
		r = nx_db_query(w->db, &w->stmt, older_rows, "ibi", w->bucket,
		    key, s->len, s->before);
		if (r != 0)
			return r;
		seek_after(s, s->key, s->len);
	}
	return nx_db_query(w->db, &w->stmt,
	    w->l->versions ? all_rows : live_rows, "ib", w->bucket, key,
	    s->len);
}

/* The walk's next row: after those of one key all the others follow. */
static int
step(struct walk *w)
{
	int r = nx_db_next(w->stmt);

	if (r != 0 || w->seek.before == 0)
		return r;
	seek_after(&w->seek, w->seek.key, w->seek.len);
	return begin_walk(w);
}

static void
end_walk(struct walk *w)
{
	if (w->stmt)
		sqlite3_reset(w->stmt);
	w->stmt = NULL;
}

/* --- lines ------------------------------------------------------------------*/

static bool
has_prefix(const uint8_t *key, size_t len, const struct catalog_key *prefix)
{
	return len >= prefix->len &&
	    memcmp(key, prefix->data, prefix->len) == 0;
}

/* The length of the common prefix @key is below; 0: of none. */
static size_t
common_prefix(const uint8_t *key, size_t len, const struct catalog_listing *l)
{
	const uint8_t *found;

	if (l->delimiter.len == 0)
		return 0;
	found = memmem(key + l->prefix.len, len - l->prefix.len,
	    l->delimiter.data, l->delimiter.len);
	return found ? (size_t)(found - key) + l->delimiter.len : 0;
}

/* False: there is no room for it. */
static bool
take(struct walk *w, const struct catalog_listed *one,
    catalog_object_each *each, void *arg)
{
	if (w->n == w->l->max || !each(one, arg)) {
		w->full = true;
		return false;
	}
	w->n++;
	return true;
}

static void
remember(struct catalog_cursor *c, const uint8_t *key, size_t len, bool beyond,
    int64_t row)
{
	memcpy(c->key, key, len);
	c->len = len;
	c->beyond = beyond;
	c->row = row;
}

/* What begins with @key's first @common bytes is one line. False: no room. */
static bool
take_prefix(struct walk *w, const uint8_t *key, size_t common,
    catalog_object_each *each, void *arg)
{
	struct catalog_listed one = {.prefix = {key, common}};

	if (!take(w, &one, each, arg))
		return false;
	remember(&w->l->cursor, key, common, true, 0);
	seek_beyond(&w->seek, key, common);
	return true;
}

/* The key at the seek or behind it: from the index alone, no row is read. 1, 0:
 * there is none, -errno. */
static int
peek(struct walk *w, uint8_t ret_key[CATALOG_KEY_MAX], size_t *ret_len)
{
	const void *key = w->seek.key;
	sqlite3_stmt *stmt;
	int r = nx_db_query(w->db, &stmt, w->l->versions ? any_key : live_key,
	    "ib", w->bucket, key, w->seek.len);
	size_t len;

	if (r <= 0)
		return r;
	len = (size_t)sqlite3_column_bytes(stmt, 0);
	if (len == 0 || len > CATALOG_KEY_MAX)
		r = -EBADMSG;
	else
		memcpy(ret_key, sqlite3_column_blob(stmt, 0), len);
	*ret_len = len;
	sqlite3_reset(stmt);
	return r;
}

/* From one common prefix to the next, as long as there is nothing else between
 * them. 1 at a row, 0 no more, -errno. */
static int
skip(struct walk *w, catalog_object_each *each, void *arg)
{
	uint8_t key[CATALOG_KEY_MAX];
	size_t len, common;

	while (!w->seek.end) {
		int r = peek(w, key, &len);

		if (r <= 0 || !has_prefix(key, len, &w->l->prefix))
			return r < 0 ? r : 0;
		common = common_prefix(key, len, w->l);
		if (common == 0)
			return begin_walk(w);
		if (!take_prefix(w, key, common, each, arg))
			return 0;
	}
	return 0;
}

/* One row, which may stand for many. 1 at the next one, 0 no more, -errno. */
static int
list_row(struct walk *w, struct catalog_object *o, catalog_object_each *each,
    void *arg)
{
	size_t common = common_prefix(o->key, o->key_len, w->l);
	struct catalog_listed one = {.object = o};

	if (common == 0) {
		if (!take(w, &one, each, arg))
			return 0;
		remember(&w->l->cursor, o->key, o->key_len, false,
		    w->l->versions ? o->row : 0);
		return step(w);
	}
	if (!take_prefix(w, o->key, common, each, arg))
		return 0;
	end_walk(w);
	return skip(w, each, arg);
}

/* The first row of a key that the walk meets is its newest, unless it began in
 * the middle of that key. */
static bool
is_newest(const struct catalog_object *o, const struct catalog_object *last,
    const struct walk *w)
{
	if (!w->l->versions)
		return true;
	if (w->seek.before != 0)
		return false;
	return last->key_len != o->key_len ||
	    memcmp(last->key, o->key, o->key_len) != 0;
}

static int
walk(struct walk *w, catalog_object_each *each, void *arg)
{
	struct catalog_object *o = calloc(2, sizeof(*o));
	int r = o ? begin_walk(w) : -ENOMEM;

	for (size_t i = 0; r > 0; i++) {
		struct catalog_object *now = &o[i % 2];

		r = object_read(w->stmt, now);
		if (r < 0 || !has_prefix(now->key, now->key_len, &w->l->prefix))
			break;
		now->current = is_newest(now, &o[(i + 1) % 2], w);
		r = list_row(w, now, each, arg);
	}
	end_walk(w);
	free(o);
	return r < 0 ? r : 0;
}

int
catalog_object_list(struct catalog *c, const struct catalog_bucket *bucket,
    struct catalog_listing *l, catalog_object_each *each, void *arg,
    bool *ret_more)
{
	struct walk w = {.db = c->db, .bucket = bucket->key, .l = l};
	int r;

	seek_begin(&w.seek, l);
	r = walk(&w, each, arg);
	*ret_more = w.full;
	return r;
}
