/*
 * The catalogue in SQLite: opening and closing, and the order of its writes.
 * Its tables are in catalog_schema.c, users' accounts in catalog_users.c, files
 * in catalog_files.c, trees in catalog_tree.c, catalog_move.c, catalog_copy.c
 * and catalog_sums.c, volumes and replicas in catalog_volumes.c, forgetting a
 * volume in catalog_forget.c, who is in a segment in catalog_segments.c, what
 * deletions leave behind in catalog_reap.c and catalog_trash.c, what they leave
 * to be had again in catalog_past.c and its like, how far scrubbing is in
 * catalog_scrub.c. Owns storage.db;
 * trusts what it once wrote there no further than sums that would fall below
 * zero.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog_owed.h"

#define EVENTS_KEEP 10000 /* unless said otherwise */

/* Files that are being read, and how often; users who were deleted since the
 * program began; what of history holds for all. In memory. */
static const char scratch[] =
    "CREATE TEMP TABLE pins(file INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
    "CREATE TEMP TABLE dropped(user INTEGER PRIMARY KEY);"
    "CREATE TEMP TABLE keeping_default(seconds INTEGER NOT NULL,"
    " quota INTEGER NOT NULL, entries INTEGER NOT NULL);"
    "INSERT INTO keeping_default VALUES(0, 0x7fffffffffffffff,"
    " 0x7fffffffffffffff);";

/* What cannot be undone stays: that one account is wrong shall not keep all
 * others from their files. */
static int
undo_copies(struct catalog *c)
{
	int r = nx_db_write_now(c->db, catalog_copy_undo, NULL);

	if (r == -EBADMSG)
		nx_err("event=copies-not-undone note=\"nexusctl storage check "
		       "--repair\"");
	return r == -EBADMSG ? 0 : r;
}

int
catalog_open_at(struct event_base *base, const char *path, uint32_t schema,
    struct catalog **ret_catalog)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	if (schema > catalog_schema_steps) {
		free(c);
		return -EPROTONOSUPPORT;
	}
	c->events_keep = EVENTS_KEEP;
	r = nx_db_open(base, path, catalog_schema, schema, &c->db);
	if (r == 0) {
		nx_db_set_ctx(c->db, c);
		r = catalog_owed_new(c);
	}
	if (r == 0 &&
	    sqlite3_exec(nx_db_handle(c->db), scratch, NULL, NULL, NULL) !=
		SQLITE_OK)
		r = nx_db_errno(c->db);
	if (r == 0)
		r = undo_copies(c);
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	*ret_catalog = c;
	return 0;
}

int
catalog_open(
    struct event_base *base, const char *path, struct catalog **ret_catalog)
{
	return catalog_open_at(
	    base, path, (uint32_t)catalog_schema_steps, ret_catalog);
}

struct catalog *
catalog_close(struct catalog *c)
{
	if (c) {
		nx_db_close(c->db);
		catalog_owed_free(c->owed);
		free(c);
	}
	return NULL;
}

static int
write_nothing(struct nx_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

int
catalog_flush(struct catalog *c)
{
	return nx_db_write_now(c->db, write_nothing, NULL);
}

static void
barrier_done(int result, void *arg)
{
	struct catalog_barrier *op = arg;

	op->done(result, op->arg);
}

void
catalog_barrier(struct catalog *c, struct catalog_barrier *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_nothing, barrier_done, op);
}

uint64_t
catalog_now(void)
{
	return (uint64_t)time(NULL);
}
