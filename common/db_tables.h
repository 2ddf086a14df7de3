/* The tables of a database and their keys, as db_ship.c and db_apply.c need
 * them. Between these only. */
#ifndef NX_DB_TABLES_H
#define NX_DB_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#define NX_DB_NAME 48
#define NX_DB_KEYS 8

struct nx_db_table {
	char name[NX_DB_NAME];
	bool without_rowid;
	bool unnamed; /* the rowid has no name: it is shipped as a value too */
	int n_columns, n_keys;
	char *columns;               /* all of them, as in a list */
	int key_columns[NX_DB_KEYS]; /* in the order of the key */
	char keys[NX_DB_KEYS][NX_DB_NAME];
};

struct nx_db_tables {
	struct nx_db_table *all;
	size_t n;
};

/* 0, -ENOTSUP when one has no fitting key, -errno. */
int nx_db_tables_read(sqlite3 *db, struct nx_db_tables *ret_tables);
void nx_db_tables_fini(struct nx_db_tables *t);
/* NULL: none has that name of @len bytes. */
const struct nx_db_table *
nx_db_tables_find(const struct nx_db_tables *t, const char *name, size_t len);

/* How a change is written: 'P' (a row, all its columns) or 'D' (a key), the
 * table's name, the values; lengths in little-endian. */
#define NX_DB_PUT    'P'
#define NX_DB_DELETE 'D'

#endif
