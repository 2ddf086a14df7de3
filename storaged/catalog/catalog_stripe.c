/* See catalog_stripe.h. */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int64_t
catalog_stripe_of(int64_t index, uint32_t code)
{
	struct erasure e = catalog_erasure(code);

	return index >= 0 ? index / e.data : (-1 - index) / e.parity;
}

unsigned
catalog_part_of(int64_t index, uint32_t code)
{
	struct erasure e = catalog_erasure(code);

	return index >= 0 ? (unsigned)(index % e.data)
			  : e.data + (unsigned)((-1 - index) % e.parity);
}

int64_t
catalog_part_index(int64_t stripe, unsigned part, uint32_t code)
{
	struct erasure e = catalog_erasure(code);

	return part < e.data ? stripe * e.data + part
			     : -1 - (stripe * e.parity + (part - e.data));
}

uint32_t
catalog_content_code(struct catalog *c, int64_t content)
{
	sqlite3_stmt *stmt;
	uint32_t code;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT code FROM chunks WHERE file = ? AND idx = 0", "i", content);

	if (r <= 0)
		return 0;
	code = (uint32_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return code;
}

/* Rows of the stripe from the part @low on, @n at most. */
static int
read_parts(struct catalog *c, const struct catalog_chunk *chunk, int64_t low,
    unsigned n, struct catalog_chunk ret_parts[ERASURE_PARTS_MAX])
{
	struct catalog_chunk part;
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM chunks c WHERE c.file = ?1"
	    " AND c.idx >= ?2 AND c.idx < ?2 + ?3 AND c.code = ?4",
	    "iiuu", chunk->file, low, (uint64_t)n, (uint64_t)chunk->code);

	while (r > 0) {
		r = catalog_read_chunk(stmt, &part);
		if (r < 0) {
			sqlite3_reset(stmt);
			return r;
		}
		ret_parts[catalog_part_of(part.index, part.code)] = part;
		r = nx_db_next(stmt);
	}
	return r;
}

int
catalog_stripe(struct catalog *c, const struct catalog_chunk *chunk,
    struct catalog_chunk *ret_parts)
{
	struct erasure e = catalog_erasure(chunk->code);
	int64_t s = catalog_stripe_of(chunk->index, chunk->code);
	int r;

	nx_assert(erasure_valid(e));
	memset(ret_parts, 0, ERASURE_PARTS_MAX * sizeof(*ret_parts));
	r = read_parts(c, chunk, s * e.data, e.data, ret_parts);
	if (r == 0)
		r = read_parts(
		    c, chunk, -(s + 1) * e.parity, e.parity, ret_parts);
	for (unsigned i = 0; i < ERASURE_PARTS_MAX && r == 0; i++)
		if (ret_parts[i].key != 0)
			r = catalog_read_replicas(c->db, &ret_parts[i]);
	return r;
}

int
catalog_stripe_volumes(struct catalog *c, const struct catalog_chunk *chunk,
    int64_t ret_volumes[ERASURE_PARTS_MAX])
{
	struct erasure e = catalog_erasure(chunk->code);
	sqlite3_stmt *stmt;
	int64_t s;
	int n = 0, r;

	if (chunk->code == 0)
		return 0;
	s = catalog_stripe_of(chunk->index, chunk->code);
	r = nx_db_query(c->db, &stmt,
	    "SELECT DISTINCT r.volume FROM chunks c JOIN replicas r"
	    " ON r.chunk = c.chunk WHERE c.file = ?1 AND c.code <> 0"
	    " AND c.chunk <> ?6 AND ((c.idx >= ?2 AND c.idx < ?2 + ?3)"
	    " OR (c.idx >= ?4 AND c.idx < ?4 + ?5)) LIMIT 12",
	    "iiuiui", chunk->file, s * e.data, (uint64_t)e.data,
	    -(s + 1) * e.parity, (uint64_t)e.parity, chunk->key);
	while (r > 0) {
		nx_assert(n < (int)ERASURE_PARTS_MAX);
		ret_volumes[n++] = sqlite3_column_int64(stmt, 0);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* The number of its stripes. */
static int
count_stripes(
    struct catalog *c, int64_t content, struct erasure e, int64_t *ret_stripes)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT -min(idx) FROM chunks WHERE file = ?", "i", content);

	*ret_stripes = 0;
	if (r <= 0)
		return r;
	*ret_stripes = sqlite3_column_int64(stmt, 0) / e.parity;
	sqlite3_reset(stmt);
	return 0;
}

static int
spread_of(struct catalog *c, int64_t content, struct erasure e, int64_t s,
    struct catalog_stripe_spread *ret_spread)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT count(DISTINCT v.disk), count(DISTINCT r.volume)"
	    " FROM chunks c JOIN replicas r ON r.chunk = c.chunk"
	    " JOIN volumes v ON v.volume = r.volume WHERE c.file = ?1"
	    " AND c.code <> 0 AND ((c.idx >= ?2 AND c.idx < ?2 + ?3)"
	    " OR (c.idx >= ?4 AND c.idx < ?4 + ?5))",
	    "iiuiu", content, s * e.data, (uint64_t)e.data, -(s + 1) * e.parity,
	    (uint64_t)e.parity);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	ret_spread->disks = (unsigned)sqlite3_column_int(stmt, 0);
	ret_spread->volumes = (unsigned)sqlite3_column_int(stmt, 1);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_stripe_spread(struct catalog *c, int64_t content, uint32_t code,
    unsigned look, struct catalog_stripe_spread *ret_spread)
{
	struct erasure e = catalog_erasure(code);
	struct catalog_stripe_spread found, least = {0};
	int64_t stripes, step;
	int r;

	nx_assert(look > 0);
	if (code == 0)
		return 0;
	r = count_stripes(c, content, e, &stripes);
	step = stripes / look > 0 ? stripes / look : 1;
	if (stripes > 1)
		stripes--; /* the last need not have all parts */
	for (int64_t s = 0; s < stripes && r == 0; s += step) {
		r = spread_of(c, content, e, s, &found);
		if (s == 0 || found.disks < least.disks ||
		    (found.disks == least.disks &&
			found.volumes < least.volumes))
			least = found;
	}
	if (r == 0)
		*ret_spread = least;
	return r < 0 ? r : stripes > 0;
}
