/*
 * Uploads in pieces: opened, added to, listed, given up. How they become a file is
 * in catalog_whole.c.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_part_internal.h"
#include "storaged/catalog/catalog_within.h"

#define UPLOAD_COLUMNS                                             \
	"u.file, f.id, u.owner, u.kind, u.bucket, u.key, f.name, " \
	"u.path, f.want, f.created_at, u.expires_at, u.size, "     \
	"u.charged, u.parts, u.mode, u.until, u.hold, u.chunks, "  \
	"u.changes, u.code, u.adds_only, u.sums"
#define UPLOAD_FROM " FROM uploads u JOIN files f ON f.file = u.file "

/* --- reading ----------------------------------------------------------------*/

static int
read_upload(sqlite3_stmt *stmt, struct catalog_upload *ret_upload)
{
	struct catalog_upload *u = ret_upload;
	size_t len = (size_t)sqlite3_column_bytes(stmt, 5);

	if (len > CATALOG_KEY_MAX)
		return -EBADMSG;
	memset(u, 0, sizeof(*u));
	u->file = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, u->id, sizeof(u->id));
	u->owner = (uint64_t)sqlite3_column_int64(stmt, 2);
	u->kind = sqlite3_column_int(stmt, 3) == CATALOG_MULTIPART
	    ? CATALOG_MULTIPART
	    : CATALOG_RESUMABLE;
	u->bucket = sqlite3_column_int64(stmt, 4);
	u->key_len = len;
	if (len > 0)
		memcpy(u->key, sqlite3_column_blob(stmt, 5), len);
	nx_db_text(stmt, 6, u->name, sizeof(u->name));
	nx_db_text(stmt, 7, u->path, sizeof(u->path));
	u->want = (uint32_t)sqlite3_column_int64(stmt, 8);
	u->began_at = (uint64_t)sqlite3_column_int64(stmt, 9);
	u->expires_at = (uint64_t)sqlite3_column_int64(stmt, 10);
	u->size = (uint64_t)sqlite3_column_int64(stmt, 11);
	u->charged = (uint64_t)sqlite3_column_int64(stmt, 12);
	u->parts = (uint32_t)sqlite3_column_int64(stmt, 13);
	u->lock = (struct catalog_lock){
	    .mode = (enum catalog_lock_mode)sqlite3_column_int(stmt, 14),
	    .until = (uint64_t)sqlite3_column_int64(stmt, 15),
	    .hold = sqlite3_column_int(stmt, 16) != 0,
	};
	u->chunks = (uint64_t)sqlite3_column_int64(stmt, 17);
	u->changes = sqlite3_column_int64(stmt, 18);
	u->code = (uint32_t)sqlite3_column_int64(stmt, 19);
	u->adds_only = sqlite3_column_int(stmt, 20) != 0;
	u->sums = (uint32_t)sqlite3_column_int64(stmt, 21);
	return 0;
}

static int
take_upload(int r, sqlite3_stmt *stmt, struct catalog_upload *ret_upload)
{
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_UPLOAD;
	r = read_upload(stmt, ret_upload);
	sqlite3_reset(stmt);
	return r;
}

int
part_upload(struct nx_db *db, uint64_t owner, int64_t file,
    struct catalog_upload *ret_upload)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " UPLOAD_COLUMNS UPLOAD_FROM "WHERE u.file = ?1"
	    " AND (?2 = 0 OR u.owner = ?2)",
	    "iu", file, owner);

	return take_upload(r, stmt, ret_upload);
}

int
catalog_upload_find(struct catalog *c, uint64_t owner, const char *place,
    const char *id, struct catalog_upload *ret_upload)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " UPLOAD_COLUMNS " FROM files f JOIN uploads u"
	    " ON u.file = f.file WHERE f.id = ?1 AND f.tree = 3"
	    " AND (?2 = 0 OR u.owner = ?2)",
	    "su", id, owner);

	r = take_upload(r, stmt, ret_upload);
	if (r == 0)
		r = catalog_leaving(c->db, ret_upload->owner);
	if (r == 0) {
		r = catalog_upload_within(c, ret_upload, place);
		r = r < 0 ? r : r == 0;
	}
	return r > 0 ? CATALOG_NO_UPLOAD : r;
}

int
catalog_upload_meta(
    struct catalog *c, int64_t upload, uint8_t ret_meta[CATALOG_META_MAX])
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT meta FROM uploads WHERE file = ?", "i", upload);

	return catalog_take_meta(r, stmt, ret_meta);
}

int
catalog_upload_state(
    struct catalog *c, int64_t upload, uint8_t ret_state[DIGEST_STATE])
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT sha256 FROM uploads WHERE file = ?", "i", upload);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = nx_db_blob(stmt, 0, ret_state, DIGEST_STATE) ? 0 : -EBADMSG;
	sqlite3_reset(stmt);
	return r;
}

static int
read_uploads(int r, sqlite3_stmt *stmt, struct catalog_upload *ret_uploads)
{
	int n = 0;

	while (r > 0) {
		r = read_upload(stmt, &ret_uploads[n++]);
		if (r < 0) {
			sqlite3_reset(stmt);
			return r;
		}
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_upload_list(struct catalog *c, int64_t bucket,
    const struct catalog_key *after_key, int64_t after,
    struct catalog_upload *ret_uploads, size_t max)
{
	/* No pointer would be NULL, which no key comes after. */
	const void *key =
	    after_key->len > 0 ? after_key->data : (const void *)"";
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " UPLOAD_COLUMNS UPLOAD_FROM "WHERE u.bucket = ?"
	    " AND (u.key, u.file) > (?, ?) ORDER BY u.key, u.file LIMIT ?",
	    "ibiu", bucket, key, after_key->len, after, (uint64_t)max);

	return read_uploads(r, stmt, ret_uploads);
}

int
catalog_resumable_list(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_upload *ret_uploads, size_t max)
{
	sqlite3_stmt *stmt;
	int r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = nx_db_query(c->db, &stmt,
	    "SELECT " UPLOAD_COLUMNS UPLOAD_FROM "WHERE u.owner = ?"
	    " AND u.kind = 2 AND u.file > ? ORDER BY u.file LIMIT ?",
	    "uiu", owner, after, (uint64_t)max);
	return read_uploads(r, stmt, ret_uploads);
}

int
catalog_part_list(struct catalog *c, int64_t upload, uint32_t after,
    struct catalog_part *ret_parts, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT p.number, p.size, p.offset, f.md5, f.created_at, f.sha256"
	    " FROM parts p JOIN files f ON f.file = p.file"
	    " WHERE p.whole = ? AND p.number > ? ORDER BY p.number LIMIT ?",
	    "iuu", upload, (uint64_t)after, (uint64_t)max);

	while (r > 0) {
		struct catalog_part *p = &ret_parts[n++];

		p->number = (uint32_t)sqlite3_column_int64(stmt, 0);
		p->size = (uint64_t)sqlite3_column_int64(stmt, 1);
		p->offset = (uint64_t)sqlite3_column_int64(stmt, 2);
		nx_db_text(stmt, 3, p->etag.text, sizeof(p->etag.text));
		p->made_at = (uint64_t)sqlite3_column_int64(stmt, 4);
		p->summed = nx_db_blob(stmt, 5, p->sha256, SHA256_LEN);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* --- opening ----------------------------------------------------------------*/

static int
insert_upload(struct nx_db *db, struct catalog_upload_open *op)
{
	struct catalog_upload *u = &op->upload;
	bool bucket = u->kind == CATALOG_MULTIPART;
	int r = nx_db_exec(db,
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at)"
	    " VALUES(?1, ?2, ?3, 3, 0, 0, ?4, ?4, '', ?5)",
	    "susuu", u->id, u->owner, u->name, (uint64_t)u->want, u->began_at);

	u->file = sqlite3_last_insert_rowid(nx_db_handle(db));
	if (r < 0)
		return r;
	return nx_db_exec(db,
	    "INSERT INTO uploads(file, owner, kind, bucket, key, path, meta,"
	    " mode, until, hold, expires_at, charged, code,"
	    " adds_only, sums, sha256)"
	    " VALUES(?, ?, ?, nullif(?, 0), iif(?, ?, NULL), ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, nullif(?, x''))",
	    "iuiiibsbiuiuuuiub", u->file, u->owner, (int64_t)u->kind, u->bucket,
	    (int64_t)bucket, (const void *)u->key, u->key_len, u->path,
	    (const void *)(op->meta_len ? op->meta : (const uint8_t *)""),
	    op->meta_len, (int64_t)u->lock.mode, u->lock.until,
	    (int64_t)u->lock.hold, u->expires_at, u->charged, (uint64_t)u->code,
	    (int64_t)u->adds_only, (uint64_t)u->sums,
	    (const void *)(op->state ? op->state : (const uint8_t *)""),
	    op->state ? (size_t)DIGEST_STATE : 0);
}

static int
check_bucket(struct nx_db *db, const struct catalog_upload *u)
{
	struct catalog_bucket b;
	int r = catalog_read_bucket(db, u->owner, u->bucket, &b);

	if (r != 0)
		return r;
	return !b.lockable && (u->lock.mode != CATALOG_UNLOCKED || u->lock.hold)
	    ? CATALOG_NOT_LOCKABLE
	    : 0;
}

static int
write_open(struct nx_db *db, void *arg)
{
	struct catalog_upload_open *op = arg;
	struct catalog_upload *u = &op->upload;
	struct catalog_sums more = {.files = 1};
	int r = catalog_leaving(db, u->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	if (u->kind == CATALOG_MULTIPART)
		r = check_bucket(db, u);
	if (r != 0)
		return r;
	u->began_at = catalog_now();
	u->expires_at = u->began_at + op->keep;
	u->charged = CATALOG_FILE_CHARGE + op->meta_len;
	more.charged = (int64_t)u->charged;
	r = insert_upload(db, op);
	if (r == 0)
		r = catalog_account(db, u->owner, &more, 0);
	return r < 0
	    ? r
	    : catalog_check_account(db, u->owner, op->quota, op->entries);
}

static void
open_done(int result, void *arg)
{
	struct catalog_upload_open *op = arg;

	op->done(result, op->arg);
}

void
catalog_upload_open(struct catalog *c, struct catalog_upload_open *op)
{
	nx_assert(op->done);
	nx_id_new(op->upload.id);
	nx_db_write(c->db, write_open, open_done, op);
}

/* --- a piece comes ----------------------------------------------------------*/

/* The part of that number goes, if there is one: *ret_old is what it was. */
static int
take_old(struct nx_db *db, uint64_t owner, int64_t whole, uint32_t number,
    struct catalog_sums *ret_old, int64_t *ret_chunks)
{
	sqlite3_stmt *stmt;
	int64_t file, size;
	int r = nx_db_query(db, &stmt,
	    "SELECT p.file, p.size, f.chunks FROM parts p JOIN files f"
	    " ON f.file = p.file WHERE p.whole = ? AND p.number = ?",
	    "iu", whole, (uint64_t)number);

	*ret_old = (struct catalog_sums){0};
	*ret_chunks = 0;
	if (r <= 0)
		return r;
	file = sqlite3_column_int64(stmt, 0);
	size = sqlite3_column_int64(stmt, 1);
	*ret_chunks = sqlite3_column_int64(stmt, 2);
	sqlite3_reset(stmt);
	*ret_old = (struct catalog_sums){.size = size,
	    .files = 1,
	    .charged = (int64_t)catalog_charge((uint64_t)size)};
	r = nx_db_exec(db, "DELETE FROM parts WHERE whole = ? AND number = ?",
	    "iu", whole, (uint64_t)number);
	return r < 0 ? r : catalog_drop_file(db, owner, file);
}

static int
insert_part(struct nx_db *db, const struct catalog_commit *op, int64_t file,
    uint32_t number, int64_t offset)
{
	return nx_db_exec(db,
	    "INSERT INTO parts(whole, number, file, size, offset)"
	    " VALUES(?, ?, ?, ?, ?)",
	    "iuiui", op->part->upload, (uint64_t)number, file, op->file.size,
	    offset);
}

static int
settle_part(struct nx_db *db, const struct catalog_commit *op,
    const struct catalog_sums *d, int64_t chunks)
{
	uint64_t keep = op->part->keep;
	const uint8_t *state = op->part->state;
	int r = nx_db_exec(db,
	    "UPDATE uploads SET size = size + ?, charged = charged + ?,"
	    " parts = parts + ?, chunks = chunks + ?, changes = changes + 1,"
	    " expires_at = iif(?, ?, expires_at),"
	    " sha256 = ifnull(nullif(?, x''), sha256) WHERE file = ?",
	    "iiiiiubi", d->size, d->charged, d->files, chunks,
	    (int64_t)(keep > 0), catalog_now() + keep,
	    (const void *)(state ? state : (const uint8_t *)""),
	    state ? (size_t)DIGEST_STATE : 0, op->part->upload);

	return r < 0 ? r : catalog_account(db, op->file.owner, d, 0);
}

int
catalog_put_part(struct nx_db *db, struct catalog_commit *op, int64_t file)
{
	const struct catalog_part_put *put = op->part;
	struct catalog_sums old = {0}, d;
	struct catalog_upload u;
	int64_t old_chunks = 0;
	int r = part_upload(db, op->file.owner, put->upload, &u);

	if (r != 0)
		return r;
	if (u.kind == CATALOG_RESUMABLE && u.size != put->offset)
		return CATALOG_OFFSET;
	if (u.kind == CATALOG_RESUMABLE)
		r = insert_part(
		    db, op, file, u.parts + 1, (int64_t)put->offset);
	else {
		r = take_old(
		    db, u.owner, u.file, put->number, &old, &old_chunks);
		op->freed = old.files > 0;
		if (r == 0)
			r = insert_part(db, op, file, put->number, -1);
	}
	d = (struct catalog_sums){.size = (int64_t)op->file.size - old.size,
	    .files = 1 - old.files,
	    .charged = (int64_t)catalog_charge(op->file.size) - old.charged};
	if (r == 0)
		r = settle_part(
		    db, op, &d, (int64_t)op->file.chunks - old_chunks);
	return r;
}

/* --- giving up --------------------------------------------------------------*/

int
part_close(struct nx_db *db, const struct catalog_upload *u, bool settle)
{
	struct catalog_sums less = {.size = -(int64_t)u->size,
	    .files = -1 - (int64_t)u->parts,
	    .charged = -(int64_t)u->charged};
	int r =
	    nx_db_exec(db, "DELETE FROM uploads WHERE file = ?", "i", u->file);

	return r < 0 || !settle ? r : catalog_account(db, u->owner, &less, 0);
}

static int
write_drop(struct nx_db *db, void *arg)
{
	struct catalog_upload_drop *op = arg;
	struct catalog_upload u;
	int r = part_upload(db, op->owner, op->upload, &u);

	if (r == 0)
		r = catalog_leaving(db, u.owner);
	if (r > 0)
		r = CATALOG_NO_UPLOAD;
	if (r == 0)
		r = part_close(db, &u, true);
	return r != 0 ? r : catalog_drop_file(db, u.owner, u.file);
}

static void
drop_done(int result, void *arg)
{
	struct catalog_upload_drop *op = arg;

	op->done(result, op->arg);
}

void
catalog_upload_drop(struct catalog *c, struct catalog_upload_drop *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_drop, drop_done, op);
}

int64_t
catalog_upload_expired(struct catalog *c)
{
	sqlite3_stmt *stmt;
	int64_t file;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT file FROM uploads WHERE expires_at <= ?"
	    " ORDER BY expires_at LIMIT 1",
	    "u", catalog_now());

	if (r <= 0)
		return r;
	file = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return file;
}
