/*
 * Snapshots as rows: made, listed, removed, looked into. See
 * catalog_schema_history.c for what an epoch is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_then.h"

/* --- making and removing ----------------------------------------------------*/

static int
count(struct nx_db *db, uint64_t owner, int64_t *ret_n)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT count(*) FROM snapshots WHERE owner = ?", "u", owner);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_n = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

/* What comes from now on is of the next epoch. */
static int
insert(struct nx_db *db, struct catalog_snapshot_op *op, int64_t folder)
{
	struct catalog_snapshot *s = &op->snapshot;
	int r = nx_db_exec(
	    db, "INSERT OR IGNORE INTO users(user) VALUES(?)", "u", op->owner);

	s->made_at = catalog_now();
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO snapshots(owner, name, folder, path, epoch,"
		    " made_at) SELECT ?1, ?2, ?3, ?4, epoch, ?5 FROM users"
		    " WHERE user = ?1",
		    "usisu", op->owner, s->name, folder, s->path.text,
		    s->made_at);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE users SET epoch = epoch + 1 WHERE user = ?", "u",
		    op->owner);
	return r < 0 ? r : then_find(db, op->owner, s->name, s);
}

static int
write_make(struct nx_db *db, void *arg)
{
	struct catalog_snapshot_op *op = arg;
	struct catalog_snapshot old;
	struct catalog_entry e;
	int64_t n = 0;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(
	    db, op->owner, &op->snapshot.path, op->snapshot.path.depth, &e);
	if (r == 0 && !e.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	r = then_find(db, op->owner, op->snapshot.name, &old);
	if (r == 0)
		return CATALOG_SNAPSHOT_TAKEN;
	if (r == CATALOG_NO_SNAPSHOT)
		r = count(db, op->owner, &n);
	if (r == 0 && n >= (int64_t)CATALOG_SNAPSHOTS)
		return CATALOG_SNAPSHOTS_MANY;
	return r < 0 ? r : insert(db, op, e.key);
}

static int
write_remove(struct nx_db *db, void *arg)
{
	struct catalog_snapshot_op *op = arg;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = then_find(db, op->owner, op->snapshot.name, &op->snapshot);
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM snapshots WHERE owner = ? AND name = ?", "us",
		    op->owner, op->snapshot.name);
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO loosening(owner, after) VALUES(?, 0)"
		    " ON CONFLICT DO UPDATE SET after = 0",
		    "u", op->owner);
	return r;
}

static void
op_done(int result, void *arg)
{
	struct catalog_snapshot_op *op = arg;

	op->done(result, op->arg);
}

void
catalog_snapshot_make(struct catalog *c, struct catalog_snapshot_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_make, op_done, op);
}

void
catalog_snapshot_remove(struct catalog *c, struct catalog_snapshot_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_remove, op_done, op);
}

/* --- looking ----------------------------------------------------------------*/

int
catalog_snapshot_find(struct catalog *c, uint64_t owner, const char *name,
    struct catalog_snapshot *ret_snapshot)
{
	int r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	return then_find(c->db, owner, name, ret_snapshot);
}

int
catalog_snapshots(struct catalog *c, uint64_t owner, const char *after,
    struct catalog_snapshot *ret_snapshots, size_t max)
{
	char names[CATALOG_SNAPSHOTS][CATALOG_SNAPSHOT_NAME + 1];
	sqlite3_stmt *stmt;
	size_t n = 0;
	int r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = nx_db_query(c->db, &stmt,
	    "SELECT name FROM snapshots WHERE owner = ? AND name > ?"
	    " ORDER BY name LIMIT ?",
	    "usu", owner, after,
	    (uint64_t)(max < CATALOG_SNAPSHOTS ? max : CATALOG_SNAPSHOTS));
	while (r > 0) {
		nx_db_text(stmt, 0, names[n], sizeof(names[n]));
		n++;
		r = nx_db_next(stmt);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = then_find(c->db, owner, names[i], &ret_snapshots[i]);
	return r < 0 ? r : (int)n;
}

int
catalog_snapshot_stat(struct catalog *c, uint64_t owner, const char *name,
    const struct path *path, struct catalog_entry *ret_entry)
{
	struct catalog_snapshot s;
	int r = catalog_snapshot_find(c, owner, name, &s);

	return r != 0 ? r : then_walk(c->db, owner, &s, path, ret_entry);
}

int
catalog_snapshot_list(struct catalog *c, uint64_t owner, const char *name,
    const struct path *path, const char *after,
    struct catalog_entry *ret_entries, size_t max, size_t *ret_n,
    char ret_next[PATH_NAME_MAX + 1])
{
	struct catalog_snapshot s;
	struct catalog_entry e;
	bool end = true;
	int r = catalog_snapshot_find(c, owner, name, &s);

	*ret_n = 0;
	if (r == 0)
		r = then_walk(c->db, owner, &s, path, &e);
	if (r == 0 && !e.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	(void)snprintf(ret_next, PATH_NAME_MAX + 1, "%s", after);
	r = then_list(c->db, owner, s.epoch, e.key, ret_next, false,
	    ret_entries, max, &end);
	if (r < 0)
		return r;
	*ret_n = (size_t)r;
	if (end)
		ret_next[0] = '\0';
	return 0;
}
