/*
 * Snapshots: what a folder was at a moment. Making one writes a row and no more;
 * what is replaced, moved or deleted afterwards is kept as long as one needs it
 * (catalog_past.h), and counts against the quota. Part of the catalogue's door;
 * results as there.
 */
#ifndef STORAGED_CATALOG_SNAPSHOT_H
#define STORAGED_CATALOG_SNAPSHOT_H

#include "storaged/catalog/catalog.h"

#define CATALOG_SNAPSHOTS     64U /* of a user */
#define CATALOG_SNAPSHOT_NAME 64U

struct catalog_snapshot {
	char name[CATALOG_SNAPSHOT_NAME + 1];
	struct path path; /* of the folder, when it was made */
	int64_t folder, epoch;
	uint64_t made_at;
};

struct catalog_snapshot_op {
	uint64_t owner;
	struct catalog_snapshot snapshot; /* name, and path to make one */
	catalog_done *done;
	void *arg;
};
/* CATALOG_SNAPSHOT_TAKEN, CATALOG_SNAPSHOTS_MANY ... */
void catalog_snapshot_make(struct catalog *c, struct catalog_snapshot_op *op);
/* What only this one needed goes, in steps of catalog_history_step. */
void catalog_snapshot_remove(struct catalog *c, struct catalog_snapshot_op *op);
/* 0, CATALOG_NO_SNAPSHOT, -errno. */
int catalog_snapshot_find(struct catalog *c, uint64_t owner, const char *name,
    struct catalog_snapshot *ret_snapshot);
/* By name, behind @after. Number or -errno. */
int catalog_snapshots(struct catalog *c, uint64_t owner, const char *after,
    struct catalog_snapshot *ret_snapshots, size_t max);

/* What was at @path then; size and counts of a folder are not known: 0. Of a
 * path that is not in it CATALOG_NOT_IN_SNAPSHOT. */
int catalog_snapshot_stat(struct catalog *c, uint64_t owner, const char *name,
    const struct path *path, struct catalog_entry *ret_entry);
/* What was in the folder then, by name, behind @after. So many names are looked
 * at and no more: *ret_next is where it goes on, empty at the end, and there may
 * be none of them. 0 and how many, or why not. */
int catalog_snapshot_list(struct catalog *c, uint64_t owner, const char *name,
    const struct path *path, const char *after,
    struct catalog_entry *ret_entries, size_t max, size_t *ret_n,
    char ret_next[PATH_NAME_MAX + 1]);

#endif
