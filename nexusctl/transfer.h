/*
 * Moving bytes between this machine's files and what the daemons hand over: a
 * pipe on the way up, checked read-only files on the way down. Nothing is held
 * in memory beyond a buffer.
 */
#ifndef NEXUSCTL_TRANSFER_H
#define NEXUSCTL_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

/* A bar on stderr when that is a terminal; else nothing. */
struct ctl_progress {
	const char *name;
	uint64_t total; /* 0: not known */
	uint64_t done, began_us, drawn_us;
	bool shown;
};
void ctl_progress_begin(
    struct ctl_progress *p, const char *name, uint64_t total, bool quiet);
void ctl_progress_add(struct ctl_progress *p, uint64_t bytes);
void ctl_progress_end(struct ctl_progress *p);

/* Everything of @from into the pipe @to. 0 with the bytes moved in *ret_moved,
 * or -errno: -EPIPE when the reader gave up. */
int ctl_feed(int from, int to, struct ctl_progress *p, uint64_t *ret_moved);
/* @length bytes of the file @from at @offset to @to's position. 0, -ENODATA
 * when @from is shorter, or -errno. */
int ctl_copy(
    int from, uint64_t offset, uint64_t length, int to, struct ctl_progress *p);

/* A file to be that appears under its name only when it is whole. */
struct ctl_target {
	int fd;
	int dirfd;
	char name[256];
	char temporary[300];
	bool plain; /* stdout, a device, a pipe: written as it is */
};
/* Opens @path, or the file @name in it if it is a directory; "-" is stdout.
 * 0 or -errno. */
int ctl_target_open(struct ctl_target *t, const char *path, const char *name);
/* Syncs it and gives it its name. 0 or -errno. */
int ctl_target_keep(struct ctl_target *t);
/* Closes, and removes what was not kept. */
void ctl_target_fini(struct ctl_target *t);

#endif
