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

/* What people know: of a piece, the whole. */
#define DAMAGED_FILE                                          \
	"ifnull((SELECT p.whole FROM parts p WHERE p.file = " \
	"c.file), c.file)"

#define LOOKED 128 /* damaged files, in one go */

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
	    " SELECT c.chunk, " DAMAGED_FILE ", ?, ? FROM chunks c"
	    " WHERE c.chunk = ?",
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
	    " SELECT c.chunk, " DAMAGED_FILE ", ?2, ?3 FROM chunks c"
	    " WHERE c.chunk = ?1",
	    "iiu", chunk, (int64_t)CATALOG_MISSING, catalog_now());
}

/* The next damaged contents from @from on, anybody's. Number or -errno. */
static int
read_keys(struct nx_db *db, int64_t from, int64_t *ret_keys)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT file FROM damage WHERE file >= ? GROUP BY file"
	    " ORDER BY file LIMIT ?",
	    "ii", from, (int64_t)LOOKED);

	while (r > 0) {
		nx_assert(n < LOOKED);
		ret_keys[n++] = sqlite3_column_int64(stmt, 0);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* Files that have at->content, all of one owner, after at->file. Number or
 * -errno; *at is then at the last one looked at, or, if that was all, before the
 * next content. */
static int
list_content(struct catalog *c, uint64_t owner, struct catalog_damaged *at,
    struct catalog_file *ret_files, size_t max)
{
	int n = 0;

	for (int i = 0; i < LOOKED && (size_t)n < max; i++) {
		struct catalog_file *file = &ret_files[n];
		int r = catalog_file_with(c, at->content, at->file, file);

		if (r < 0)
			return r;
		if (r != 0 || (owner != 0 && file->owner != owner)) {
			at->content++;
			at->file = 0;
			return n;
		}
		at->file = file->key;
		r = catalog_file_there(c, file);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

int
catalog_file_list_damaged(struct catalog *c, uint64_t owner,
    struct catalog_damaged *at, struct catalog_file *ret_files, size_t max)
{
	int64_t keys[LOOKED];
	int looked = read_keys(c->db, at->content, keys), n = 0;

	for (int i = 0; i < looked; i++) {
		int r;

		if (at->content != keys[i])
			*at = (struct catalog_damaged){.content = keys[i]};
		r = list_content(c, owner, at, ret_files + n, max - (size_t)n);
		if (r < 0)
			return r;
		n += r;
		if (at->content == keys[i])
			return n; /* no room for all of them */
	}
	if (looked < LOOKED)
		*at = (struct catalog_damaged){0};
	return looked < 0 ? looked : n;
}
