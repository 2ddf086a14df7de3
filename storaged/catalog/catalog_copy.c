/*
 * Copies without a byte: rows that have the chunks of others. A file is one
 * write. A folder is walked depth first into one that hangs below no tree (its
 * parent is OUTSIDE); the account pays for it as it grows, and the last write
 * puts it where it was meant to be. What ends on the way gives back what it took,
 * at the latest when the catalogue is opened again (the table copying).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/catalog/catalog_copying.h"
#include "storaged/catalog/catalog_event_internal.h"

#define OUTSIDE INT64_C(-1)
#define STEP_US 1000

/* --- a file -----------------------------------------------------------------*/

/* A row for another file with the content of @source. */
static int
insert_copy(struct nx_db *db, int64_t source, const char *name,
    char id[NX_ID_LEN + 1], int64_t *ret_file)
{
	int r;

	nx_id_new(id);
	r = nx_db_exec(db,
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at, parts, mtime, type, extra, meta,"
	    " sha256, sums, content) SELECT ?1, owner, ?2, 1, size, chunks,"
	    " want, replicas, md5, ?3, parts, mtime, type, extra, meta, "
	    "sha256, sums,"
	    " iif(content <> 0, content, file) FROM files WHERE file = ?4",
	    "ssui", id, name, catalog_now(), source);
	if (r == 0 && sqlite3_changes(nx_db_handle(db)) != 1)
		r = -EBADMSG;
	*ret_file = sqlite3_last_insert_rowid(nx_db_handle(db));
	return r;
}

int
copy_file(struct nx_db *db, struct catalog_copy *op)
{
	struct catalog_commit as = {
	    .file = {.owner = op->owner,
		.size = op->entry.size,
		.etag = op->entry.etag,
		.extra = op->entry.charged > op->entry.size
		    ? op->entry.charged - op->entry.size
		    : 0},
	    .path = &op->to,
	    .create_only = !op->replace,
	    .condition = op->condition,
	};
	int64_t file;
	int r = insert_copy(
	    db, op->entry.file, path_last(&op->to), as.file.id, &file);

	if (r == 0)
		r = catalog_put_entry(db, &as, file, &op->freed);
	op->files = 1;
	op->bytes = op->entry.size;
	return r;
}

/* --- a folder: the beginning ------------------------------------------------*/

static int
insert_outside(struct nx_db *db, uint64_t owner, struct catalog_copying *c)
{
	int r;

	nx_id_new(c->name);
	r = nx_db_exec(db,
	    "INSERT INTO entries(owner, parent, name, size, modified_at)"
	    " VALUES(?, ?, ?, 0, ?)",
	    "uisu", owner, OUTSIDE, c->name, catalog_now());
	c->root = sqlite3_last_insert_rowid(nx_db_handle(db));
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO copying(folder, owner) VALUES(?, ?)", "iu",
		    c->root, owner);
	return r;
}

/* As far as it can be said before: nothing is copied that cannot stay. */
static int
check_room(struct nx_db *db, const struct catalog_copy *op)
{
	struct catalog_sums sums;
	int64_t parent;
	int r = catalog_read_sums(db, op->entry.key, &parent, &sums);

	if (r == 0)
		r = catalog_account(db, op->owner, &sums, 0);
	if (r == 0)
		r = catalog_check_account(
		    db, op->owner, op->quota, op->entries);
	sums = catalog_negated(&sums);
	return r != 0 ? r : catalog_account(db, op->owner, &sums, 0);
}

static int
begin_folder(struct nx_db *db, struct catalog_copy *op)
{
	struct catalog_copying *c = op->copying;
	struct catalog_sums root = {
	    .folders = 1, .charged = CATALOG_FOLDER_CHARGE};
	struct catalog_entry made = {.folder = true};
	int r = insert_outside(db, op->owner, c);

	made.key = c->root;
	memcpy(made.name, c->name, sizeof(c->name));
	/* How deep what was then goes is seen when it is there. */
	if (r == 0)
		r = catalog_clear_target(db, op->owner,
		    c->was ? &made : &op->entry, &op->to, op->replace,
		    &op->condition, NULL);
	if (r == 0 && !c->was)
		r = check_room(db, op);
	if (r == 0)
		r = catalog_account(db, op->owner, &root, 0);
	c->source = op->entry.key;
	c->now.folders = c->now.depth = 1;
	c->now.levels[0] =
	    (struct copy_level){.from = c->source, .to = c->root};
	return r;
}

static int
write_begin(struct nx_db *db, void *arg)
{
	struct catalog_copy *op = arg;
	int r = catalog_leaving(db, op->owner);

	op->files = op->folders_made = op->bytes = 0;
	op->freed = false;
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = copy_source(db, op);
	if (r == 0 && op->to.depth == 0)
		r = CATALOG_IS_ROOT;
	if (r == 0 && op->entry.folder && !op->folders)
		r = CATALOG_IS_FOLDER;
	if (r == 0 && op->entry.folder && !op->copying->was &&
	    path_within(&op->to, &op->path))
		r = CATALOG_INTO_ITSELF;
	if (r != 0)
		return r;
	if (op->entry.folder)
		return begin_folder(db, op);
	r = copy_file(db, op);
	if (r == 0)
		r = catalog_check_account(
		    db, op->owner, op->quota, op->entries);
	if (r == 0)
		r = catalog_walk(
		    db, op->owner, &op->to, op->to.depth, &op->entry);
	return r;
}

/* --- a folder: the steps ----------------------------------------------------*/

/* The entry of @child below @parent; what it adds goes into *sums. */
static int
copy_child(struct nx_db *db, uint64_t owner, int64_t parent,
    const struct copy_child *child, struct catalog_sums *sums)
{
	bool folder = child->file == 0;
	char id[NX_ID_LEN + 1];
	int64_t file = 0, charged = folder ? 0 : child->charged;
	int64_t reach = 1 + (int64_t)strlen(child->name);
	int r = 0;

	if (!folder)
		r = insert_copy(db, child->file, child->name, id, &file);
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO entries(owner, parent, name, file, size,"
		    " modified_at, charged, born) VALUES(?1, ?2, ?3,"
		    " nullif(?4, 0), ?5, ?6, ?7, " EPOCH_OF("?1") ")",
		    "uisiiui", owner, parent, child->name, file,
		    folder ? 0 : child->size, catalog_now(), charged);
	sums->size += folder ? 0 : child->size;
	sums->files += !folder;
	sums->folders += folder;
	sums->charged += folder ? CATALOG_FOLDER_CHARGE : charged;
	sums->height = 1;
	if (reach > sums->reach)
		sums->reach = reach;
	return r;
}

/* Down into @child, whose copy was just made, or up when there was none. */
static int
turn(struct nx_db *db, struct copy_progress *p, const struct copy_child *child)
{
	struct copy_level *at = &p->levels[p->depth - 1];

	if (!child) {
		p->depth--;
		return 0;
	}
	(void)snprintf(at->after, sizeof(at->after), "%s", child->name);
	if (child->file != 0)
		return 0;
	if (p->depth == PATH_DEPTH_MAX)
		return CATALOG_TOO_DEEP; /* it was moved meanwhile */
	p->levels[p->depth++] = (struct copy_level){.from = child->entry,
	    .to = sqlite3_last_insert_rowid(nx_db_handle(db))};
	return 0;
}

/* Some children of the folder that is being copied. */
static int
copy_some(struct nx_db *db, struct catalog_copy *op)
{
	struct copy_progress *p = &op->copying->next;
	struct copy_level *at = &p->levels[p->depth - 1];
	struct copy_child children[COPY_ROWS];
	struct catalog_sums sums = {0};
	bool end = true;
	int n = copy_children(db, op, at, children, &end);
	int64_t to = at->to;
	int r = n < 0 ? n : 0;

	if (n == 0 && !end)
		return 0; /* nothing of then among those looked at */

	for (int i = 0; i < n && r == 0; i++)
		r = copy_child(db, op->owner, to, &children[i], &sums);
	if (r == 0)
		r = turn(db, p, n > 0 ? &children[n - 1] : NULL);
	if (r == 0 && n > 0)
		r = catalog_settle(db, op->owner, to, &sums);
	if (r == 0 && n > 0)
		r = catalog_check_account(
		    db, op->owner, op->quota, op->entries);
	p->files += (uint64_t)sums.files;
	p->folders += (uint64_t)sums.folders;
	p->bytes += (uint64_t)sums.size;
	return r;
}

static int
write_step(struct nx_db *db, void *arg)
{
	struct catalog_copy *op = arg;
	uint64_t began = nx_now_us();
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	op->copying->next = op->copying->now;
	do
		r = copy_some(db, op);
	while (r == 0 && op->copying->next.depth > 0 &&
	    nx_now_us() - began < STEP_US);
	return r;
}

/* --- a folder: the end ------------------------------------------------------*/

static int
write_link(struct nx_db *db, void *arg)
{
	struct catalog_copy *op = arg;
	struct catalog_copying *c = op->copying;
	struct catalog_entry root = {.key = c->root, .folder = true};
	struct catalog_sums sums;
	int64_t parent;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	memcpy(root.name, c->name, sizeof(c->name));
	r = copy_check_source(db, op);
	if (r == 0)
		r = catalog_clear_target(db, op->owner, &root, &op->to,
		    op->replace, &op->condition, &parent);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE entries SET parent = ?1, name = ?2,"
		    " modified_at = ?3, born = " EPOCH_OF(
			"?5") " WHERE entry = ?4",
		    "isuiu", parent, path_last(&op->to), catalog_now(), c->root,
		    op->owner);
	if (r == 0)
		r = catalog_read_sums(db, c->root, &parent, &sums);
	if (r == 0)
		r = catalog_add_up(db, op->owner, parent, &sums);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM copying WHERE folder = ?", "i", c->root);
	if (r == 0)
		r = catalog_walk(
		    db, op->owner, &op->to, op->to.depth, &op->entry);
	return r != 0 ? r
		      : catalog_tell_path(db, op->owner, CATALOG_EVENT_CREATED,
			    op->to.text, &op->entry);
}

/* What there is of it goes, and of the account, unless its user leaves. */
static int
drop_folder(struct nx_db *db, uint64_t owner, int64_t root)
{
	struct catalog_sums sums, less;
	int64_t parent;
	int leaving = catalog_leaving(db, owner);
	int r = catalog_read_sums(db, root, &parent, &sums);

	less = catalog_negated(&sums);
	if (leaving < 0)
		r = leaving;
	if (r == 0 && !leaving)
		r = catalog_account(db, owner, &less, 0);
	return r < 0 ? r : catalog_drop_folder(db, owner, root, sums.charged);
}

static int
drop_copy(struct nx_db *db, uint64_t owner, int64_t root)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM entries WHERE entry = ? AND parent = ?", "ii", root,
	    OUTSIDE);

	if (r > 0) {
		sqlite3_reset(stmt);
		r = drop_folder(db, owner, root);
	}
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM copying WHERE folder = ?", "i", root);
	return r;
}

static int
write_drop(struct nx_db *db, void *arg)
{
	struct catalog_copy *op = arg;

	return drop_copy(db, op->owner, op->copying->root);
}

int
catalog_copy_undo(struct nx_db *db, void *arg)
{
	uint64_t whose = arg ? *(const uint64_t *)arg : 0;
	sqlite3_stmt *stmt;
	int r;

	while ((r = nx_db_query(db, &stmt,
		    "SELECT folder, owner FROM copying"
		    " WHERE ?1 = 0 OR owner = ?1 LIMIT 1",
		    "u", whose)) > 0) {
		int64_t root = sqlite3_column_int64(stmt, 0);
		uint64_t owner = (uint64_t)sqlite3_column_int64(stmt, 1);

		sqlite3_reset(stmt);
		r = drop_copy(db, owner, root);
		if (r < 0)
			break;
	}
	return r;
}

/* --- the order --------------------------------------------------------------*/

static void
finish(struct catalog_copy *op, int result)
{
	free(op->copying);
	op->copying = NULL;
	op->done(result, op->arg);
}

static void
dropped(int result, void *arg)
{
	struct catalog_copy *op = arg;

	/* What could not be dropped now is when the program starts again. */
	op->freed = result == 0;
	finish(op, op->result);
}

static void
linked(int result, void *arg)
{
	struct catalog_copy *op = arg;
	const struct copy_progress *p = &op->copying->now;

	op->result = result;
	op->files = p->files;
	op->folders_made = p->folders;
	op->bytes = p->bytes;
	if (result == 0)
		finish(op, 0);
	else
		nx_db_write(op->catalog->db, write_drop, dropped, op);
}

static void
stepped(int result, void *arg)
{
	struct catalog_copy *op = arg;

	if (result == 0)
		op->copying->now = op->copying->next;
	if (result == 0 && op->stop)
		result = -ESHUTDOWN;
	if (result != 0)
		linked(result, op);
	else if (op->copying->now.depth > 0)
		nx_db_write_behind(op->catalog->db, write_step, stepped, op);
	else
		nx_db_write(op->catalog->db, write_link, linked, op);
}

static void
begun(int result, void *arg)
{
	struct catalog_copy *op = arg;

	if (result != 0 || op->copying->now.depth == 0)
		finish(op, result);
	else
		nx_db_write_behind(op->catalog->db, write_step, stepped, op);
}

void
catalog_copy(struct catalog *c, struct catalog_copy *op)
{
	nx_assert(op->done);
	op->catalog = c;
	op->copying = calloc(1, sizeof(*op->copying));
	if (!op->copying)
		op->done(-ENOMEM, op->arg);
	else
		nx_db_write(c->db, write_begin, begun, op);
}
