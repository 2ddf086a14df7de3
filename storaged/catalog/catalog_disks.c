/*
 * Disks in the catalogue, and which chunks have all their replicas on one of
 * them. Questions about chunks look at so many rows and no more: who wants to
 * know it all asks again.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_disks(struct catalog *c,
    void (*each)(const struct catalog_disk *d, void *arg), void *arg)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT disk, path, identity, leaving FROM disks ORDER BY disk",
	    "");

	while (r > 0) {
		struct catalog_disk d = {
		    .key = sqlite3_column_int64(stmt, 0),
		    .leaving = sqlite3_column_int(stmt, 3) != 0,
		};

		nx_db_text(stmt, 1, d.path, sizeof(d.path));
		nx_db_text(stmt, 2, d.identity, sizeof(d.identity));
		each(&d, arg);
		r = nx_db_next(stmt);
	}
	return r;
}

static int
write_disk(struct nx_db *db, void *arg)
{
	struct catalog_disk_op *op = arg;
	struct catalog_disk *d = &op->disk;
	int r;

	if (!op->add)
		return nx_db_exec(db,
		    "UPDATE disks SET leaving = ? WHERE disk = ?", "ii",
		    (int64_t)d->leaving, d->key);
	r = nx_db_exec(db, "INSERT INTO disks(path, identity) VALUES(?, ?)",
	    "ss", d->path, d->identity);
	if (r == 0)
		d->key = sqlite3_last_insert_rowid(nx_db_handle(db));
	return r;
}

static int
write_disk_delete(struct nx_db *db, void *arg)
{
	struct catalog_disk_op *op = arg;
	sqlite3_stmt *stmt;
	int r;

	nx_assert(op->disk.key != 0);
	r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM volumes WHERE disk = ? LIMIT 1", "i", op->disk.key);
	if (r > 0)
		sqlite3_reset(stmt);
	if (r != 0)
		return r < 0 ? r : CATALOG_TAKEN;
	return nx_db_exec(
	    db, "DELETE FROM disks WHERE disk = ?", "i", op->disk.key);
}

static void
disk_done(int result, void *arg)
{
	struct catalog_disk_op *op = arg;

	op->done(result, op->arg);
}

void
catalog_disk_save(struct catalog *c, struct catalog_disk_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_disk, disk_done, op);
}

void
catalog_disk_delete(struct catalog *c, struct catalog_disk_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_disk_delete, disk_done, op);
}

/* The key of the chunk @look rows after @after, or of the last one; 0: there
 * are none. */
static int64_t
slice_end(struct nx_db *db, int64_t after, unsigned look)
{
	sqlite3_stmt *stmt;
	int64_t end;
	int r = nx_db_query(db, &stmt,
	    "SELECT max(chunk) FROM (SELECT chunk FROM chunks WHERE chunk > ?"
	    " ORDER BY chunk LIMIT ?)",
	    "ii", after, (int64_t)look);

	if (r <= 0)
		return r;
	end = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return end;
}

/* Whole copies that share a disk, though there are others; parts of stripes of
 * which more are on one disk than there need to be. */
#define UNSPREAD                                                               \
	"SELECT r.chunk AS chunk FROM replicas r CROSS JOIN volumes v"         \
	" ON v.volume = r.volume WHERE r.chunk > ?1 AND r.chunk <= ?2"         \
	" GROUP BY r.chunk HAVING count(*) > count(DISTINCT v.disk)"           \
	" AND count(DISTINCT v.disk) < ?3 UNION SELECT chunk FROM"             \
	" (SELECT c.chunk AS chunk, (SELECT count(*) FROM chunks p"            \
	" JOIN replicas x ON x.chunk = p.chunk JOIN volumes w"                 \
	" ON w.volume = x.volume WHERE " STRIPE_SAME(                          \
	    "p", "c") " AND w.disk = v.disk) AS here, (SELECT count(*) FROM "  \
		      "chunks p WHERE"                                         \
		      " " STRIPE_SAME(                                         \
			  "p", "c") ") AS parts FROM chunks c JOIN replicas r" \
				    " ON r.chunk = c.chunk JOIN volumes v ON " \
				    "v.volume = r.volume"                      \
				    " WHERE c.chunk > ?1 AND c.chunk <= ?2 "   \
				    "AND c.code <> 0)"                         \
				    " WHERE here > (parts + ?3 - 1) / ?3"

int
catalog_unspread_next(struct catalog *c, int64_t *after, unsigned look,
    unsigned disks, int64_t *ret_chunks, size_t max)
{
	int64_t end = slice_end(c->db, *after, look);
	sqlite3_stmt *stmt;
	size_t n = 0;
	int r;

	if (end <= 0) {
		*after = 0;
		return (int)end;
	}
	r = nx_db_query(c->db, &stmt, UNSPREAD " ORDER BY chunk LIMIT ?4",
	    "iiuu", *after, end, (uint64_t)disks, (uint64_t)max);
	while (r > 0) {
		ret_chunks[n++] = sqlite3_column_int64(stmt, 0);
		r = nx_db_next(stmt);
	}
	if (r < 0)
		return r;
	/* With all the room used there may be more in this slice. */
	*after = n == max ? ret_chunks[n - 1] : end;
	return (int)n;
}

int
catalog_file_disks(struct catalog *c, int64_t content, unsigned look)
{
	sqlite3_stmt *stmt;
	int n, r;

	nx_assert(look > 0);
	r = nx_db_query(c->db, &stmt,
	    "WITH RECURSIVE f(n) AS (SELECT max(idx) + 1 FROM chunks"
	    " WHERE file = ?1),"
	    " i(k) AS (SELECT 0 FROM f WHERE n > 0 UNION ALL SELECT"
	    " k + max(1, (SELECT n FROM f) / ?2) FROM i"
	    " WHERE k + max(1, (SELECT n FROM f) / ?2) < (SELECT n FROM f)"
	    " LIMIT ?2)"
	    " SELECT ifnull(min((SELECT count(DISTINCT v.disk) FROM replicas r"
	    " JOIN volumes v ON v.volume = r.volume WHERE r.chunk = c.chunk)),"
	    " 0) FROM i JOIN chunks c ON c.file = ?1 AND c.idx = i.k",
	    "iu", content, (uint64_t)look);
	if (r <= 0)
		return r;
	n = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return n;
}
