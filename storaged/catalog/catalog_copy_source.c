/*
 * What is copied: what is at a path, or what was there when a snapshot was made,
 * or before a folder above it was deleted.
 */
#include <stdio.h>

#include "common/err.h"
#include "storaged/catalog/catalog_copying.h"
#include "storaged/catalog/catalog_past.h"
#include "storaged/catalog/catalog_then.h"

#define THEN_ROWS 16 /* they are large */

static int
source_then(struct nx_db *db, struct catalog_copy *op)
{
	struct catalog_snapshot s;
	int r = then_find(db, op->owner, op->snapshot, &s);

	op->copying->was = op->copying->then = true;
	if (r != 0)
		return r;
	op->copying->epoch = s.epoch;
	return then_walk(db, op->owner, &s, &op->path, &op->entry);
}

/* As long as it can be had its rows are where they were, with its key. */
static int
source_deleted(
    struct nx_db *db, const struct catalog_copy *op, int64_t *ret_key)
{
	struct past_folder at;
	int r = past_folder(db, op->owner, &op->path, op->path.depth, &at);

	if (r == 0)
		*ret_key = at.key;
	return r;
}

int
copy_source(struct nx_db *db, struct catalog_copy *op)
{
	int r;

	if (op->snapshot[0] != '\0')
		return source_then(db, op);
	if (op->deleted) {
		op->copying->was = true;
		op->entry = (struct catalog_entry){.folder = true};
		return source_deleted(db, op, &op->entry.key);
	}
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &op->entry);
	return r == 0 && op->entry.key == 0 ? CATALOG_IS_ROOT : r;
}

int
copy_check_source(struct nx_db *db, const struct catalog_copy *op)
{
	struct catalog_snapshot s;
	struct catalog_entry entry;
	int r;

	if (op->copying->then) {
		r = then_find(db, op->owner, op->snapshot, &s);
		return r == 0 && s.epoch != op->copying->epoch
		    ? CATALOG_NO_SNAPSHOT
		    : r;
	}
	r = op->deleted
	    ? source_deleted(db, op, &entry.key)
	    : catalog_walk(db, op->owner, &op->path, op->path.depth, &entry);
	if (r != 0)
		return r;
	return entry.key == op->copying->source ? 0 : CATALOG_NO_PATH;
}

static int
children_then(struct nx_db *db, const struct catalog_copy *op,
    struct copy_level *at, struct copy_child *ret_children, bool *ret_end)
{
	struct catalog_entry entries[THEN_ROWS];
	int n = then_list(db, op->owner, op->copying->epoch, at->from,
	    at->after, true, entries, THEN_ROWS, ret_end);

	for (int i = 0; i < n; i++) {
		struct copy_child *child = &ret_children[i];

		(void)snprintf(
		    child->name, sizeof(child->name), "%s", entries[i].name);
		child->entry = entries[i].key;
		child->file = entries[i].file;
		child->size = (int64_t)entries[i].size;
		child->charged = (int64_t)entries[i].charged;
	}
	return n;
}

int
copy_children(struct nx_db *db, const struct catalog_copy *op,
    struct copy_level *at, struct copy_child *ret_children, bool *ret_end)
{
	sqlite3_stmt *stmt;
	int n = 0, r;

	if (op->copying->then)
		return children_then(db, op, at, ret_children, ret_end);
	r = nx_db_query(db, &stmt,
	    "SELECT name, entry, ifnull(file, 0), size, charged FROM entries"
	    " WHERE owner = ? AND parent = ? AND name > ? ORDER BY name"
	    " LIMIT ?",
	    "uisi", op->owner, at->from, at->after, (int64_t)COPY_ROWS);
	while (r > 0) {
		struct copy_child *child = &ret_children[n++];

		nx_db_text(stmt, 0, child->name, sizeof(child->name));
		child->entry = sqlite3_column_int64(stmt, 1);
		child->file = sqlite3_column_int64(stmt, 2);
		child->size = sqlite3_column_int64(stmt, 3);
		child->charged = sqlite3_column_int64(stmt, 4);
		if (child->file == 0) {
			sqlite3_reset(stmt);
			return n;
		}
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}
