/* See catalog_policy.h. */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

/* Does any folder of @owner want anything? Most times that is all there is to
 * ask. 1, 0, -errno. */
static int
has_any(struct nx_db *db, uint64_t owner)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM policies WHERE owner = ? LIMIT 1", "u", owner);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

/* What @folder wants, if it does. */
static int
read_policy(struct nx_db *db, uint64_t owner, int64_t folder, unsigned depth,
    struct catalog_policy *policy)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT code, replicas FROM policies WHERE owner = ?"
	    " AND folder = ?",
	    "ui", owner, folder);

	if (r <= 0)
		return r;
	*policy = (struct catalog_policy){
	    .code = (uint32_t)sqlite3_column_int64(stmt, 0),
	    .replicas = (uint32_t)sqlite3_column_int64(stmt, 1),
	    .depth = depth};
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_policy(struct catalog *c, uint64_t owner, const struct path *path,
    bool own, struct catalog_policy *ret_policy)
{
	struct catalog_policy policy = {0};
	struct catalog_entry at = {.folder = true};
	unsigned end = own    ? path->depth
	    : path->depth > 0 ? path->depth - 1
			      : 0;
	int r = has_any(c->db, owner);

	if (r > 0)
		r = read_policy(c->db, owner, 0, 0, &policy) < 0 ? -EIO : 1;
	for (unsigned i = 0; i < end && r > 0; i++) {
		r = catalog_find_child(
		    c->db, owner, at.key, path_name(path, i), &at);
		if (r > 0 && !at.folder)
			break;
		if (r > 0 &&
		    read_policy(c->db, owner, at.key, i + 1, &policy) < 0)
			r = -EIO;
	}
	if (r < 0)
		return r;
	*ret_policy = policy;
	return 0;
}

static int
write_policy(struct nx_db *db, void *arg)
{
	struct catalog_policy_op *op = arg;
	struct catalog_entry at;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &at);
	if (r == 0 && !at.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	if (op->policy.code == 0 && op->policy.replicas == 0)
		return nx_db_exec(db,
		    "DELETE FROM policies WHERE owner = ? AND folder = ?", "ui",
		    op->owner, at.key);
	return nx_db_exec(db,
	    "INSERT OR REPLACE INTO policies(owner, folder, code, replicas)"
	    " VALUES(?, ?, ?, ?)",
	    "uiuu", op->owner, at.key, (uint64_t)op->policy.code,
	    (uint64_t)op->policy.replicas);
}

static void
policy_done(int result, void *arg)
{
	struct catalog_policy_op *op = arg;

	op->done(result, op->arg);
}

void
catalog_policy_set(struct catalog *c, struct catalog_policy_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_policy, policy_done, op);
}
