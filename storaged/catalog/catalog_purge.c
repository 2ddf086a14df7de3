/*
 * Purging on request: rows of one name, or all rows of a user of which those
 * below a folder are meant, in the order they came, some a step. What comes
 * while it is under way stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/catalog/catalog_past.h"

#define STEP_ROWS 64
#define STEP_US   1000

/* A write that is undone has changed nothing: it works on @next. */
struct progress {
	int64_t after;
	uint64_t files, folders, bytes, locked;
	bool end;
};

struct catalog_purging {
	int64_t upto;   /* the last row it is about */
	int64_t below;  /* a folder: what was in it or below; -1: a name */
	int64_t key;    /* of what is at the path */
	int64_t parent; /* and where that is */
	bool one;       /* the row upto and no other */
	struct progress now, next;
};

/* --- the beginning ----------------------------------------------------------*/

static int
last_row(struct nx_db *db, int64_t *ret_last)
{
	sqlite3_stmt *stmt;
	int r =
	    nx_db_query(db, &stmt, "SELECT ifnull(max(past), 0) FROM past", "");

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_last = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

static int
begin_root(struct nx_db *db, struct catalog_purge *op)
{
	int r = catalog_leaving(db, op->owner);

	op->purging->below = 0;
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	return op->past != 0 ? CATALOG_NO_VERSION : 0;
}

static int
write_begin(struct nx_db *db, void *arg)
{
	struct catalog_purge *op = arg;
	struct catalog_purging *g = op->purging;
	struct past_place at = {0};
	struct past p;
	int r = last_row(db, &g->upto);

	if (r == 0 && op->path.depth == 0)
		return begin_root(db, op);
	if (r == 0)
		r = past_place(db, op->owner, &op->path, &at);
	if (r == CATALOG_NO_PATH && op->key != 0 && at.key == -1)
		r = 0; /* its versions have another name */
	if (r == 0 && op->past != 0)
		r = past_find(db, op->owner, &op->path, op->past, &p);
	if (r != 0)
		return r;
	g->below = at.there && at.folder ? at.key : -1;
	g->key = op->key ? op->key : at.key;
	g->parent = at.parent;
	g->one = op->past != 0;
	if (g->one) {
		g->upto = op->past;
		g->now.after = op->past - 1;
	}
	return 0;
}

/* --- which rows -------------------------------------------------------------*/

/* Is the row one of those that are meant? 1, 0, -errno. */
static int
is_meant(struct nx_db *db, const struct catalog_purge *op, const struct past *p)
{
	const struct catalog_purging *g = op->purging;
	int64_t at = p->parent;
	int r = 1;

	if (g->one || g->below == 0 || p->entry == g->key ||
	    (p->parent == g->parent &&
		strcmp(p->name, path_last(&op->path)) == 0))
		return 1;
	if (g->below < 0)
		return 0;
	for (unsigned i = 0; r > 0 && at > 0 && i <= PATH_DEPTH_MAX; i++) {
		if (at == g->below)
			return 1;
		r = past_parent(db, &at);
	}
	return r < 0 ? r : 0;
}

/* The next of the owner's that may be; of a name they are found as such. */
static int
next_row(struct nx_db *db, const struct catalog_purge *op, int64_t after,
    struct past *ret_past)
{
	const struct catalog_purging *g = op->purging;
	sqlite3_stmt *stmt;
	int r;

	if (g->below >= 0 || g->one)
		r = nx_db_query(db, &stmt,
		    "SELECT " PAST_COLUMNS " FROM past p WHERE p.past = (SELECT"
		    " min(x) FROM (SELECT min(past) AS x FROM past"
		    " WHERE held = 0 AND owner = ?1 AND past > ?2 UNION ALL"
		    " SELECT min(past) FROM past WHERE held = 1 AND owner = ?1"
		    " AND past > ?2)) AND p.past <= ?3",
		    "uii", op->owner, after, g->upto);
	else
		r = nx_db_query(db, &stmt,
		    "SELECT " PAST_COLUMNS " FROM past p WHERE p.past = (SELECT"
		    " min(x) FROM (SELECT min(past) AS x FROM past"
		    " WHERE owner = ?1 AND parent = ?2 AND name = ?3"
		    " AND past > ?5 UNION ALL SELECT min(past) FROM past"
		    " WHERE entry = ?4 AND past > ?5)) AND p.past <= ?6",
		    "uisiii", op->owner, g->parent, path_last(&op->path),
		    g->key, after, g->upto);
	return past_take(r, stmt, ret_past);
}

/* --- the steps --------------------------------------------------------------*/

static int
purge_row(struct nx_db *db, struct catalog_purge *op, const struct past *p)
{
	struct progress *n = &op->purging->next;
	int r = p->owner != op->owner || p->why == CATALOG_SNAPSHOT
	    ? 0
	    : is_meant(db, op, p);

	if (r <= 0)
		return r;
	r = past_drop(db, p);
	if (r == CATALOG_LOCKED) {
		n->locked++;
		return 0;
	}
	n->files += p->file ? 1 : (uint64_t)p->files;
	n->folders += p->file ? 0 : (uint64_t)p->folders + 1;
	n->bytes += (uint64_t)p->size;
	return r;
}

static int
write_step(struct nx_db *db, void *arg)
{
	struct catalog_purge *op = arg;
	struct progress *n = &op->purging->next;
	uint64_t began = nx_now_us();
	struct past p;
	int r = 1;

	*n = op->purging->now;
	for (int i = 0; i < STEP_ROWS && nx_now_us() - began < STEP_US; i++) {
		r = next_row(db, op, n->after, &p);
		if (r <= 0)
			break;
		n->after = p.past;
		r = purge_row(db, op, &p);
		if (r < 0)
			return r;
		r = 1;
	}
	n->end = r == 0;
	return r < 0 ? r : 0;
}

static void
finish(int result, void *arg)
{
	struct catalog_purge *op = arg;
	const struct progress *n = &op->purging->now;

	op->files = n->files;
	op->folders = n->folders;
	op->bytes = n->bytes;
	op->locked = n->locked;
	free(op->purging);
	op->purging = NULL;
	op->done(result, op->arg);
}

/* Each step is synced: who is told that it is gone is not to find it again after a
 * power cut, and what a step leaves may be unlinked before the next one. */
static void
stepped(int result, void *arg)
{
	struct catalog_purge *op = arg;

	if (result == 0)
		op->purging->now = op->purging->next;
	if (result == 0 && op->stop)
		result = -ESHUTDOWN;
	if (result == -ENOSPC && op->room && op->room(op->arg))
		nx_db_write(op->catalog->db, write_step, stepped, op);
	else if (result != 0)
		finish(result, op);
	else if (op->purging->now.end)
		finish(0, op);
	else
		nx_db_write(op->catalog->db, write_step, stepped, op);
}

static void
begun(int result, void *arg)
{
	struct catalog_purge *op = arg;

	if (result != 0)
		finish(result, op);
	else
		nx_db_write(op->catalog->db, write_step, stepped, op);
}

void
catalog_purge(struct catalog *c, struct catalog_purge *op)
{
	nx_assert(op->done);
	op->catalog = c;
	op->purging = calloc(1, sizeof(*op->purging));
	if (!op->purging)
		op->done(-ENOMEM, op->arg);
	else
		nx_db_write(c->db, write_begin, begun, op);
}
