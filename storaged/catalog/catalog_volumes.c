/*
 * Volumes and replicas in the catalogue. A file keeps the fewest replicas any of
 * its chunks has; whatever changes replicas counts that anew in the same
 * transaction.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

/* --- volumes ----------------------------------------------------------------*/

int
catalog_volumes(struct catalog *c,
    void (*each)(const struct catalog_volume *v, void *arg), void *arg)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT volume, node, size, state, active, suspect, disk, intent,"
	    " own FROM volumes ORDER BY volume",
	    "");

	while (r > 0) {
		struct catalog_volume v = {
		    .key = sqlite3_column_int64(stmt, 0),
		    .size = (uint64_t)sqlite3_column_int64(stmt, 2),
		    .state =
			(enum catalog_volume_state)sqlite3_column_int(stmt, 3),
		    .active = sqlite3_column_int(stmt, 4) != 0,
		    .suspect = sqlite3_column_int(stmt, 5) != 0,
		    .disk = sqlite3_column_int64(stmt, 6),
		    .intent =
			(enum catalog_volume_intent)sqlite3_column_int(stmt, 7),
		    .own = (uint64_t)sqlite3_column_int64(stmt, 8),
		};

		nx_db_text(stmt, 1, v.node, sizeof(v.node));
		each(&v, arg);
		r = nx_db_next(stmt);
	}
	return r;
}

static int
write_volume(struct nx_db *db, void *arg)
{
	const struct catalog_volume_op *op = arg;
	const struct catalog_volume *v = &op->volume;

	return nx_db_exec(db,
	    "UPDATE volumes SET state = ?, active = ?, suspect = ?,"
	    " intent = ? WHERE volume = ?",
	    "iiiii", (int64_t)v->state, (int64_t)v->active, (int64_t)v->suspect,
	    (int64_t)v->intent, v->key);
}

/* Whatever key an earlier run gave, that row is undone. */
static int
insert_volume(struct nx_db *db, void *arg)
{
	struct catalog_volume_op *op = arg;
	struct catalog_volume *v = &op->volume;
	int r = nx_db_exec(db,
	    "INSERT INTO volumes(node, size, state, disk, own)"
	    " VALUES(?, ?, ?, ?, ?)",
	    "suiiu", v->node, v->size, (int64_t)v->state, v->disk, v->own);

	if (r == 0)
		v->key = sqlite3_last_insert_rowid(nx_db_handle(db));
	return r;
}

static void
volume_done(int result, void *arg)
{
	struct catalog_volume_op *op = arg;

	op->done(result, op->arg);
}

/* The key of a row that never came to be is none. */
static void
volume_inserted(int result, void *arg)
{
	struct catalog_volume_op *op = arg;

	if (result != 0)
		op->volume.key = 0;
	op->done(result, op->arg);
}

void
catalog_volume_save(struct catalog *c, struct catalog_volume_op *op)
{
	nx_assert(op->done);
	if (op->volume.key != 0)
		nx_db_write(c->db, write_volume, volume_done, op);
	else
		nx_db_write(c->db, insert_volume, volume_inserted, op);
}

static int
write_volume_delete(struct nx_db *db, void *arg)
{
	struct catalog_volume_op *op = arg;
	int64_t volume = op->volume.key;
	int r =
	    nx_db_exec(db, "DELETE FROM trash WHERE volume = ?", "i", volume);

	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM volumes WHERE volume = ?", "i", volume);
	return r;
}

void
catalog_volume_delete(struct catalog *c, struct catalog_volume_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_volume_delete, volume_done, op);
}

int
catalog_volume_chunks(struct catalog *c, int64_t volume, uint64_t *ret_chunks)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT chunks FROM volumes WHERE volume = ?", "i", volume);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_chunks = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

/* --- chunks by volume -------------------------------------------------------*/

int
catalog_read_chunks(struct catalog *c, int r, sqlite3_stmt *stmt,
    struct catalog_chunk *ret_chunks)
{
	int n = 0;

	while (r > 0) {
		r = catalog_read_chunk(stmt, &ret_chunks[n]);
		if (r < 0) {
			sqlite3_reset(stmt);
			return r;
		}
		n++;
		r = nx_db_next(stmt);
	}
	for (int i = 0; i < n && r == 0; i++)
		r = catalog_read_replicas(c->db, &ret_chunks[i]);
	return r < 0 ? r : n;
}

int
catalog_volume_next(struct catalog *c, int64_t volume, int64_t after,
    struct catalog_chunk *ret_chunks, size_t max)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM replicas r JOIN chunks c"
	    " ON c.chunk = r.chunk WHERE r.volume = ? AND r.chunk > ?"
	    " AND (EXISTS (SELECT 1 FROM files f WHERE f.file = c.file) OR"
	    " EXISTS (SELECT 1 FROM files f WHERE f.content = c.file"
	    " AND f.content <> 0)) ORDER BY r.chunk LIMIT ?",
	    "iiu", volume, after, (uint64_t)max);

	return catalog_read_chunks(c, r, stmt, ret_chunks);
}

/* In the order of files, by its partial index; the chunks of one in theirs. */
int
catalog_degraded_next(struct catalog *c, struct catalog_degraded *at,
    struct catalog_chunk *ret_chunk)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS ", f.file FROM files f CROSS JOIN chunks c"
	    " ON c.file = " CONTENT_OF(
		"f") " WHERE f.replicas < f.want AND f.file >= ?1"
		     " AND (f.file > ?1 OR c.chunk > ?2)"
		     " AND (SELECT count(*) FROM replicas r WHERE r.chunk = "
		     "c.chunk)"
		     " < iif(c.code <> 0, 1, f.want)"
		     " ORDER BY f.file, c.idx LIMIT 1",
	    "ii", at->file, at->chunk);

	if (r <= 0)
		return r;
	at->file = sqlite3_column_int64(stmt, 8);
	at->chunk = sqlite3_column_int64(stmt, 0);
	r = catalog_read_chunks(c, r, stmt, ret_chunk);
	return r;
}

int
catalog_degraded_count(struct catalog *c, int64_t *after, unsigned max)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT count(*), ifnull(max(file), ?1) FROM (SELECT file FROM "
	    "files"
	    " INDEXED BY files_degraded WHERE replicas < want AND file > ?1"
	    " ORDER BY file LIMIT ?2)",
	    "iu", *after, (uint64_t)max);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = sqlite3_column_int(stmt, 0);
	*after = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return r;
}

int
catalog_chunk_get(
    struct catalog *c, int64_t chunk, struct catalog_chunk *ret_chunk)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM chunks c WHERE c.chunk = ?", "i",
	    chunk);

	r = catalog_read_chunks(c, r, stmt, ret_chunk);
	return r > 0 ? 0 : r < 0 ? r : CATALOG_NO_FILE;
}

/* --- replicas ---------------------------------------------------------------*/

#define NOWHERE (-1) /* no replica is there */

struct where {
	int64_t file, index;
	int64_t replicas; /* of the chunk */
};

static int
read_where(struct nx_db *db, int64_t chunk, struct where *ret_where)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT file, idx, " CHUNK_REPLICAS("c") " FROM chunks c"
						     " WHERE c.chunk = ?",
	    "i", chunk);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	ret_where->file = sqlite3_column_int64(stmt, 0);
	ret_where->index = sqlite3_column_int64(stmt, 1);
	ret_where->replicas = sqlite3_column_int64(stmt, 2);
	sqlite3_reset(stmt);
	return 0;
}

/* Has a chunk of the file as few replicas as this one had? Healing goes from
 * the first to the last: most times the next one answers. 1, 0, -errno. */
static int
are_as_few(struct nx_db *db, const struct where *was)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM chunks c WHERE c.file = ?1 AND c.idx > ?2"
	    " AND " CHUNK_REPLICAS("c") " <= ?3 LIMIT 1",
	    "iii", was->file, was->index, was->replicas);

	if (r == 0)
		r = nx_db_query(db, &stmt,
		    "SELECT 1 FROM chunks c WHERE c.file = ?1 AND c.idx < ?2"
		    " AND " CHUNK_REPLICAS("c") " <= ?3 LIMIT 1",
		    "iii", was->file, was->index, was->replicas);
	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

/* files.replicas of the file, after the chunk that @was has @now replicas. */
static int
count_replicas(struct nx_db *db, const struct where *was, int64_t now)
{
	int r;

	if (now == was->replicas)
		return 0;
	if (now < was->replicas)
		return nx_db_exec(db,
		    "UPDATE files SET replicas = ?1 WHERE"
		    " " HAS_CONTENT("files", "?2") " AND replicas > ?1",
		    "ii", now, was->file);
	r = are_as_few(db, was);
	if (r != 0)
		return r < 0 ? r : 0;
	return nx_db_exec(db,
	    "UPDATE files SET replicas = (SELECT min(" CHUNK_REPLICAS(
		"c") ") FROM chunks c WHERE c.file = ?1)"
		     " WHERE " HAS_CONTENT("files", "?1"),
	    "i", was->file);
}

/* Unless it is @but there. A file becomes trash, a record's bytes are merely
 * dead. */
static int
give_up_replica(struct nx_db *db, int64_t chunk, int64_t volume, int64_t but)
{
	int r = nx_db_exec(db,
	    "INSERT OR IGNORE INTO trash(volume, id) SELECT r.volume,"
	    " c.id FROM replicas r JOIN chunks c ON c.chunk = r.chunk"
	    " WHERE r.chunk = ?1 AND r.volume = ?2 AND r.at = 0"
	    " AND r.at <> ?3",
	    "iii", chunk, volume, but);

	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM replicas WHERE chunk = ? AND volume = ?"
		    " AND at <> ?",
		    "iii", chunk, volume, but);
	return r;
}

static int
write_replica(struct nx_db *db, void *arg)
{
	struct catalog_replica_set *a = arg;
	struct where was, now;
	int r = read_where(db, a->chunk, &was);

	if (r != 0)
		return r;
	r = give_up_replica(db, a->chunk, a->volume, (int64_t)a->at);
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT OR IGNORE INTO replicas(chunk, volume, at)"
		    " VALUES(?, ?, ?)",
		    "iiu", a->chunk, a->volume, a->at);
	if (r == 0 && sqlite3_changes(nx_db_handle(db)) > 0)
		r = catalog_replica_came(db, a->chunk, a->volume, a->at);
	if (r == 0 && a->old != 0)
		r = give_up_replica(db, a->chunk, a->old, NOWHERE);
	if (r == 0)
		r = read_where(db, a->chunk, &now);
	return r < 0 ? r : count_replicas(db, &was, now.replicas);
}

static void
replica_done(int result, void *arg)
{
	struct catalog_replica_set *op = arg;

	op->done(result, op->arg);
}

void
catalog_replica_set(struct catalog *c, struct catalog_replica_set *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_replica, replica_done, op);
}
