/*
 * Chunk files that nobody refers to any more, until they are unlinked. Owners
 * share each step of that: who has deleted very much waits, and nobody else.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

#define OWNERS 16 /* of one answer */

struct part {
	uint64_t owner;
	size_t n; /* of theirs so far */
};

static int
owner_upto(struct nx_db *db, int64_t most, int64_t volume, int64_t *ret_owner)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT owner FROM trash WHERE volume = ? AND owner <= ?"
	    " ORDER BY owner DESC LIMIT 1",
	    "ii", volume, most);

	if (r > 0) {
		*ret_owner = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

static bool
has(const struct part *parts, int n, uint64_t owner)
{
	for (int i = 0; i < n; i++)
		if (parts[i].owner == owner)
			return true;
	return false;
}

/* Number or -errno. */
static int
pick_owners(struct nx_db *db, int64_t volume, struct catalog_turn *turn,
    struct part parts[OWNERS])
{
	uint64_t owner;
	int n = 0, r = 1;

	/* Once it may be the wanted one again, twice it is once around. */
	for (int again = 0; n < OWNERS && again < 2;) {
		r = catalog_next_owner(db, turn, owner_upto, volume, &owner);
		if (r <= 0)
			break;
		if (has(parts, n, owner))
			again++;
		else
			parts[n++].owner = owner;
	}
	return r < 0 ? r : n;
}

/* Up to @max more of one owner's. Number or -errno. */
static int
trash_of(struct nx_db *db, int64_t volume, struct part *part,
    struct chunk_id *ret_ids, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT id FROM trash WHERE volume = ? AND owner = ?"
	    " ORDER BY size DESC LIMIT ? OFFSET ?",
	    "iuuu", volume, part->owner, (uint64_t)max, (uint64_t)part->n);

	while (r > 0) {
		nx_db_text(stmt, 0, ret_ids[n].text, sizeof(ret_ids[n].text));
		n++;
		r = nx_db_next(stmt);
	}
	part->n += (size_t)n;
	return r < 0 ? r : n;
}

int
catalog_trash(struct catalog *c, int64_t volume, struct catalog_turn *turn,
    struct chunk_id *ret_ids, size_t max)
{
	struct part parts[OWNERS] = {{0}};
	int n_parts = pick_owners(c->db, volume, turn, parts);
	size_t n = 0;

	nx_assert(max >= OWNERS);
	/* As much each; then what one does not need is the others'. */
	for (int i = 0; i < 2 * n_parts && n < max; i++) {
		int r = trash_of(c->db, volume, &parts[i % n_parts],
		    ret_ids + n, i < n_parts ? max / (size_t)n_parts : max - n);

		if (r < 0)
			return r;
		n += (size_t)r;
	}
	return n_parts < 0 ? n_parts : (int)n;
}

static int
write_trash_done(struct nx_db *db, void *arg)
{
	struct catalog_trash_done *op = arg;
	int r = 0;

	op->began = nx_now_us();
	for (size_t i = 0; i < op->n && r == 0; i++)
		r = nx_db_exec(db,
		    "DELETE FROM trash WHERE volume = ? AND id = ?", "is",
		    op->volume, op->ids[i].text);
	return r;
}

static void
trash_done(int result, void *arg)
{
	struct catalog_trash_done *op = arg;

	op->done(result, op->arg);
}

void
catalog_trash_done(struct catalog *c, struct catalog_trash_done *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_trash_done, trash_done, op);
}

int
catalog_knows(struct catalog *c, int64_t volume, const char *name)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT 1 FROM chunks c JOIN replicas r ON r.chunk = c.chunk"
	    " WHERE c.id = ?1 AND r.volume = ?2 AND r.at = 0 UNION ALL"
	    " SELECT 1 FROM trash WHERE volume = ?2 AND id = ?1 LIMIT 1",
	    "si", name, volume);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}
