/*
 * The directory of a local store: removing, setting aside, listing by name, and
 * how much more fits in. Contracts: chunk_store.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_local.h"

/* One inode in so many is not for chunks: small files must not keep a node from
 * making files of its own on the same file system. */
#define INODES_KEPT 8

static int
remove_name(struct chunk_store *store, const char *name)
{
	if (unlinkat(local_of(store)->dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int
local_remove_stray(struct chunk_store *store, const char *name, uint64_t before)
{
	struct stat st;

	if (fstatat(local_of(store)->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return (uint64_t)st.st_ctime < before ? remove_name(store, name) : 0;
}

int
local_remove(struct chunk_store *store, const struct chunk_id *id)
{
	return remove_name(store, id->text);
}

static void
name_aside(const struct chunk_id *id, char ret_name[NX_ID_LEN + 3])
{
	(void)snprintf(ret_name, NX_ID_LEN + 3, "%s.q", id->text);
}

/* The rename makes the file's change time the time of being set aside. */
int
local_set_aside(
    struct chunk_store *store, const struct chunk_id *id, uint64_t before)
{
	int dir = local_of(store)->dir;
	char aside[NX_ID_LEN + 3];
	struct stat st;

	name_aside(id, aside);
	if (fstatat(dir, id->text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if ((uint64_t)st.st_ctime >= before)
		return 0;
	return renameat(dir, id->text, dir, aside) < 0 ? -errno : 0;
}

int
local_put_back(struct chunk_store *store, const struct chunk_id *id)
{
	int dir = local_of(store)->dir;
	char aside[NX_ID_LEN + 3];
	struct stat st;

	name_aside(id, aside);
	if (fstatat(dir, id->text, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return remove_name(store, aside);
	if (errno != ENOENT)
		return -errno;
	if (renameat(dir, aside, dir, id->text) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int
local_list(struct chunk_store *store, chunk_listed *each, void *arg)
{
	int fd = openat(
	    local_of(store)->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct stat st;
	bool enough = false;
	DIR *d;
	int r;

	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		r = -errno;
		nx_close(&fd);
		return r;
	}
	for (errno = 0; !enough && (entry = readdir(d)); errno = 0)
		if (entry->d_name[0] != '.' &&
		    fstatat(
			dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			enough =
			    !each(entry->d_name, (uint64_t)st.st_ctime, arg);
	r = enough ? -ECANCELED : -errno;
	closedir(d);
	return r;
}

int
local_room(struct chunk_store *store, uint64_t *ret_free)
{
	struct statvfs fs;

	if (fstatvfs(local_of(store)->dir, &fs) < 0)
		return -errno;
	*ret_free = fs.f_favail > fs.f_files / INODES_KEPT
	    ? (uint64_t)fs.f_bavail * fs.f_frsize
	    : 0;
	return 0;
}
