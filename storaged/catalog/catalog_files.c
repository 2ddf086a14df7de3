/*
 * Files and their chunks in the catalogue: found by id, listed, committed when
 * an upload is complete, removed. What a deletion took out of sight (a folder
 * above, the whole user) is not found here, though rows of it may last until
 * they are reaped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_internal.h"
#include "storaged/catalog/catalog_past.h"

#define SHARED_DIGITS 4
#define SHARED_US     20000U

/* --- reading ----------------------------------------------------------------*/

void
catalog_read_about(
    sqlite3_stmt *stmt, int column, struct catalog_about *ret_about)
{
	ret_about->has_mtime =
	    sqlite3_column_type(stmt, column) == SQLITE_INTEGER;
	ret_about->mtime = sqlite3_column_int64(stmt, column);
	nx_db_text(stmt, column + 1, ret_about->type, sizeof(ret_about->type));
}

int
catalog_file_meta(
    struct catalog *c, int64_t key, uint8_t ret_meta[CATALOG_ABOUT_MAX])
{
	sqlite3_stmt *stmt;
	int n,
	    r = nx_db_query(c->db, &stmt,
		"SELECT meta FROM files WHERE file = ?", "i", key);

	if (r <= 0)
		return r;
	n = sqlite3_column_bytes(stmt, 0);
	if (n > (int)CATALOG_ABOUT_MAX)
		n = -EBADMSG;
	else if (n > 0)
		memcpy(ret_meta, sqlite3_column_blob(stmt, 0), (size_t)n);
	sqlite3_reset(stmt);
	return n;
}

void
catalog_read_file(sqlite3_stmt *stmt, struct catalog_file *ret_file)
{
	struct catalog_file *f = ret_file;

	f->key = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, f->id, sizeof(f->id));
	nx_db_text(stmt, 2, f->name, sizeof(f->name));
	f->owner = (uint64_t)sqlite3_column_int64(stmt, 3);
	f->size = (uint64_t)sqlite3_column_int64(stmt, 4);
	f->chunks = (uint32_t)sqlite3_column_int64(stmt, 5);
	f->want = (uint32_t)sqlite3_column_int64(stmt, 6);
	f->replicas = (uint32_t)sqlite3_column_int64(stmt, 7);
	nx_db_text(stmt, 8, f->etag.text, sizeof(f->etag.text));
	f->created_at = (uint64_t)sqlite3_column_int64(stmt, 9);
	f->in_tree = sqlite3_column_int(stmt, 10) == HOME_TREE;
	f->in_bucket = sqlite3_column_int(stmt, 10) == HOME_BUCKET;
	f->hidden = sqlite3_column_int(stmt, 10) == HOME_NOWHERE;
	f->past = sqlite3_column_int(stmt, 10) == PAST_HOME;
	f->damaged = (uint32_t)sqlite3_column_int64(stmt, 11);
	f->missing = (uint32_t)sqlite3_column_int64(stmt, 12);
	f->parts = (uint32_t)sqlite3_column_int64(stmt, 13);
	f->content = sqlite3_column_int64(stmt, 14);
	catalog_read_about(stmt, 15, &f->about);
	f->extra = (uint64_t)sqlite3_column_int64(stmt, 17);
	f->code = (uint32_t)sqlite3_column_int64(stmt, 18);
}

/* What was deleted with a folder or a user is not there, though its row may
 * still be. */
int
catalog_file_there(struct catalog *c, const struct catalog_file *file)
{
	int r = catalog_leaving(c->db, file->owner);

	if (r != 0)
		return r < 0 ? r : 0;
	if (file->hidden)
		return catalog_part_there(c, file->key);
	return file->in_tree ? catalog_is_attached(c->db, file->key) : 1;
}

int
catalog_file_find(struct catalog *c, uint64_t owner, const char *id,
    struct catalog_file *ret_file)
{
	char beyond[NX_ID_LEN + 2];
	sqlite3_stmt *stmt;
	int r, found = 0;

	if (!nx_id_prefix_valid(id))
		return CATALOG_BAD_ID;
	/* 'g' sorts behind every digit an id can have. */
	(void)snprintf(beyond, sizeof(beyond), "%sg", id);
	r = nx_db_query(c->db, &stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.id >= ?1 AND"
	    " f.id < ?2 AND (?3 = 0 OR f.owner = ?3) AND f.tree < 3",
	    "ssu", id, beyond, owner);
	while (r > 0) {
		struct catalog_file file;
		int there;

		catalog_read_file(stmt, &file);
		there = catalog_file_there(c, &file);
		if (there < 0 || (there > 0 && ++found > 1)) {
			sqlite3_reset(stmt);
			return there < 0 ? there : CATALOG_AMBIGUOUS;
		}
		if (there > 0)
			*ret_file = file;
		r = nx_db_next(stmt);
	}
	if (r < 0)
		return r;
	return found ? 0 : CATALOG_NO_FILE;
}

static int
list_all(struct catalog *c, int64_t after, size_t max, sqlite3_stmt **ret_stmt)
{
	return nx_db_query(c->db, ret_stmt,
	    "SELECT " FILE_COLUMNS " FROM files f INDEXED BY files_raw_all"
	    " WHERE f.tree = 0 AND f.file > ? AND NOT EXISTS (SELECT 1 FROM "
	    "going g WHERE"
	    " g.owner = f.owner AND g.folder = 0) ORDER BY f.file LIMIT ?",
	    "iu", after, (uint64_t)max);
}

static int
list_of(struct catalog *c, uint64_t owner, int64_t after, size_t max,
    sqlite3_stmt **ret_stmt)
{
	return nx_db_query(c->db, ret_stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.owner = ? AND"
	    " f.tree = 0 AND f.file > ? ORDER BY f.file LIMIT ?",
	    "uiu", owner, after, (uint64_t)max);
}

int
catalog_file_list(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_file *ret_files, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0, r = owner == 0 ? 0 : catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = owner == 0 ? list_all(c, after, max, &stmt)
		       : list_of(c, owner, after, max, &stmt);
	while (r > 0) {
		catalog_read_file(stmt, &ret_files[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_read_chunk(sqlite3_stmt *stmt, struct catalog_chunk *ret_chunk)
{
	struct catalog_chunk *c = ret_chunk;
	int n_crc = sqlite3_column_bytes(stmt, 5);
	int64_t size = sqlite3_column_int64(stmt, 3);

	if (size < 0 || size > CHUNK_SIZE ||
	    (size_t)n_crc !=
		checksum_blocks((uint32_t)size) * sizeof(c->sums.crc[0]))
		return -EBADMSG;
	memset(c, 0, sizeof(*c));
	c->key = sqlite3_column_int64(stmt, 0);
	c->file = sqlite3_column_int64(stmt, 1);
	nx_db_text(stmt, 2, c->id.text, sizeof(c->id.text));
	c->sums.size = (uint32_t)size;
	c->index = sqlite3_column_int64(stmt, 6);
	c->code = (uint32_t)sqlite3_column_int64(stmt, 7);
	if (!nx_db_blob(stmt, 4, c->sums.md5, MD5_LEN))
		return -EBADMSG;
	if (n_crc > 0)
		memcpy(
		    c->sums.crc, sqlite3_column_blob(stmt, 5), (size_t)n_crc);
	return 0;
}

int
catalog_read_replicas(struct nx_db *db, struct catalog_chunk *chunk)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT volume, at FROM replicas WHERE chunk = ?", "i", chunk->key);
	uint32_t n = 0;

	while (r > 0) {
		if (n < CATALOG_REPLICAS) {
			chunk->volumes[n] = sqlite3_column_int64(stmt, 0);
			chunk->at[n++] =
			    (uint64_t)sqlite3_column_int64(stmt, 1);
		}
		r = nx_db_next(stmt);
	}
	chunk->n_replicas = n;
	return r;
}

int
catalog_file_chunks(struct catalog *c, int64_t file, uint32_t index,
    struct catalog_chunk *ret_chunks, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM chunks c WHERE c.file = ? AND"
	    " c.idx >= ? ORDER BY c.idx LIMIT ?",
	    "iuu", file, (uint64_t)index, (uint64_t)max);

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

static int
insert_file(struct nx_db *db, struct catalog_commit *op)
{
	struct catalog_file *f = &op->file;
	int r;

	f->created_at = catalog_now();
	f->replicas = fewest_replicas(op);
	f->extra = strlen(f->about.type) + op->meta_len;
	f->in_tree = op->path != NULL;
	f->in_bucket = op->object != NULL;
	f->hidden = op->part != NULL;
	r = nx_db_exec(db,
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at, mtime, type, extra, meta)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, iif(?, ?, NULL), ?, ?,"
	    " nullif(?, x''))",
	    "susiuuuusuiisub", f->id, f->owner, f->name, catalog_home_of(op),
	    f->size, (uint64_t)f->chunks, (uint64_t)f->want,
	    (uint64_t)f->replicas, f->etag.text, f->created_at,
	    (int64_t)f->about.has_mtime, f->about.mtime, f->about.type,
	    f->extra, op->meta ? op->meta : (const uint8_t *)"", op->meta_len);
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
	nx_db_write(c->db, write_commit, commit_done, op);
}
