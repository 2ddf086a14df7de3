/*
 * What was at a path before: versions of files, and what was deleted. It is kept
 * for a while, beside the quota, and given up before that when there is no room
 * for it. Raw files and objects in buckets have none of it. Part of the
 * catalogue's door; results as there.
 */
#ifndef STORAGED_CATALOG_HISTORY_H
#define STORAGED_CATALOG_HISTORY_H

#include "storaged/catalog/catalog.h"

#define CATALOG_KEEPINGS 256U /* folders with a time of their own, of a user */
#define CATALOG_KEEP_MAX 316224000U /* seconds: ten years */

/* What holds for whoever has nothing of their own: how long it is kept, 0: not
 * at all; bytes and entries that each user's may have. In memory, zeros and no
 * bounds to begin with. 0 or -errno. */
int catalog_history_default(
    struct catalog *c, uint64_t seconds, uint64_t quota, uint64_t entries);

struct catalog_past {
	int64_t past; /* the version's number */
	int64_t parent, key;
	struct catalog_entry entry; /* as it was; of a file with its id */
	enum catalog_why why;
	uint64_t gone_at, until; /* unix seconds */
	bool held;               /* a snapshot needs it, also after that */
};

/* Of what is at @path, wherever it was then, and of what was at @path, the newest
 * first, with numbers below @before (0: all). 0 and how many, or why none. */
int catalog_versions(struct catalog *c, uint64_t owner, const struct path *path,
    int64_t before, struct catalog_past *ret_pasts, size_t max, size_t *ret_n);
/* What was deleted in the folder @path, by name and number, behind those; of a
 * folder that was deleted itself what it held too, with numbers 0. */
int catalog_deleted(struct catalog *c, uint64_t owner, const struct path *path,
    const char *name, int64_t past, struct catalog_past *ret_pasts, size_t max,
    size_t *ret_n);
/* The version @past of @path, as it was then. 0, or why not. */
int catalog_version(struct catalog *c, uint64_t owner, const struct path *path,
    int64_t past, struct catalog_entry *ret_entry);
/* The file that version @past of @path is. 0, CATALOG_NO_VERSION,
 * CATALOG_IS_FOLDER ... */
int catalog_version_file(struct catalog *c, uint64_t owner,
    const struct path *path, int64_t past, struct catalog_file *ret_file);

/*
 * What was at @path, the newest of it or the version @past, is there again, or
 * at @to. It is not in the history any more, and counts against the quota. A
 * file in a folder that was deleted is copied out of it. What
 * is at the target stands in the way (CATALOG_TAKEN) unless @replace, as for
 * moves; then it is history itself.
 */
struct catalog_restore {
	uint64_t owner;
	struct path path, to;
	int64_t past;
	bool replace;
	struct catalog_condition condition; /* of the target */
	uint64_t quota, entries;            /* as in struct catalog_commit */
	catalog_done *done;
	void *arg;
	/* results */
	struct catalog_entry entry;
	bool within; /* CATALOG_IS_FOLDER: @path is, in one that was deleted: a
		      * catalog_copy will do */
};
void catalog_restore(struct catalog *c, struct catalog_restore *op);

/*
 * Takes out of the history the version @past of @path, or, with 0, all that was
 * at @path; below it too when a folder is there. In steps that others' writes go
 * between; what a snapshot needs stays for that alone.
 */
struct catalog_purge {
	uint64_t owner;
	struct path path;
	int64_t past;
	int64_t key; /* of what was deleted there just now; 0: look */
	bool stop;   /* at any time: it ends with -ESHUTDOWN */
	/* Makes room on the disk when there is none; false: it cannot. */
	bool (*room)(void *arg);
	catalog_done *done;
	void *arg;
	/* results */
	uint64_t files, folders, bytes;
	uint64_t locked; /* versions that had to stay */
	/* the catalogue's own */
	struct catalog *catalog;
	struct catalog_purging *purging;
};
void catalog_purge(struct catalog *c, struct catalog_purge *op);

/* How long what is in the folder @path is kept once it is replaced or
 * deleted. */
struct catalog_keep {
	uint64_t owner;
	struct path path;
	bool inherit;     /* as in the folder above */
	uint64_t seconds; /* 0: not at all */
	catalog_done *done;
	void *arg;
};
void catalog_keep_set(struct catalog *c, struct catalog_keep *op);
/* *ret_own: it says so itself. */
int catalog_keep_get(struct catalog *c, uint64_t owner, const struct path *path,
    uint64_t *ret_seconds, bool *ret_own);

/*
 * Gives up a bounded part of what has to go: what has had its time, what is
 * beyond its owner's bounds, and @release bytes of the rest, the oldest of
 * whoever has most. Synced, as what it leaves may be unlinked at once: a version
 * that came back with a power cut would have no content.
 */
struct catalog_history_step {
	uint64_t release; /* bytes, as they counted */
	catalog_done *done;
	void *arg;
	uint64_t began;
	/* results */
	bool more;         /* there is a next step */
	bool gone;         /* something went */
	uint64_t released; /* of @release */
	/* the catalogue's own */
	uint64_t user, next_user;
};
void catalog_history_step(struct catalog *c, struct catalog_history_step *op);
/* Bytes of all users' that could be given up. 0 or -errno. */
int catalog_history_loose(struct catalog *c, uint64_t *ret_bytes);

#include "storaged/catalog/catalog_snapshot.h"

#endif
