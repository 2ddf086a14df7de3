/*
 * Files and their chunks written to the catalogue: committed when an upload is
 * complete, removed. They are read in catalog_file_read.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_owed.h"
#include "storaged/catalog/catalog_past.h"

#define SHARED_DIGITS 4
#define SHARED_US     20000U

/* --- deleting ---------------------------------------------------------------*/

static int
settle_raw(struct nx_db *db, const struct catalog_file *f, int sign)
{
	struct catalog_sums d = {.size = sign * (int64_t)f->size,
	    .files = sign,
	    .charged = sign * (int64_t)catalog_charge(f->size + f->extra)};

	return catalog_account(db, f->owner, &d, 0);
}

static int
write_remove(struct nx_db *db, void *arg)
{
	struct catalog_remove *op = arg;
	const struct catalog_file *f = &op->file;
	char place[PATH_BYTES_MAX + 8]; /* never cut */
	sqlite3_stmt *stmt;
	/* It may be gone by now, or have become another user's by no means. */
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM files WHERE file = ? AND id = ?", "is", f->key,
	    f->id);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	sqlite3_reset(stmt);
	r = catalog_leaving(db, f->owner);
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	if (f->past)
		return CATALOG_NO_FILE;
	if (f->in_bucket || f->hidden)
		return CATALOG_IN_BUCKET;
	catalog_file_place(nx_db_ctx(db), f, place, sizeof(place));
	if (f->in_tree)
		r = catalog_take_entry(db, f->owner, f->key);
	else {
		r = settle_raw(db, f, -1);
		if (r == 0)
			r = catalog_drop_file(db, f->owner, f->key);
	}
	return r != 0 ? r
		      : catalog_tell_file(db, CATALOG_EVENT_DELETED, f, place);
}

static void
remove_done(int result, void *arg)
{
	struct catalog_remove *op = arg;

	op->done(result, op->arg);
}

void
catalog_remove(struct catalog *c, struct catalog_remove *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_remove, remove_done, op);
}

/* --- committing an upload ---------------------------------------------------*/

/* Of a stripe, which are neighbours: as many as it lacks are fewer. */
static uint32_t
fewest_replicas(const struct catalog_commit *op)
{
	uint32_t fewest = op->file.want, lacks = 0;
	int64_t stripe = -1;

	for (uint32_t i = 0; i < op->file.chunks; i++) {
		const struct catalog_chunk *c = &op->chunks[i];
		uint32_t parity = catalog_erasure(c->code).parity;
		uint32_t n = c->n_replicas;

		if (c->code) {
			if (catalog_stripe_of(c->index, c->code) != stripe)
				lacks = 0;
			stripe = catalog_stripe_of(c->index, c->code);
			lacks += n == 0;
			n = lacks > parity ? 0 : parity + 1 - lacks;
		}
		if (n < fewest)
			fewest = n;
	}
	return fewest;
}

void
catalog_digests_of(
    const struct digest_values *values, struct catalog_digests *ret_columns)
{
	struct catalog_digests *c = ret_columns;

	c->sha256_len = c->sums_len = 0;
	if (!values)
		return;
	c->sums_len = digest_pack(values, c->sums);
	if (!values->known[DIGEST_SHA256])
		return;
	c->sha256_len = SHA256_LEN;
	memcpy(c->sha256, values->value[DIGEST_SHA256], SHA256_LEN);
}

static int
insert_file(struct nx_db *db, struct catalog_commit *op)
{
	struct catalog_file *f = &op->file;
	struct catalog_digests digests;
	int r;

	catalog_digests_of(op->digests, &digests);
	f->created_at = catalog_now();
	f->replicas = fewest_replicas(op);
	f->extra = strlen(f->about.type) + op->meta_len;
	f->in_tree = op->path != NULL;
	f->in_bucket = op->object != NULL;
	f->hidden = op->part != NULL;
	r = nx_db_exec(db,
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at, mtime, type, extra, meta,"
	    " sha256, sums)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, iif(?, ?, NULL), ?, ?,"
	    " nullif(?, x''), nullif(?, x''), nullif(?, x''))",
	    "susiuuuusuiisubbb", f->id, f->owner, f->name, catalog_home_of(op),
	    f->size, (uint64_t)f->chunks, (uint64_t)f->want,
	    (uint64_t)f->replicas, f->etag.text, f->created_at,
	    (int64_t)f->about.has_mtime, f->about.mtime, f->about.type,
	    f->extra, op->meta ? op->meta : (const uint8_t *)"", op->meta_len,
	    (const void *)digests.sha256, digests.sha256_len,
	    (const void *)digests.sums, digests.sums_len);
	f->key = f->content = sqlite3_last_insert_rowid(nx_db_handle(db));
	return r;
}

static int
insert_replicas(struct nx_db *db, int64_t chunk, const struct catalog_chunk *c)
{
	int r = 0;

	for (uint32_t i = 0; i < c->n_replicas && r == 0; i++)
		r = catalog_replica_insert(db, chunk, c, i);
	return r;
}

static int
insert_chunk(struct nx_db *db, const struct catalog_commit *op,
    const struct catalog_chunk *c, int64_t index)
{
	int r = nx_db_exec(db,
	    "INSERT INTO chunks(id, file, idx, size, md5, crc, code)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?)",
	    "siiubbu", c->id.text, op->file.key, index, (uint64_t)c->sums.size,
	    c->sums.md5, (size_t)MD5_LEN, c->sums.crc,
	    checksum_blocks(c->sums.size) * sizeof(c->sums.crc[0]),
	    (uint64_t)c->code);

	return r < 0 ? r
		     : insert_replicas(
			   db, sqlite3_last_insert_rowid(nx_db_handle(db)), c);
}

/* With keys in the order of indexes: who goes on after a key goes on there. */
static int
insert_chunks(struct nx_db *db, const struct catalog_commit *op)
{
	int64_t index = 0;
	int r = 0;

	for (uint32_t i = op->file.chunks; i > 0 && r == 0; i--)
		if (op->chunks[i - 1].index < 0)
			r = insert_chunk(db, op, &op->chunks[i - 1],
			    op->chunks[i - 1].index);
	for (uint32_t i = 0; i < op->file.chunks && r == 0; i++)
		if (op->chunks[i].index >= 0)
			r = insert_chunk(db, op, &op->chunks[i], index++);
	return r;
}

int64_t
catalog_home_of(const struct catalog_commit *op)
{
	if (op->object)
		return HOME_BUCKET;
	if (op->part)
		return HOME_NOWHERE;
	return op->path ? HOME_TREE : HOME_RAW;
}

/* A row for the file, and what it is made of. */
static int
make_file(struct nx_db *db, struct catalog_commit *op)
{
	static const struct catalog_sums none;
	int r;

	if (op->assembly)
		return catalog_assemble(db, op);
	if (op->copy_of)
		return catalog_make_copy(db, op);
	r = insert_file(db, op);
	if (r == 0)
		r = insert_chunks(db, op);
	return r != 0 ? r
		      : catalog_account(db, op->file.owner, &none,
			    (int64_t)op->file.chunks);
}

/* What names it. */
static int
place_file(struct nx_db *db, struct catalog_commit *op)
{
	const struct catalog_file *f = &op->file;
	int r;

	if (op->path)
		return catalog_put_entry(db, op, f->key, &op->freed);
	if (op->object)
		return catalog_put_object(db, op, f->key);
	if (op->part)
		return catalog_put_part(db, op, f->key);
	r = catalog_check_condition(&op->condition, NULL);
	if (r == 0)
		r = settle_raw(db, f, 1);
	return r != 0
	    ? r
	    : catalog_tell_file(db, CATALOG_EVENT_CREATED, f, f->name);
}

static int
write_commit(struct nx_db *db, void *arg)
{
	struct catalog_commit *op = arg;
	struct catalog_file *f = &op->file;
	int r = catalog_leaving(db, f->owner);

	op->freed = false;
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = make_file(db, op);
	if (r == 0)
		r = place_file(db, op);
	/* What was in pieces counted at least as much. */
	if (r == 0 && !op->assembly)
		r = catalog_check_account(db, f->owner, op->quota, op->entries);
	return r;
}

/* What comes anew adds to sums and reads none of them. */
static bool
may_owe(const struct catalog_commit *op)
{
	return !op->assembly && !op->copy_of && !op->object && !op->part;
}

static int
write_owing(struct nx_db *db, void *arg)
{
	int r;

	catalog_owing(db);
	r = write_commit(db, arg);
	catalog_owing_no_more(db);
	return r;
}

static void
commit_done(int result, void *arg)
{
	struct catalog_commit *op = arg;

	op->done(result, op->arg);
}

/*
 * Where ids are looked up, what came together is together: of files that come
 * at once the first digits are the same, and a commit of many touches few pages.
 * They are others for what comes later, so that few digits tell files apart.
 */
static void
file_id_new(char ret_id[NX_ID_LEN + 1])
{
	static char first[SHARED_DIGITS];
	static uint64_t until_us;
	uint64_t now = nx_now_us();

	nx_id_new(ret_id);
	if (now >= until_us) {
		memcpy(first, ret_id, sizeof(first));
		until_us = now + SHARED_US;
	}
	memcpy(ret_id, first, sizeof(first));
}

void
catalog_commit(struct catalog *c, struct catalog_commit *op)
{
	nx_assert(
	    op->done && (op->chunks || op->assembly || op->file.chunks == 0));
	if (!op->assembly)
		file_id_new(op->file.id);
	if (may_owe(op))
		nx_db_write_owing(c->db, write_owing, commit_done, op);
	else
		nx_db_write(c->db, write_commit, commit_done, op);
}
