/*
 * What the catalogue knows of segments: how much of each is somebody's, kept in
 * the transaction that changes it, and who that is, in the order of places.
 * Moving records, and forgetting a segment when none is left.
 */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_owed.h"
#include "storaged/catalog/catalog_segments.h"

/* With what is around it, in multiples of 8; as the triggers of the schema, which
 * know of records that move or go. */
static int64_t
span_of(uint32_t size)
{
	return ((int64_t)size + 63) / 8 * 8;
}

/* One plain statement: with triggers SQLite keeps each page that an INSERT
 * changes, to be able to take back that one alone. */
int
catalog_records_came(struct nx_db *db, int64_t volume, uint64_t at,
    int64_t chunks, int64_t bytes)
{
	return nx_db_exec(db,
	    "INSERT INTO segments(volume, segment, chunks, bytes, high, came)"
	    " VALUES(?1, ?2, ?5, ?3, ?4, ?3) ON CONFLICT DO UPDATE"
	    " SET chunks = chunks + ?5, bytes = bytes + ?3,"
	    " high = max(high, ?4), came = came + ?3",
	    "iuiui", volume, at >> 32, bytes, at, chunks);
}

static int
count_replica(struct nx_db *db, int64_t volume, uint64_t at, int64_t bytes)
{
	int r = nx_db_exec(db,
	    "UPDATE volumes SET chunks = chunks + 1"
	    " WHERE volume = ? AND state = 1",
	    "i", volume);

	if (r < 0 || sqlite3_changes(nx_db_handle(db)) == 0)
		return r < 0 ? r : CATALOG_NO_VOLUME;
	return at == 0 ? 0 : catalog_records_came(db, volume, at, 1, bytes);
}

int
catalog_replica_insert(
    struct nx_db *db, int64_t chunk, const struct catalog_chunk *c, uint32_t i)
{
	int r = catalog_owes(db)
	    ? catalog_owe_replica(
		  db, c->volumes[i], c->at[i], span_of(c->sums.size))
	    : count_replica(db, c->volumes[i], c->at[i], span_of(c->sums.size));

	return r != 0
	    ? r
	    : nx_db_exec(db,
		  "INSERT INTO replicas(chunk, volume, at) VALUES(?, ?, ?)",
		  "iiu", chunk, c->volumes[i], c->at[i]);
}

int
catalog_replica_came(
    struct nx_db *db, int64_t chunk, int64_t volume, uint64_t at)
{
	sqlite3_stmt *stmt;
	uint32_t size;
	int r = nx_db_exec(db,
	    "UPDATE volumes SET chunks = chunks + 1 WHERE volume = ?", "i",
	    volume);

	if (r == 0)
		r = nx_db_query(db, &stmt,
		    "SELECT size FROM chunks WHERE chunk = ?", "i", chunk);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	size = (uint32_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return at == 0 ? 0
		       : catalog_records_came(db, volume, at, 1, span_of(size));
}

int
catalog_segment_next(struct catalog *c, int64_t volume, uint64_t from,
    uint64_t to, struct catalog_chunk *ret_chunks, size_t max)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM replicas r INDEXED BY replicas_at"
	    " JOIN chunks c ON c.chunk = r.chunk WHERE r.volume = ?"
	    " AND r.at >= ? AND r.at < ? AND r.at <> 0 ORDER BY r.at LIMIT ?",
	    "iuuu", volume, from, to, (uint64_t)max);

	return catalog_read_chunks(c, r, stmt, ret_chunks);
}

static void
read_segment(sqlite3_stmt *stmt, struct catalog_segment *ret_segment)
{
	*ret_segment = (struct catalog_segment){
	    .number = (uint32_t)sqlite3_column_int64(stmt, 0),
	    .chunks = (uint64_t)sqlite3_column_int64(stmt, 1),
	    .bytes = (uint64_t)sqlite3_column_int64(stmt, 2),
	    .high = (uint64_t)sqlite3_column_int64(stmt, 3),
	    .came = (uint64_t)sqlite3_column_int64(stmt, 4),
	};
}

int
catalog_segments(struct catalog *c, int64_t volume, uint32_t after,
    struct catalog_segment *ret_segments, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT segment, chunks, bytes, high, came FROM segments"
	    " WHERE volume = ? AND segment > ? ORDER BY segment LIMIT ?",
	    "iuu", volume, (uint64_t)after, (uint64_t)max);

	while (r > 0) {
		read_segment(stmt, &ret_segments[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
write_moves(struct nx_db *db, void *arg)
{
	struct catalog_segment_move *op = arg;
	int r = 0;

	for (size_t i = 0; i < op->n && r == 0; i++)
		r = nx_db_exec(db,
		    "UPDATE replicas SET at = ? WHERE chunk = ? AND volume = ?"
		    " AND at = ?",
		    "uiiu", op->moves[i].to, op->moves[i].chunk, op->volume,
		    op->moves[i].from);
	return r;
}

static void
moves_done(int result, void *arg)
{
	struct catalog_segment_move *op = arg;

	op->done(result, op->arg);
}

void
catalog_segment_move(struct catalog *c, struct catalog_segment_move *op)
{
	nx_assert(op->done && op->n <= CATALOG_MOVES);
	nx_db_write(c->db, write_moves, moves_done, op);
}

static int
write_gone(struct nx_db *db, void *arg)
{
	struct catalog_segment_gone *op = arg;

	return nx_db_exec(db,
	    "DELETE FROM segments WHERE volume = ? AND segment = ?"
	    " AND chunks = 0",
	    "iu", op->volume, (uint64_t)op->number);
}

static void
gone_done(int result, void *arg)
{
	struct catalog_segment_gone *op = arg;

	op->done(result, op->arg);
}

void
catalog_segment_gone(struct catalog *c, struct catalog_segment_gone *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_gone, gone_done, op);
}

void
catalog_on_died(struct catalog *c,
    void (*died)(uint64_t owner, uint64_t bytes, void *arg), void *arg)
{
	c->died_fn = died;
	c->died_arg = arg;
}

int
catalog_tell_died(struct nx_db *db, uint64_t owner, int64_t file, int64_t end)
{
	struct catalog *c = nx_db_ctx(db);
	sqlite3_stmt *stmt;
	int64_t bytes;
	int r;

	if (!c->died_fn)
		return 0;
	r = nx_db_query(db, &stmt,
	    "SELECT ifnull(sum((c.size + 63) / 8 * 8), 0) FROM chunks c"
	    " JOIN replicas r ON r.chunk = c.chunk"
	    " WHERE c.file = ? AND c.idx < ? AND r.at <> 0",
	    "ii", file, end);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	bytes = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	if (bytes > 0)
		c->died_fn(owner, (uint64_t)bytes, c->died_arg);
	return 0;
}
