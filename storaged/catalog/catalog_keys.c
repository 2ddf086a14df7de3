/* The catalogue's copies of what is also on the volumes themselves: see
 * volumes/volume_key.h. It cannot open them and does not try. */
#include <stdio.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_volume_keys(struct catalog *c,
    int (*each)(
	const char *node, const uint8_t wrapped[CATALOG_KEY], void *arg),
    void *arg)
{
	uint8_t wrapped[CATALOG_KEY];
	char node[NX_ID_LEN + 1];
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT v.node, k.wrapped FROM volume_keys k"
	    " JOIN volumes v ON v.volume = k.volume",
	    "");

	while (r > 0) {
		int e = 0;

		nx_db_text(stmt, 0, node, sizeof(node));
		/* Of another length it is nobody's, and as good as none. */
		if (nx_db_blob(stmt, 1, wrapped, sizeof(wrapped)))
			e = each(node, wrapped, arg);
		if (e < 0) {
			sqlite3_reset(stmt);
			return e;
		}
		r = nx_db_next(stmt);
	}
	return r;
}

static int
write_key(struct nx_db *db, void *arg)
{
	struct catalog_volume_key_op *op = arg;

	return nx_db_exec(db,
	    "INSERT OR REPLACE INTO volume_keys(volume, wrapped)"
	    " VALUES(?, ?)",
	    "ib", op->volume, (const void *)op->wrapped, sizeof(op->wrapped));
}

static void
key_done(int result, void *arg)
{
	struct catalog_volume_key_op *op = arg;

	op->done(result, op->arg);
}

void
catalog_volume_key_save(struct catalog *c, struct catalog_volume_key_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_key, key_done, op);
}
