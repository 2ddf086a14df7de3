/*
 * What the catalogue knows of users' trees. Part of catalog.h, for size only:
 * include that.
 */
#ifndef STORAGED_CATALOG_TREES_H
#define STORAGED_CATALOG_TREES_H

/* --- trees ------------------------------------------------------------------*/

struct catalog_entry {
	int64_t key;
	char name[PATH_NAME_MAX + 1];
	bool folder;
	uint64_t size;           /* of a folder: of all files below */
	uint64_t files, folders; /* below a folder */
	uint64_t charged;        /* of a file: against the quota */
	int64_t file;
	char id[NX_ID_LEN + 1];
	uint64_t modified_at;
	struct etag etag;
	struct catalog_about about;
	uint32_t damaged, missing; /* as of struct catalog_file */
};

/* 0, CATALOG_NO_PATH, CATALOG_NOT_FOLDER; the root is a folder without name. */
int catalog_stat(struct catalog *c, uint64_t owner, const struct path *path,
    struct catalog_entry *ret_entry);
/* Entries of the folder @folder (of catalog_stat) with names after @after,
 * sorted byte-wise; or, if @reverse, before it, the last one first (empty: all).
 * Number or -errno. */
int catalog_list(struct catalog *c, uint64_t owner, int64_t folder,
    const char *after, bool reverse, struct catalog_entry *ret_entries,
    size_t max);

/* A walk through a folder and all below it (catalog_find.c). */
struct catalog_find_level {
	int64_t folder;
	size_t prefix; /* bytes of f->prefix before its name */
	char after[PATH_NAME_MAX + 1];
};
struct catalog_find {
	uint64_t owner;
	unsigned depth;                  /* 0: at the end */
	char prefix[PATH_BYTES_MAX + 2]; /* "a/b/" of what comes next */
	struct catalog_find_level levels[PATH_DEPTH_MAX];
};
/* Begins in @top behind the entry @after (a path from there, depth 0: at the
 * beginning). 0, or as catalog_stat, or CATALOG_NOT_FOLDER. */
int catalog_find_begin(struct catalog *c, uint64_t owner,
    const struct path *top, const struct path *after, struct catalog_find *f);
/* The next entries, all in the folder f->prefix; only the last of them can be a
 * folder. Number, 0 at the end, -errno. */
int catalog_find_next(struct catalog *c, struct catalog_find *f,
    struct catalog_entry *ret_entries, size_t max);
/* They have been seen up to @last: it goes on behind that, or in it. */
void
catalog_find_pass(struct catalog_find *f, const struct catalog_entry *last);
/* May a file come to @path? 0 (what the one there counts, if there is one, in
 * *ret_old), or why not. */
int catalog_check_target(struct catalog *c, uint64_t owner,
    const struct path *path, bool create_only,
    const struct catalog_condition *condition, uint64_t *ret_old);
/* 0 or CATALOG_UNMET, of a file with @etag; NULL: there is nothing. */
int catalog_check_condition(
    const struct catalog_condition *condition, const struct etag *etag);

/* Why something is not there any more. */
enum catalog_why {
	CATALOG_DELETED = 1,
	CATALOG_REPLACED,
	CATALOG_SNAPSHOT, /* only snapshots know of it */
};

struct catalog_tree_op {
	uint64_t owner;
	struct path path, to;
	bool parents; /* mkdir: make what is missing, existing is fine */
	bool replace; /* move */
	bool forever; /* delete: it is not kept as history */
	struct catalog_condition condition; /* delete: of path, move: of to */
	uint64_t quota, entries; /* mkdir, as in struct catalog_commit */
	catalog_done *done;
	void *arg;
	/* results */
	struct catalog_entry entry;     /* mkdir, move; delete: as it was */
	uint64_t files, folders, bytes; /* delete */
};
void catalog_mkdir(struct catalog *c, struct catalog_tree_op *op);
/* Short, however much is below: what is left to do is left to reaping. */
void catalog_delete(struct catalog *c, struct catalog_tree_op *op);
void catalog_move(struct catalog *c, struct catalog_tree_op *op);

/*
 * A file or a folder comes to be at another place too, without a byte: copies
 * have the chunks of what they were made of. A folder is copied in steps that
 * others' writes go between, out of sight, and appears whole by the last of
 * them: what is written to it or deleted meanwhile may be in the copy or not. A
 * file may replace a file, a folder an empty one, if @replace. When it fails,
 * or the program ends on the way, what there was of it goes.
 */
struct catalog_copy {
	uint64_t owner;
	struct path path, to;
	bool folders;      /* else CATALOG_IS_FOLDER */
	char snapshot[65]; /* what was at path in it; empty: what is */
	bool deleted;      /* what was there, in a folder that was deleted */
	bool replace;
	struct catalog_condition condition; /* of to */
	uint64_t quota, entries;            /* as in struct catalog_commit */
	bool stop; /* at any time: it fails with -ESHUTDOWN, if it can */
	catalog_done *done;
	void *arg;
	/* results */
	struct catalog_entry entry;
	uint64_t files, folders_made, bytes;
	bool freed; /* a file that was there was dropped */
	/* the catalogue's own, until @done */
	struct catalog *catalog;
	struct catalog_copying *copying; /* NULL: a file */
	int result;
};
void catalog_copy(struct catalog *c, struct catalog_copy *op);

#include "storaged/catalog/catalog_policy.h"

#endif
