/*
 * Where in the whole each part of a multipart upload begins. Who completes one
 * says a list of parts, and there may be ten thousand; they are compared and
 * placed a bounded number at a time. Every part gets its offset or none (-1), so
 * nothing of an earlier list is left; and whatever comes to the upload meanwhile
 * changes its number, which the commit compares.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_part_internal.h"

#define STEP 128

struct row {
	uint32_t number;
	uint64_t size, chunks;
	int64_t offset;
	struct etag etag;
	bool summed;
	uint8_t sha256[SHA256_LEN];
};

static int
read_rows(
    struct nx_db *db, int64_t whole, uint32_t after, struct row ret_rows[STEP])
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT p.number, p.size, p.offset, f.chunks, f.md5, f.sha256"
	    " FROM parts p JOIN files f ON f.file = p.file WHERE p.whole = ?"
	    " AND p.number > ? ORDER BY p.number LIMIT ?",
	    "iui", whole, (uint64_t)after, (int64_t)STEP);

	while (r > 0) {
		struct row *row = &ret_rows[n++];

		row->number = (uint32_t)sqlite3_column_int64(stmt, 0);
		row->size = (uint64_t)sqlite3_column_int64(stmt, 1);
		row->offset = sqlite3_column_int64(stmt, 2);
		row->chunks = (uint64_t)sqlite3_column_int64(stmt, 3);
		nx_db_text(stmt, 4, row->etag.text, sizeof(row->etag.text));
		row->summed = nx_db_blob(stmt, 5, row->sha256, SHA256_LEN);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
set_offset(
    struct nx_db *db, int64_t whole, const struct row *row, int64_t offset)
{
	if (row->offset == offset)
		return 0;
	return nx_db_exec(db,
	    "UPDATE parts SET offset = ? WHERE whole = ? AND number = ?", "iiu",
	    offset, whole, (uint64_t)row->number);
}

/* The next of the list, if @row is that. */
static int
place(struct nx_db *db, struct catalog_placing *op, const struct row *row)
{
	struct catalog_placed *at = &op->then;
	struct catalog_part *part = &op->parts[at->next];
	int64_t offset = (int64_t)at->size;

	if (at->next == op->n_parts || row->number < part->number)
		return set_offset(db, op->upload, row, -1);
	if (row->number > part->number ||
	    strcmp(row->etag.text, part->etag.text) != 0)
		return CATALOG_BAD_PART;
	if (row->size < CATALOG_PART_MIN && at->next + 1 < op->n_parts)
		return CATALOG_PART_SMALL;
	part->summed = row->summed;
	memcpy(part->sha256, row->sha256, SHA256_LEN);
	at->next++;
	at->size += row->size;
	at->chunks += row->chunks;
	return set_offset(db, op->upload, row, offset);
}

/* Offsets are one list's at a time: who has placed another one before does not
 * find the number any more that was theirs. */
static int
claim(struct nx_db *db, struct catalog_placing *op)
{
	struct catalog_upload u;
	int r = part_upload(db, op->owner, op->upload, &u);

	if (r != 0)
		return r;
	if (op->now.after > 0)
		return u.changes == op->changes ? 0 : CATALOG_OFFSET;
	op->changes = u.changes + 1;
	return nx_db_exec(db, "UPDATE uploads SET changes = ? WHERE file = ?",
	    "ii", op->changes, op->upload);
}

/* May be undone and made again: where it begins is where it began. */
static int
write_step(struct nx_db *db, void *arg)
{
	struct catalog_placing *op = arg;
	struct row rows[STEP];
	int n = 0, r = claim(db, op);

	op->then = op->now;
	if (r == 0)
		n = read_rows(db, op->upload, op->now.after, rows);
	if (n < 0)
		return n;
	for (int i = 0; i < n && r == 0; i++)
		r = place(db, op, &rows[i]);
	op->more = n == STEP;
	if (r == 0 && !op->more && op->then.next < op->n_parts)
		r = CATALOG_BAD_PART;
	if (n > 0)
		op->then.after = rows[n - 1].number;
	return r;
}

static void
step_done(int result, void *arg)
{
	struct catalog_placing *op = arg;

	op->now = op->then;
	if (result == 0 && op->more) {
		nx_db_write(op->catalog->db, write_step, step_done, op);
		return;
	}
	op->wrong = op->now.next;
	op->size = op->now.size;
	op->chunks = op->now.chunks;
	op->done(result, op->arg);
}

/* The index of the first part that is not after the one before, or n. */
static size_t
out_of_order(const struct catalog_part *parts, size_t n)
{
	uint32_t number = 0;

	for (size_t i = 0; i < n; i++) {
		if (parts[i].number <= number)
			return i;
		number = parts[i].number;
	}
	return n;
}

static int
write_refusal(struct nx_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return CATALOG_PART_ORDER;
}

static void
refused(int result, void *arg)
{
	struct catalog_placing *op = arg;

	op->done(result, op->arg);
}

void
catalog_place_parts(struct catalog *c, struct catalog_placing *op)
{
	nx_assert(op->done && op->n_parts <= CATALOG_PARTS_MAX);
	op->catalog = c;
	op->now = (struct catalog_placed){0};
	op->size = op->chunks = 0;
	op->wrong = out_of_order(op->parts, op->n_parts);
	if (op->wrong < op->n_parts)
		nx_db_write(c->db, write_refusal, refused, op);
	else
		nx_db_write(c->db, write_step, step_done, op);
}
