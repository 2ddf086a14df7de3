/*
 * Mounts by descriptor (fsopen, open_tree, move_mount): nothing is ever found
 * by a path that the inside of a node could have changed.
 */
#ifndef NODEMGR_MNT_H
#define NODEMGR_MNT_H

#include <stddef.h>
#include <stdint.h>

/* Room for the kernel's own sentence about a failed mount. */
#define NX_MNT_WHY 96

struct nx_mnt_opt {
	const char *key, *value; /* @value NULL: a flag */
};

/*
 * A new, detached mount of @fstype with MOUNT_ATTR_* @attrs. The descriptor, or
 * -errno; @why (NX_MNT_WHY bytes, may be NULL) then holds what the kernel said
 * about it, or "".
 */
int nx_mnt_new(const char *fstype, const struct nx_mnt_opt *opts, size_t n,
    uint64_t attrs, char *why);

/* A detached clone of the one mount at @path (@path "": @dirfd itself). */
int nx_mnt_clone(int dirfd, const char *path);
/* Sets attributes on the mount @fd refers to; @userns_fd >= 0: idmaps it, which
 * the kernel allows once and only while it is detached. 0 or -errno. */
int nx_mnt_set(int fd, uint64_t attrs, int userns_fd);

/* Attaches the detached @mnt at what @at (O_PATH) refers to. */
int nx_mnt_attach(int mnt, int at);
/* The same at @path below @dirfd, in which no component may be a symlink. */
int nx_mnt_attach_at(int mnt, int dirfd, const char *path);

/* O_PATH descriptor of @path below @dirfd: no symlinks, no "..", no leaving.
 * -errno (-ELOOP or -EXDEV when somebody tried). */
int nx_beneath(int dirfd, const char *path);
/* Makes sure that the directory @name is in @dirfd itself, and opens it O_PATH;
 * -ENOTDIR when something else, a symlink included, has that name. */
int nx_mkdir_beneath(int dirfd, const char *name, unsigned mode);

#endif
