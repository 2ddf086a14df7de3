/*
 * What is known to be damaged. Nobody scans for it when a list is shown: what a
 * reader or the healer found out about a chunk is kept until somebody finds it
 * whole again or the file goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog_internal.h"

struct finding {
	int64_t chunk;
	enum catalog_damage damage;
};

static int
write_finding(struct nx_db *db, void *arg)
{
	const struct finding *f = arg;

	if (f->damage == CATALOG_WHOLE)
		return nx_db_exec(
		    db, "DELETE FROM damage WHERE chunk = ?", "i", f->chunk);
	/* Nothing when the chunk has gone meanwhile. */
	return nx_db_exec(db,
	    "INSERT OR REPLACE INTO damage(chunk, file, kind, found_at)"
	    " SELECT chunk, file, ?, ? FROM chunks WHERE chunk = ?",
	    "iui", (int64_t)f->damage, catalog_now(), f->chunk);
}

static void
finding_written(int result, void *arg)
{
	if (result < 0)
		nx_warn("event=damage-not-recorded error=\"%s\"",
		    strerror(-result));
	free(arg);
}

enum catalog_damage
catalog_damage(struct catalog *c, int64_t chunk)
{
	enum catalog_damage damage;
	sqlite3_stmt *stmt;

	if (nx_db_query(c->db, &stmt, "SELECT kind FROM damage WHERE chunk = ?",
		"i", chunk) <= 0)
		return CATALOG_WHOLE;
	damage = (enum catalog_damage)sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return damage;
}

void
catalog_found(struct catalog *c, int64_t chunk, enum catalog_damage damage)
{
	struct finding *f;

	/* Readers come again and again to the same damage. */
	if (catalog_damage(c, chunk) == damage)
		return;
	f = malloc(sizeof(*f));
	if (!f)
		return; /* the next one finds it too */
	*f = (struct finding){chunk, damage};
	nx_db_write(c->db, write_finding, finding_written, f);
}

int
catalog_lose_chunk(struct nx_db *db, int64_t chunk)
{
	return nx_db_exec(db,
	    "INSERT OR REPLACE INTO damage(chunk, file, kind, found_at)"
	    " SELECT chunk, file, ?2, ?3 FROM chunks WHERE chunk = ?1",
	    "iiu", chunk, (int64_t)CATALOG_MISSING, catalog_now());
}

int
catalog_file_list_damaged(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_file *ret_files, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.file > ?1"
	    " AND f.file IN (SELECT file FROM damage WHERE file > ?1)"
	    " AND (?2 = 0 OR f.owner = ?2) ORDER BY f.file LIMIT ?3",
	    "iuu", after, owner, (uint64_t)max);

	while (r > 0) {
		catalog_read_file(stmt, &ret_files[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}
