/*
 * Chunks as files in one directory of an ext4 volume.
 *
 * A chunk is written to a nameless file, made durable, and only then linked:
 * what a crash leaves is either nothing or a whole chunk. Files are 0400 and
 * below a 0700 directory that no other program can reach.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_backends.h"
#include "storaged/chunks/chunk_local.h"

#define WRITEBACK_STEP (2U << 20)
/* Going around the page cache wants this alignment of everything; the block
 * size of our volumes, and a multiple of any sector's. */
#define DIRECT_ALIGN 4096U
#define DIRECT_STEP  (256U << 10)
#define DIRECT_MIN   (64U << 10) /* less is quicker through the page cache */

struct local_draft {
	struct chunk_draft draft;
	int fd;
	uint64_t size;
	bool direct;   /* what the descriptor is set to */
	bool indirect; /* direct is not to be tried (again) */
};

struct local_reader {
	struct chunk_reader reader;
	int fd;
	uint8_t *bounce; /* DIRECT_STEP bytes; NULL: through the page cache */
	bool drop;       /* out of the page cache again */
};

static struct local_draft *
draft_of(struct chunk_draft *draft)
{
	return (struct local_draft *)(void *)draft;
}

static struct local_reader *
reader_of(struct chunk_reader *reader)
{
	return (struct local_reader *)(void *)reader;
}

/* --- writing ----------------------------------------------------------------*/

static int
local_begin(struct chunk_store *store, struct chunk_draft **ret_draft)
{
	struct local_draft *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->draft.store = store;
	d->fd = openat(
	    local_of(store)->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400);
	if (d->fd < 0) {
		r = -errno;
		free(d);
		return r;
	}
	*ret_draft = &d->draft;
	return 0;
}

/* Around the page cache, or through it. */
static int
set_direct(struct local_draft *d, bool direct)
{
	if (d->direct == direct)
		return 0;
	if (fcntl(d->fd, F_SETFL, direct ? O_DIRECT : 0) < 0)
		return -errno;
	d->direct = direct;
	return 0;
}

/*
 * Content of some size goes to the disk without a stay in the page cache: that
 * saves a copy and other people's pages, and what is read later has been on the
 * disk. *ret_done: so much of it went; the rest has to go the other way.
 */
static int
write_direct(
    struct local_draft *d, const uint8_t *data, size_t len, size_t *ret_done)
{
	size_t whole = len - len % DIRECT_ALIGN;
	int r;

	*ret_done = 0;
	if (whole < DIRECT_MIN || d->indirect || d->size % DIRECT_ALIGN != 0 ||
	    (uintptr_t)data % DIRECT_ALIGN != 0)
		return 0;
	r = set_direct(d, true);
	if (r == 0)
		r = nx_write_full(d->fd, data, whole);
	if (r == 0)
		*ret_done = whole;
	if (r != -EINVAL)
		return r;
	/* Not on this file system, or not any more after a part of it. */
	d->indirect = true;
	return lseek(d->fd, (off_t)d->size, SEEK_SET) < 0 ? -errno : 0;
}

static int
local_write(struct chunk_draft *draft, const void *data, size_t len)
{
	struct local_draft *d = draft_of(draft);
	const uint8_t *from = data;
	size_t done;
	int r = write_direct(d, from, len, &done);

	if (r == 0 && done < len)
		r = set_direct(d, false);
	if (r == 0 && done < len)
		r = nx_write_full(d->fd, from + done, len - done);
	if (r < 0)
		return r;
	d->size += len;
	/* Starts the disk on what is complete, so that the sync at the end
	 * finds little left to do. Only advice: errors show up at the sync. */
	if (!d->direct && d->size % WRITEBACK_STEP < len)
		(void)sync_file_range(
		    d->fd, 0, (off_t)d->size, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static ssize_t
local_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset)
{
	struct local_draft *d = draft_of(draft);
	int r = set_direct(d, false);
	ssize_t n = r < 0 ? r : pread(d->fd, buf, len, (off_t)offset);

	return n < 0 && r == 0 ? -errno : n;
}

static void
local_discard(struct chunk_draft *draft)
{
	nx_close(&draft_of(draft)->fd);
	free(draft_of(draft));
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
	int fd = draft_of(draft)->fd, r = 0;

	if (fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = replace ? replace_as(dir, fd, id->text)
			    : link_as(dir, fd, id->text);
	if (r == 0 && fsync(dir) < 0) {
		r = -errno;
		(void)unlinkat(dir, id->text, 0);
	}
	if (r == 0)
		local_discard(draft);
	return r;
}

/* --- reading ----------------------------------------------------------------*/

static void
local_close(struct chunk_reader *reader)
{
	struct local_reader *l = reader_of(reader);

	if (l->drop)
		(void)posix_fadvise(l->fd, 0, 0, POSIX_FADV_DONTNEED);
	nx_close(&l->fd);
	free(l->bounce);
	free(l);
}

static int
open_chunk(struct chunk_store *store, const struct chunk_id *id, int flags,
    struct local_reader **ret_reader)
{
	struct local_reader *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->reader.store = store;
	l->fd = openat(local_of(store)->dir, id->text,
	    flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (l->fd < 0) {
		r = -errno;
		free(l);
		return r;
	}
	*ret_reader = l;
	return 0;
}

static int
local_open(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader **ret_reader)
{
	struct local_reader *l = NULL;
	int r = open_chunk(store, id, 0, &l);

	if (r == 0)
		*ret_reader = &l->reader;
	return r;
}

/* A file system that has no O_DIRECT, or wants more than DIRECT_ALIGN: it is
 * read from the disk all the same, at the expense of those who have it cached. */
static void
give_up_direct(struct local_reader *l)
{
	free(l->bounce);
	l->bounce = NULL;
	l->drop = true;
	(void)posix_fadvise(l->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int
local_open_cold(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader **ret_reader)
{
	struct local_reader *l = NULL;
	int r = open_chunk(store, id, O_DIRECT, &l);

	if (r == -EINVAL) {
		r = open_chunk(store, id, 0, &l);
		if (r == 0)
			give_up_direct(l);
	} else if (r == 0) {
		l->bounce = aligned_alloc(DIRECT_ALIGN, DIRECT_STEP);
		if (!l->bounce) {
			local_close(&l->reader);
			r = -ENOMEM;
		}
	}
	if (r == 0)
		*ret_reader = &l->reader;
	return r;
}

/* As pread, whatever the alignment of what is asked for. */
static ssize_t
read_direct(struct local_reader *l, uint8_t *to, size_t len, uint64_t offset)
{
	size_t skip = offset % DIRECT_ALIGN, room = DIRECT_STEP - skip, want;
	ssize_t n;

	if (len > room)
		len = room;
	want = skip + len + DIRECT_ALIGN - 1;
	n = pread(l->fd, l->bounce, want - want % DIRECT_ALIGN,
	    (off_t)(offset - skip));
	if (n < 0)
		return n;
	if ((size_t)n <= skip)
		return 0;
	if (len > (size_t)n - skip)
		len = (size_t)n - skip;
	memcpy(to, l->bounce + skip, len);
	return (ssize_t)len;
}

static int
local_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	struct local_reader *l = reader_of(reader);
	uint8_t *to = buf;

	while (len > 0) {
		ssize_t n = l->bounce ? read_direct(l, to, len, offset)
				      : pread(l->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && l->bounce &&
		    fcntl(l->fd, F_SETFL, 0) == 0) {
			give_up_direct(l);
			continue;
		}
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		to += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
local_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(reader_of(reader)->fd, &st) < 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

/* The file itself: what sendfile takes are the pages pread has filled. */
static int
local_fd_for_sending(struct chunk_reader *reader, uint64_t offset, uint64_t len,
    uint64_t *ret_at)
{
	int fd = fcntl(reader_of(reader)->fd, F_DUPFD_CLOEXEC, 0);

	(void)len;
	*ret_at = offset;
	return fd < 0 ? -errno : fd;
}

/* --- the store --------------------------------------------------------------*/

static void
local_free(struct chunk_store *store)
{
	nx_close(&local_of(store)->dir);
	free(local_of(store));
}

static const struct chunk_store_ops local_ops = {
    .free = local_free,
    .begin = local_begin,
    .write = local_write,
    .read_back = local_read_back,
    .commit = local_commit,
    .discard = local_discard,
    .open = local_open,
    .open_cold = local_open_cold,
    .read_at = local_read_at,
    .fd_for_sending = local_fd_for_sending,
    .stored = local_stored,
    .close = local_close,
    .remove = local_remove,
    .list = local_list,
    .remove_stray = local_remove_stray,
    .set_aside = local_set_aside,
    .put_back = local_put_back,
    .room = local_room,
};

int
chunk_store_local_new(
    struct chunk_store_spec *spec, struct chunk_store **ret_store)
{
	struct local *l = calloc(1, sizeof(*l));

	if (!l) {
		nx_close(&spec->dirfd);
		return -ENOMEM;
	}
	l->store.ops = &local_ops;
	l->dir = nx_take_fd(&spec->dirfd);
	*ret_store = &l->store;
	return 0;
}
