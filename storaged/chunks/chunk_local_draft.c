/*
 * Drafts: in memory as long as they are small enough for a segment, then in a
 * file without a name, which is made durable and only then linked: what a crash
 * leaves is either nothing or a whole chunk. Files are 0400 and below a 0700
 * directory that no other program can reach.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_local.h"

#define WRITEBACK_STEP (2U << 20)
#define DRAFT_MIN      4096U
/* Going around the page cache wants this alignment of everything; the block
 * size of our volumes, and a multiple of any sector's. */
#define DIRECT_ALIGN 4096U
#define DIRECT_MIN   (64U << 10) /* less is quicker through the page cache */

struct local_draft {
	struct chunk_draft draft;
	uint8_t *bytes;
	size_t room;
	int fd; /* -1: it is in bytes */
	uint64_t size;
	bool direct;   /* what the descriptor is set to */
	bool indirect; /* direct is not to be tried (again) */
};

static struct local_draft *
draft_of(struct chunk_draft *draft)
{
	return (struct local_draft *)(void *)draft;
}

int
local_begin(struct chunk_store *store, struct chunk_draft **ret_draft)
{
	struct local_draft *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->draft.store = store;
	d->fd = -1;
	*ret_draft = &d->draft;
	return 0;
}

static int
write_memory(struct local_draft *d, const void *data, size_t len)
{
	size_t room = d->room ? d->room : DRAFT_MIN;
	uint8_t *more;

	while (room < d->size + len)
		room *= 2;
	if (room > d->room) {
		more = realloc(d->bytes, room);
		if (!more)
			return -ENOMEM;
		d->bytes = more;
		d->room = room;
	}
	memcpy(d->bytes + d->size, data, len);
	d->size += len;
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
write_file(struct local_draft *d, const void *data, size_t len)
{
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

/* It has become too large for a segment, or is empty. */
static int
make_file(struct local_draft *d)
{
	uint64_t size = d->size;
	int r;

	d->fd = openat(local_of(d->draft.store)->dir, ".",
	    O_TMPFILE | O_RDWR | O_CLOEXEC, 0400);
	if (d->fd < 0)
		return -errno;
	d->size = 0;
	r = size > 0 ? write_file(d, d->bytes, size) : 0;
	if (r < 0) {
		d->size = size;
		nx_close(&d->fd);
		return r;
	}
	free(d->bytes);
	d->bytes = NULL;
	d->room = 0;
	return 0;
}

int
local_write(struct chunk_draft *draft, const void *data, size_t len)
{
	struct local_draft *d = draft_of(draft);
	int r = 0;

	if (d->fd < 0 && d->size + len <= SEGMENT_CHUNK_MAX &&
	    !local_of(draft->store)->files)
		return write_memory(d, data, len);
	if (d->fd < 0)
		r = make_file(d);
	return r < 0 ? r : write_file(d, data, len);
}

static ssize_t
read_memory(const struct local_draft *d, void *buf, size_t len, uint64_t offset)
{
	if (offset >= d->size)
		return 0;
	if (len > d->size - offset)
		len = d->size - offset;
	memcpy(buf, d->bytes + offset, len);
	return (ssize_t)len;
}

ssize_t
local_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset)
{
	struct local_draft *d = draft_of(draft);
	ssize_t n;
	int r;

	if (d->fd < 0)
		return read_memory(d, buf, len, offset);
	r = set_direct(d, false);
	n = r < 0 ? r : pread(d->fd, buf, len, (off_t)offset);
	return n < 0 && r == 0 ? -errno : n;
}

void
local_discard(struct chunk_draft *draft)
{
	nx_close(&draft_of(draft)->fd);
	free(draft_of(draft)->bytes);
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
commit_file(struct local_draft *d, const struct chunk_id *id, bool replace)
{
	int dir = local_of(d->draft.store)->dir;
	int fd = d->fd, r = 0;

	if (fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = replace ? replace_as(dir, fd, id->text)
			    : link_as(dir, fd, id->text);
	if (r == 0 && fsync(dir) < 0) {
		r = -errno;
		/* What was there had good blocks, maybe the only ones, which the
		 * new one has too: it stays. */
		if (!replace)
			(void)unlinkat(dir, id->text, 0);
	}
	return r;
}

int
local_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace,
    uint64_t *ret_at)
{
	struct local_draft *d = draft_of(draft);
	struct chunk_append append = {
	    .id = *id, .data = d->bytes, .length = (uint32_t)d->size};
	int r = 0;

	if (d->fd < 0 && d->size == 0)
		r = make_file(d);
	if (r == 0)
		r = d->fd < 0 ? chunk_append_wait(draft->store, &append)
			      : commit_file(d, id, replace);
	if (r < 0)
		return r;
	*ret_at = append.at;
	local_discard(draft);
	return 0;
}
