/*
 * Retention in users' trees: what is at a locked path, and below it, is neither
 * replaced nor moved nor deleted before its time; new names may come. The time is
 * the catalogue's own clock, which never goes back (catalog_clock.c). Nothing
 * shortens a lock, whoever asks: only the end of its user does. Part of the
 * catalogue's door (catalog.h).
 *
 * Whether something is kept is asked here and nowhere else, of buckets' objects
 * too where chunks are concerned: whoever adds a way for content to go asks
 * catalog_check_kept, of the entry it goes from, or catalog_content_kept.
 */
#ifndef STORAGED_CATALOG_LOCK_H
#define STORAGED_CATALOG_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/catalog/path.h"

struct catalog;
struct nx_db;

#define CATALOG_LOCKS_MAX 1000U /* of one user, those that hold */

/* Inside a write: may the entry @entry (0: the root) of @owner be replaced, or
 * go with all that is below it? 0; CATALOG_KEPT: it, a folder above it or
 * something below it is locked; -errno. */
int catalog_check_kept(struct nx_db *db, uint64_t owner, int64_t entry);
/* The same of the entry of @file, when it has one. */
int catalog_check_file_kept(struct nx_db *db, uint64_t owner, int64_t file);
/* Inside a write: until when has what was in the folder @parent, as @entry, to be
 * kept? 0 in *ret_until: it has not. 0 or -errno. */
int catalog_past_kept(struct nx_db *db, uint64_t owner, int64_t parent,
    int64_t entry, uint64_t *ret_until);
/* Inside a write: is there a file with @content that must not be lost, because
 * it is in a locked place, or an object that is locked or held? Then *ret_file
 * is one. 1, 0, -errno. Of more copies than it can look at it says 1. */
int catalog_content_kept(struct nx_db *db, int64_t content, int64_t *ret_file);

/* When a lock on @path, above it or, with @below, below it ends, in unix seconds;
 * of what there is of the path. 0: there is none. For people: inside a write ask
 * the above. 0 or -errno. */
int catalog_kept_until(struct catalog *c, uint64_t owner,
    const struct path *path, bool below, uint64_t *ret_until);
int catalog_file_kept_until(
    struct catalog *c, uint64_t owner, int64_t file, uint64_t *ret_until);

/*
 * Locks what is at @path until @until. CATALOG_NO_PATH, CATALOG_LOCK_PAST: that
 * time has come already, CATALOG_LOCK_SHORTER than the one there is,
 * CATALOG_LOCKS_MANY.
 */
struct catalog_lock_path {
	uint64_t owner, until;
	struct path path;
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_lock_path(struct catalog *c, struct catalog_lock_path *op);

/* A lock that holds. */
struct catalog_held {
	int64_t entry;
	uint64_t until;
	char path[PATH_BYTES_MAX + 2];
};
/* Those of @owner after @after (its until and entry; zeros: from the beginning),
 * the one that ends first before the others. Number or -errno. */
int catalog_locks(struct catalog *c, uint64_t owner,
    const struct catalog_held *after, struct catalog_held *ret_locks,
    size_t max);

/* "2030-01-01T00:00:00Z" */
#define CATALOG_LOCK_TIME 32
void catalog_lock_time(uint64_t until, char ret_text[CATALOG_LOCK_TIME]);

#endif
