/* Between the files of catalog_*.c that bury, give up and bring back. */
#ifndef STORAGED_CATALOG_PAST_H
#define STORAGED_CATALOG_PAST_H

#include "storaged/catalog/catalog_history.h"
#include "storaged/catalog/catalog_internal.h"

#define PAST_HOME 4 /* of files: column tree, see enum catalog_home */

/* A row of past, without what is only shown. */
struct past {
	int64_t past, parent, entry;
	uint64_t owner;
	int64_t file; /* 0: a folder */
	int64_t size, files, folders, charged, height, reach;
	uint64_t modified_at;
	int64_t born, died;
	enum catalog_why why;
	bool own, held;
	char name[PATH_NAME_MAX + 1];
};
#define PAST_COLUMNS                                                        \
	"p.past, p.parent, p.entry, p.owner, ifnull(p.file, 0), p.size, "   \
	"p.files, p.folders, p.charged, p.height, p.reach, p.modified_at, " \
	"p.born, p.died, p.why, p.own, p.held, p.name"
void past_read(sqlite3_stmt *stmt, struct past *ret_past);
/* The row that @r, of nx_db_query, has found; then no more of them. 1, 0,
 * -errno. */
int past_take(int r, sqlite3_stmt *stmt, struct past *ret_past);
/* 1, 0, -errno; @owner's. */
int
past_get(struct nx_db *db, uint64_t owner, int64_t past, struct past *ret_past);

/* What is, or was, at a path. */
struct past_place {
	int64_t parent; /* the folder */
	const char *name;
	int64_t key; /* in entries, of what is there or was last */
	bool there, folder;
};
/* CATALOG_NO_PATH when there never was anything, as far as is known. */
int past_place(struct nx_db *db, uint64_t owner, const struct path *path,
    struct past_place *ret_place);
/* The version @past of @path, 0: the newest. 0, CATALOG_NO_VERSION, as above. */
int past_find(struct nx_db *db, uint64_t owner, const struct path *path,
    int64_t past, struct past *ret_past);

/* What is shown of a row "p" of past and its file "f", and reads it. */
#define PAST_SHOWN                                                         \
	"p.past, p.parent, p.name, p.entry, p.file, p.size, p.files, "     \
	"p.folders, p.charged, p.modified_at, p.why, p.gone_at, p.until, " \
	"p.held, f.id, f.md5, " DAMAGE_COLUMNS(                            \
	    CONTENT_OF("f")) ", " ABOUT_COLUMNS
void past_read_shown(sqlite3_stmt *stmt, struct catalog_past *ret_past);

/* A folder that was deleted, or is in one that was. */
struct past_folder {
	int64_t key;             /* entries below it have that parent */
	uint64_t gone_at, until; /* of the outermost */
	bool held;
};
/* What the first @depth names of @path were. 0; CATALOG_NO_PATH, also when it is
 * there. */
int past_folder(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, struct past_folder *ret_folder);
/* Up to @max rows of PAST_SHOWN of what is in @at, by name and number behind
 * those; what was there to the end has the number 0. As nx_db_query. */
int
past_list_folder(struct nx_db *db, uint64_t owner, const struct past_folder *at,
    const char *name, int64_t past, size_t max, sqlite3_stmt **ret_stmt);

/* --- inside writes ----------------------------------------------------------*/

/*
 * The entry @key of @owner ends where it is. 1: it is history now, and whoever
 * takes its row away does no more than that; 0: nobody is to keep it, so that
 * goes through past_release; -errno.
 */
int past_keep(struct nx_db *db, uint64_t owner, int64_t key,
    enum catalog_why why, bool forever);
/* What the row @key of entries, already gone, or a row of past had goes, unless
 * another row of past has it too, which takes it over. */
int past_release(struct nx_db *db, uint64_t owner, int64_t key, int64_t file,
    const struct catalog_sums *sums);
/*
 * The row goes, and what it owns, or it stays for the snapshots that need it.
 * Whatever expires, is purged or makes room comes through here.
 * CATALOG_LOCKED: it has to stay as it is.
 */
int past_drop(struct nx_db *db, const struct past *p);
/* The same, though somebody else locked or needs it: its owner or the folder it
 * was in is no more. */
int past_drop_anyhow(struct nx_db *db, const struct past *p);
/* The row goes, what it owned is in entries again; a snapshot's row stays. */
int past_give_back(struct nx_db *db, const struct past *p);
/* The file op->path, which is in a folder that was deleted, is at its target too.
 * CATALOG_NO_PATH, CATALOG_IS_FOLDER ... */
int past_copy_out(struct nx_db *db, struct catalog_restore *op);
/* What is beyond @owner's bounds goes, the oldest first, a few rows of it. 1:
 * there is more, 0, -errno. */
int past_trim(struct nx_db *db, uint64_t owner);
/* Some of what was in @folder before goes with it, of folder 0 all of @owner's,
 * and what else was kept of it. 1: there was something, 0, -errno. */
int past_drop_below(struct nx_db *db, uint64_t owner, int64_t folder);

/* The oldest of @owner's that no snapshot needs. 1, 0, -errno. */
int past_oldest(struct nx_db *db, uint64_t owner, struct past *ret_past);
/* How long the folder or file @key is kept once it is gone: 0, -errno. */
int past_seconds(
    struct nx_db *db, uint64_t owner, int64_t key, int64_t *ret_seconds);

/* The folder that @folder is in, or was when it was deleted. 1, 0, -errno. */
int past_parent(struct nx_db *db, int64_t *folder);
/* Does a snapshot need it? 1, 0, -errno. */
int past_needed(struct nx_db *db, const struct past *p);
/* The entry @key is about to be somewhere else: a snapshot that needs it where
 * it is keeps a row of that. */
int past_moves(struct nx_db *db, uint64_t owner, int64_t key);
/* Some of what only snapshots that are no more needed is not held any longer. 1:
 * there was something, 0, -errno. */
int past_loosen(struct nx_db *db);
/* The time nothing may take @p away before, 0: none. */
int past_locked(struct nx_db *db, const struct past *p, uint64_t *ret_until);

#endif
