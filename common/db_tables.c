/* See db_tables.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_internal.h"
#include "common/db_tables.h"

static int
name_column(struct nx_db_table *t, const char *name)
{
	char *list;

	if (!name || strlen(name) >= NX_DB_NAME || strchr(name, '"'))
		return -ENOTSUP;
	if (asprintf(&list, "%s%s\"%s\"", t->columns ? t->columns : "",
		t->columns ? "," : "", name) < 0)
		return -ENOMEM;
	free(t->columns);
	t->columns = list;
	return 0;
}

/* A row of PRAGMA table_info: a column, and its place in the key. */
static int
add_column(struct nx_db_table *t, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	const char *type = (const char *)sqlite3_column_text(row, 2);
	int place = sqlite3_column_int(row, 5), r = name_column(t, name);

	t->n_columns++;
	if (r < 0 || place == 0)
		return r;
	if (place > NX_DB_KEYS)
		return -ENOTSUP;
	(void)snprintf(t->keys[place - 1], NX_DB_NAME, "%s", name);
	t->key_columns[place - 1] = t->n_columns - 1;
	if (place > t->n_keys)
		t->n_keys = place;
	t->unnamed = !type || strcmp(type, "INTEGER") != 0;
	return 0;
}

/* The key of an ordinary table is the rowid; its primary key is that as well
 * if it is one INTEGER. */
static int
settle_key(struct nx_db_table *t)
{
	if (t->without_rowid) {
		t->unnamed = false;
		return t->n_keys > 0 ? 0 : -ENOTSUP;
	}
	if (t->n_keys != 1)
		t->unnamed = true;
	t->n_keys = 1;
	(void)snprintf(t->keys[0], NX_DB_NAME, "rowid");
	return 0;
}

static int
read_table(sqlite3 *db, struct nx_db_table *t)
{
	sqlite3_stmt *stmt = NULL;
	char sql[128];
	int rc, r = 0;

	(void)snprintf(
	    sql, sizeof(sql), "PRAGMA main.table_info(\"%s\")", t->name);
	rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	while (rc == SQLITE_OK && r == 0 &&
	    (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		r = add_column(t, stmt);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	if (r == 0 && rc != SQLITE_DONE)
		r = nx_db_errno_of(rc);
	return r < 0 ? r : settle_key(t);
}

static int
add_table(sqlite3 *db, struct nx_db_tables *t, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	struct nx_db_table *more =
	    reallocarray(t->all, t->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	t->all = more;
	more += t->n;
	memset(more, 0, sizeof(*more));
	if (!name || strlen(name) >= NX_DB_NAME || strchr(name, '"'))
		return -ENOTSUP;
	(void)snprintf(more->name, sizeof(more->name), "%s", name);
	more->without_rowid = sqlite3_column_int(row, 1) != 0;
	t->n++;
	return read_table(db, more);
}

int
nx_db_tables_read(sqlite3 *db, struct nx_db_tables *ret_tables)
{
	struct nx_db_tables t = {0};
	sqlite3_stmt *stmt = NULL;
	int r = 0;
	int rc = sqlite3_prepare_v2(db,
	    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main'"
	    " AND type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
	    -1, &stmt, NULL);

	while (rc == SQLITE_OK && r == 0 &&
	    (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		r = add_table(db, &t, stmt);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	if (r == 0 && rc != SQLITE_DONE)
		r = nx_db_errno_of(rc);
	if (r < 0)
		nx_db_tables_fini(&t);
	else
		*ret_tables = t;
	return r;
}

void
nx_db_tables_fini(struct nx_db_tables *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->all[i].columns);
	free(t->all);
	*t = (struct nx_db_tables){0};
}

const struct nx_db_table *
nx_db_tables_find(const struct nx_db_tables *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->all[i].name) == len &&
		    memcmp(t->all[i].name, name, len) == 0)
			return &t->all[i];
	return NULL;
}
