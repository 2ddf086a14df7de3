/* Collecting what a transaction changes; see db_ship.h. */
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_internal.h"
#include "common/db_ship.h"
#include "common/db_tables.h"
#include "common/err.h"
#include "common/log.h"

#define SLOTS_MIN 256U /* a power of two */

struct bytes {
	uint8_t *data;
	size_t len, room;
	bool failed; /* no memory */
};

struct key {
	uint32_t at, len; /* in the arena */
	uint16_t table;
};

struct nx_db_ship {
	const struct nx_db_shipper *shipper;
	void *arg;
	struct nx_db_tables tables;
	sqlite3_stmt **rows; /* of each table, one row by its key */
	struct bytes arena;  /* keys, as values are written */
	struct key *keys;
	size_t n, room;
	uint32_t *slots; /* index + 1 into keys; 0: free */
	size_t n_slots;
	struct bytes out;
	int error;    /* collecting failed: nothing may be committed */
	bool quiet;   /* what is written now is the shipper's own */
	bool shipped; /* over() is due */
};

/* --- bytes ------------------------------------------------------------------*/

static void
put(struct bytes *b, const void *data, size_t len)
{
	if (b->failed)
		return;
	if (b->len + len > b->room) {
		size_t room = b->room ? b->room * 2 : 4096;
		uint8_t *more;

		while (room < b->len + len)
			room *= 2;
		more = realloc(b->data, room);
		if (!more) {
			b->failed = true;
			return;
		}
		b->data = more;
		b->room = room;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void
put_byte(struct bytes *b, int byte)
{
	uint8_t u = (uint8_t)byte;

	put(b, &u, 1);
}

static void
put_int(struct bytes *b, int64_t v)
{
	put_byte(b, SQLITE_INTEGER);
	put(b, &v, sizeof(v));
}

static void
put_value(struct bytes *b, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	const void *data;
	uint32_t len;
	double real;

	if (type == SQLITE_INTEGER) {
		put_int(b, sqlite3_value_int64(v));
		return;
	}
	put_byte(b, type);
	if (type == SQLITE_FLOAT) {
		real = sqlite3_value_double(v);
		put(b, &real, sizeof(real));
	} else if (type != SQLITE_NULL) {
		data = type == SQLITE_TEXT ? sqlite3_value_text(v)
					   : sqlite3_value_blob(v);
		len = (uint32_t)sqlite3_value_bytes(v);
		put(b, &len, sizeof(len));
		put(b, data, len);
	}
}

/* --- keys -------------------------------------------------------------------*/

static uint32_t
hash_of(const uint8_t *data, size_t len, uint16_t table)
{
	uint32_t h = 2166136261U ^ table;

	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 16777619U;
	return h;
}

static bool
is_key(const struct nx_db_ship *s, const struct key *a, const struct key *b)
{
	return a->table == b->table && a->len == b->len &&
	    memcmp(s->arena.data + a->at, s->arena.data + b->at, a->len) == 0;
}

/* The slot @k is in, or belongs in. */
static uint32_t *
slot_of(const struct nx_db_ship *s, const struct key *k)
{
	size_t i = hash_of(s->arena.data + k->at, k->len, k->table);

	for (;; i++) {
		uint32_t *slot = &s->slots[i & (s->n_slots - 1)];

		if (*slot == 0 || is_key(s, &s->keys[*slot - 1], k))
			return slot;
	}
}

static int
grow(struct nx_db_ship *s)
{
	size_t n_slots = s->n_slots ? s->n_slots * 2 : SLOTS_MIN;
	struct key *keys = reallocarray(s->keys, n_slots / 2, sizeof(*keys));
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (keys) {
		s->keys = keys;
		s->room = n_slots / 2;
	}
	if (!keys || !slots) {
		free(slots);
		return -ENOMEM;
	}
	free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	for (size_t i = 0; i < s->n; i++)
		*slot_of(s, &s->keys[i]) = (uint32_t)i + 1;
	return 0;
}

/* The key whose bytes are in the arena from @at on. */
static void
add_key(struct nx_db_ship *s, size_t at, uint16_t table)
{
	struct key k = {.at = (uint32_t)at,
	    .len = (uint32_t)(s->arena.len - at),
	    .table = table};
	uint32_t *slot;

	if (s->arena.failed || s->arena.len > UINT32_MAX ||
	    (s->n == s->n_slots / 2 && grow(s) < 0)) {
		s->error = -ENOMEM;
		return;
	}
	slot = slot_of(s, &k);
	if (*slot != 0) {
		s->arena.len = at;
		return;
	}
	s->keys[s->n++] = k;
	*slot = (uint32_t)s->n;
}

/* Of a table WITHOUT ROWID: its key before (@read: old) or after the change. */
static void
add_values(struct nx_db_ship *s, sqlite3 *sqlite, uint16_t table,
    int (*read)(sqlite3 *sqlite, int column, sqlite3_value **ret))
{
	const struct nx_db_table *t = &s->tables.all[table];
	size_t at = s->arena.len;
	sqlite3_value *v;

	for (int i = 0; i < t->n_keys; i++) {
		int rc = read(sqlite, t->key_columns[i], &v);

		if (rc != SQLITE_OK) {
			s->error = nx_db_errno_of(rc);
			return;
		}
		put_value(&s->arena, v);
	}
	add_key(s, at, table);
}

static void
add_rowid(struct nx_db_ship *s, uint16_t table, int64_t rowid)
{
	size_t at = s->arena.len;

	put_int(&s->arena, rowid);
	add_key(s, at, table);
}

static void
on_change(void *arg, sqlite3 *sqlite, int op, const char *schema,
    const char *name, sqlite3_int64 old, sqlite3_int64 new)
{
	struct nx_db_ship *s = arg;
	const struct nx_db_table *t;
	uint16_t table;

	if (s->quiet || s->error < 0 || strcmp(schema, "main") != 0)
		return;
	t = nx_db_tables_find(&s->tables, name, strlen(name));
	if (!t) {
		s->error = -ENOTSUP; /* made after we began */
		return;
	}
	table = (uint16_t)(t - s->tables.all);
	if (op != SQLITE_INSERT && t->without_rowid)
		add_values(s, sqlite, table, sqlite3_preupdate_old);
	else if (op != SQLITE_INSERT)
		add_rowid(s, table, old);
	if (op != SQLITE_DELETE && t->without_rowid)
		add_values(s, sqlite, table, sqlite3_preupdate_new);
	else if (op != SQLITE_DELETE)
		add_rowid(s, table, new);
}

/* --- rows -------------------------------------------------------------------*/

static int
bind_key(const struct nx_db_ship *s, const struct key *k, sqlite3_stmt *stmt)
{
	const uint8_t *p = s->arena.data + k->at;
	int rc = SQLITE_OK;

	for (int i = 1; i <= s->tables.all[k->table].n_keys; i++) {
		int type = *p++;
		uint32_t len = 8;

		if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
			memcpy(&len, p, sizeof(len));
			p += sizeof(len);
		}
		if (type == SQLITE_INTEGER) {
			int64_t v;

			memcpy(&v, p, sizeof(v));
			rc = sqlite3_bind_int64(stmt, i, v);
		} else if (type == SQLITE_TEXT)
			rc = sqlite3_bind_text(
			    stmt, i, (const char *)p, (int)len, SQLITE_STATIC);
		else if (type == SQLITE_BLOB)
			rc = sqlite3_bind_blob(
			    stmt, i, p, (int)len, SQLITE_STATIC);
		else
			rc = SQLITE_MISMATCH; /* no key of ours */
		if (rc != SQLITE_OK)
			return nx_db_errno_of(rc);
		p += len;
	}
	return 0;
}

static void
put_head(struct nx_db_ship *s, int kind, const struct nx_db_table *t, int n)
{
	put_byte(&s->out, kind);
	put_byte(&s->out, (int)strlen(t->name));
	put(&s->out, t->name, strlen(t->name));
	put_byte(&s->out, n);
}

static int
put_row(struct nx_db_ship *s, const struct key *k)
{
	const struct nx_db_table *t = &s->tables.all[k->table];
	sqlite3_stmt *stmt = s->rows[k->table];
	int r = bind_key(s, k, stmt), rc;

	if (r < 0)
		return r;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		int n = t->n_columns + t->unnamed;

		put_head(s, NX_DB_PUT, t, n);
		for (int i = 0; i < n; i++)
			put_value(&s->out, sqlite3_column_value(stmt, i));
	} else if (rc == SQLITE_DONE) {
		put_head(s, NX_DB_DELETE, t, t->n_keys);
		put(&s->out, s->arena.data + k->at, k->len);
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE
	    ? 0
	    : nx_db_errno_of(nx_db_alive(sqlite3_db_handle(stmt), rc, "row"));
}

/* --- the transaction --------------------------------------------------------*/

void
nx_db_ship_begin(struct nx_db *db)
{
	struct nx_db_ship *s = db->ship;

	if (!s)
		return;
	if (s->n > 0)
		memset(s->slots, 0, s->n_slots * sizeof(*s->slots));
	s->n = s->arena.len = s->out.len = 0;
	s->arena.failed = s->out.failed = false;
	s->error = 0;
	s->shipped = false;
}

int
nx_db_ship_changes(struct nx_db *db, bool sync)
{
	struct nx_db_ship *s = db->ship;
	int r = s ? s->error : 0;

	if (!s || (s->n == 0 && r == 0))
		return 0;
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = put_row(s, &s->keys[i]);
	if (r == 0 && s->out.failed)
		r = -ENOMEM;
	if (r < 0)
		return r;
	s->quiet = true;
	r = s->shipper->ship(db, s->out.data, s->out.len, sync, s->arg);
	s->quiet = false;
	s->shipped = r == 0;
	return r;
}

void
nx_db_ship_over(struct nx_db *db, bool committed)
{
	if (db->ship && db->ship->shipped)
		db->ship->shipper->over(committed, db->ship->arg);
}

void
nx_db_ship_settle(struct nx_db *db)
{
	if (db->ship)
		db->ship->shipper->settle(db->ship->arg);
}

/* --- opening ----------------------------------------------------------------*/

static int
prepare_row(sqlite3 *sqlite, const struct nx_db_table *t, sqlite3_stmt **ret)
{
	char sql[NX_DB_NAME * (NX_DB_KEYS + 2)];
	int n = snprintf(sql, sizeof(sql), "SELECT %s* FROM main.\"%s\" WHERE ",
	    t->unnamed ? "rowid, " : "", t->name);

	for (int i = 0; i < t->n_keys; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, "%s\"%s\" = ?",
		    i ? " AND " : "", t->keys[i]);
	if (sqlite3_prepare_v3(sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, ret,
		NULL) != SQLITE_OK)
		return nx_db_errno_of(sqlite3_errcode(sqlite));
	/* A generated column cannot be written. */
	return sqlite3_column_count(*ret) == t->n_columns + t->unnamed
	    ? 0
	    : -ENOTSUP;
}

struct nx_db_ship *
nx_db_ship_free(struct nx_db_ship *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; s->rows && i < s->tables.n; i++)
		sqlite3_finalize(s->rows[i]);
	free(s->rows);
	nx_db_tables_fini(&s->tables);
	free(s->arena.data);
	free(s->out.data);
	free(s->keys);
	free(s->slots);
	free(s);
	return NULL;
}

int
nx_db_ship(struct nx_db *db, const struct nx_db_shipper *shipper, void *arg)
{
	struct nx_db_ship *s = calloc(1, sizeof(*s));
	int r;

	nx_assert(!db->ship);
	if (!s)
		return -ENOMEM;
	s->shipper = shipper;
	s->arg = arg;
	r = sqlite3_compileoption_used("ENABLE_PREUPDATE_HOOK")
	    ? nx_db_tables_read(db->sqlite, &s->tables)
	    : -ENOTSUP;
	if (r == 0) {
		s->rows = calloc(s->tables.n + 1, sizeof(sqlite3_stmt *));
		r = s->rows ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < s->tables.n && r == 0; i++)
		r = prepare_row(db->sqlite, &s->tables.all[i], &s->rows[i]);
	if (r < 0) {
		nx_db_ship_free(s);
		return r;
	}
	db->ship = s;
	(void)sqlite3_preupdate_hook(db->sqlite, on_change, s);
	return 0;
}
