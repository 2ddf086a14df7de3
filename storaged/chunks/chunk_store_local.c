/*
 * Chunks as files in one directory of an ext4 volume.
 *
 * A chunk is written to a nameless file, made durable, and only then linked:
 * what a crash leaves is either nothing or a whole chunk. Files are 0400 and
 * below a 0700 directory that no other program can reach.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_store.h"

#define WRITEBACK_STEP (2U << 20)

struct local {
	struct chunk_store store;
	int dir;
};

static struct local *
local_of(struct chunk_store *store)
{
	return (struct local *)(void *)store;
}

static int
local_begin(struct chunk_store *store, struct chunk_draft *ret_draft)
{
	int fd = openat(
	    local_of(store)->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400);

	if (fd < 0)
		return -errno;
	*ret_draft = (struct chunk_draft){.store = store, .fd = fd};
	return 0;
}

static int
local_write(struct chunk_draft *draft, const void *data, size_t len)
{
	off_t end;
	int r = nx_write_full(draft->fd, data, len);

	if (r < 0)
		return r;
	/* Starts the disk on what is complete, so that the sync at the end
	 * finds little left to do. Only advice: errors show up at the sync. */
	end = lseek(draft->fd, 0, SEEK_CUR);
	if (end > 0 && (size_t)end % WRITEBACK_STEP < len)
		(void)sync_file_range(draft->fd, 0, end, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static ssize_t
local_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset)
{
	ssize_t n = pread(draft->fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : n;
}

static void
local_discard(struct chunk_draft *draft)
{
	nx_close(&draft->fd);
}

/*
 * linkat through /proc/self/fd: AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
 * It fails with EEXIST instead of overwriting.
 */
static int
link_as(int dir, int fd, const char *name)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno
									: 0;
}

static int
replace_as(int dir, int fd, const char *name)
{
	char other[NX_ID_LEN + 3];
	int r;

	(void)snprintf(other, sizeof(other), "%s.r", name);
	if (unlinkat(dir, other, 0) < 0 && errno != ENOENT)
		return -errno;
	r = link_as(dir, fd, other);
	if (r < 0)
		return r;
	if (renameat(dir, other, dir, name) < 0) {
		r = -errno;
		(void)unlinkat(dir, other, 0);
	}
	return r;
}

static int
local_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace)
{
	int dir = local_of(draft->store)->dir;
	int r = 0;

	if (fdatasync(draft->fd) < 0)
		r = -errno;
	if (r == 0)
		r = replace ? replace_as(dir, draft->fd, id->text)
			    : link_as(dir, draft->fd, id->text);
	if (r == 0 && fsync(dir) < 0) {
		r = -errno;
		(void)unlinkat(dir, id->text, 0);
	}
	if (r == 0)
		nx_close(&draft->fd);
	return r;
}

static int
local_open(struct chunk_store *store, const struct chunk_id *id)
{
	int fd = openat(
	    local_of(store)->dir, id->text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int
remove_name(struct chunk_store *store, const char *name)
{
	if (unlinkat(local_of(store)->dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int
local_remove_stray(struct chunk_store *store, const char *name, uint64_t before)
{
	struct stat st;

	if (fstatat(local_of(store)->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return (uint64_t)st.st_ctime < before ? remove_name(store, name) : 0;
}

static int
local_remove(struct chunk_store *store, const struct chunk_id *id)
{
	return remove_name(store, id->text);
}

static int
local_list(struct chunk_store *store,
    void (*each)(const char *name, uint64_t changed_at, void *arg), void *arg)
{
	int fd = openat(
	    local_of(store)->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct stat st;
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
	for (errno = 0; (entry = readdir(d)); errno = 0)
		if (entry->d_name[0] != '.' &&
		    fstatat(
			dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			each(entry->d_name, (uint64_t)st.st_ctime, arg);
	r = -errno;
	closedir(d);
	return r;
}

static int
local_room(struct chunk_store *store, uint64_t *ret_free)
{
	struct statvfs fs;

	if (fstatvfs(local_of(store)->dir, &fs) < 0)
		return -errno;
	*ret_free = fs.f_favail ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
	return 0;
}

static const struct chunk_store_ops local_ops = {
    .begin = local_begin,
    .write = local_write,
    .read_back = local_read_back,
    .commit = local_commit,
    .discard = local_discard,
    .open = local_open,
    .remove = local_remove,
    .list = local_list,
    .remove_stray = local_remove_stray,
    .room = local_room,
};

struct chunk_store *
chunk_store_local_new(int dirfd)
{
	struct local *l = calloc(1, sizeof(*l));

	if (!l) {
		nx_close(&dirfd);
		return NULL;
	}
	l->store.ops = &local_ops;
	l->dir = dirfd;
	return &l->store;
}

struct chunk_store *
chunk_store_local_free(struct chunk_store *store)
{
	if (store) {
		nx_close(&local_of(store)->dir);
		free(local_of(store));
	}
	return NULL;
}
