/*
 * Making the rows that were shipped; see db_ship.h. What comes here was read
 * from a disk: its checksum was right, and nothing else is taken for granted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_internal.h"
#include "common/db_ship.h"
#include "common/db_tables.h"

#define COLUMNS_MAX 64

struct nx_db_applier {
	sqlite3 *to;
	struct nx_db_tables tables;
	int had_keys, had_triggers; /* of @to, before */
	struct {
		sqlite3_stmt *put, *drop;
	} * of; /* each table */
};

struct input {
	const uint8_t *at, *end;
};

static bool
take(struct input *in, void *to, size_t len)
{
	if ((size_t)(in->end - in->at) < len)
		return false;
	memcpy(to, in->at, len);
	in->at += len;
	return true;
}

/* One value; SQLITE_OK, or SQLITE_CORRUPT when it is none. */
static int
bind_value(struct input *in, sqlite3_stmt *stmt, int i)
{
	const uint8_t *data;
	uint8_t type;
	int64_t integer;
	uint32_t len;
	double real;

	if (!take(in, &type, 1))
		return SQLITE_CORRUPT;
	if (type == SQLITE_NULL)
		return sqlite3_bind_null(stmt, i);
	if (type == SQLITE_INTEGER)
		return take(in, &integer, sizeof(integer))
		    ? sqlite3_bind_int64(stmt, i, integer)
		    : SQLITE_CORRUPT;
	if (type == SQLITE_FLOAT)
		return take(in, &real, sizeof(real))
		    ? sqlite3_bind_double(stmt, i, real)
		    : SQLITE_CORRUPT;
	if ((type != SQLITE_TEXT && type != SQLITE_BLOB) ||
	    !take(in, &len, sizeof(len)) || len > (size_t)(in->end - in->at))
		return SQLITE_CORRUPT;
	data = len > 0 ? in->at : (const uint8_t *)"";
	in->at += len;
	return type == SQLITE_TEXT
	    ? sqlite3_bind_text64(
		  stmt, i, (const char *)data, len, SQLITE_STATIC, SQLITE_UTF8)
	    : sqlite3_bind_blob64(stmt, i, data, len, SQLITE_STATIC);
}

static int
apply_one(struct nx_db_applier *a, struct input *in)
{
	const struct nx_db_table *t;
	uint8_t kind, len, n;
	char name[256];
	sqlite3_stmt *stmt;
	int rc = SQLITE_OK;

	if (!take(in, &kind, 1) || !take(in, &len, 1) || !take(in, name, len) ||
	    !take(in, &n, 1))
		return -EBADMSG;
	t = nx_db_tables_find(&a->tables, name, len);
	if (!t || (kind != NX_DB_PUT && kind != NX_DB_DELETE) ||
	    n != (kind == NX_DB_PUT ? t->n_columns + t->unnamed : t->n_keys))
		return -EBADMSG;
	stmt = kind == NX_DB_PUT ? a->of[t - a->tables.all].put
				 : a->of[t - a->tables.all].drop;
	for (int i = 1; i <= n && rc == SQLITE_OK; i++)
		rc = bind_value(in, stmt, i);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	/* A value its column cannot hold was not shipped by us. */
	if (rc == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_CONSTRAINT ||
	    (rc & 0xff) == SQLITE_MISMATCH)
		return -EBADMSG;
	return nx_db_errno_of(rc);
}

int
nx_db_apply(struct nx_db_applier *a, const void *data, size_t len)
{
	struct input in = {data, (const uint8_t *)data + len};
	int r = 0;

	while (in.at < in.end && r == 0)
		r = apply_one(a, &in);
	return r;
}

/* --- statements -------------------------------------------------------------*/

static int
prepare_put(sqlite3 *to, const struct nx_db_table *t, sqlite3_stmt **ret)
{
	char marks[COLUMNS_MAX * 2 + 3], *sql;
	int n = t->n_columns + t->unnamed, r;

	if (n > COLUMNS_MAX)
		return -ENOTSUP;
	for (int i = 0; i < n; i++)
		memcpy(marks + 2 * i, "?,", 2);
	marks[2 * n - 1] = '\0';
	if (asprintf(&sql,
		"INSERT OR REPLACE INTO main.\"%s\"(%s%s)"
		" VALUES(%s)",
		t->name, t->unnamed ? "rowid," : "", t->columns, marks) < 0)
		return -ENOMEM;
	r = nx_db_errno_of(sqlite3_prepare_v3(
	    to, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
	free(sql);
	return r;
}

static int
prepare_drop(sqlite3 *to, const struct nx_db_table *t, sqlite3_stmt **ret)
{
	char sql[NX_DB_NAME * (NX_DB_KEYS + 2)];
	int n = snprintf(
	    sql, sizeof(sql), "DELETE FROM main.\"%s\" WHERE ", t->name);

	for (int i = 0; i < t->n_keys; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, "%s\"%s\" = ?",
		    i ? " AND " : "", t->keys[i]);
	return nx_db_errno_of(sqlite3_prepare_v3(
	    to, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

/* Switches @what, and tells how it was. */
static int
switch_to(sqlite3 *to, int what, int value)
{
	int was = 0;

	(void)sqlite3_db_config(to, what, -1, &was);
	(void)sqlite3_db_config(to, what, value, NULL);
	return was;
}

int
nx_db_applier_new(sqlite3 *to, struct nx_db_applier **ret_applier)
{
	struct nx_db_applier *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->to = to;
	/* What they did is shipped as well. */
	a->had_keys = switch_to(to, SQLITE_DBCONFIG_ENABLE_FKEY, 0);
	a->had_triggers = switch_to(to, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0);
	r = nx_db_tables_read(to, &a->tables);
	if (r == 0) {
		a->of = calloc(a->tables.n + 1, sizeof(*a->of));
		r = a->of ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < a->tables.n && r == 0; i++) {
		r = prepare_put(to, &a->tables.all[i], &a->of[i].put);
		if (r == 0)
			r = prepare_drop(to, &a->tables.all[i], &a->of[i].drop);
	}
	if (r < 0)
		nx_db_applier_free(a);
	else
		*ret_applier = a;
	return r;
}

struct nx_db_applier *
nx_db_applier_free(struct nx_db_applier *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; a->of && i < a->tables.n; i++) {
		sqlite3_finalize(a->of[i].put);
		sqlite3_finalize(a->of[i].drop);
	}
	(void)switch_to(a->to, SQLITE_DBCONFIG_ENABLE_FKEY, a->had_keys);
	(void)switch_to(a->to, SQLITE_DBCONFIG_ENABLE_TRIGGER, a->had_triggers);
	free(a->of);
	nx_db_tables_fini(&a->tables);
	free(a);
	return NULL;
}
