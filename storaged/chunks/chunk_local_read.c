/*
 * Reading chunks that are files of their own: through the page cache, whose
 * pages are sent, or from the disk, around it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_local.h"

/* Reading around the page cache wants this alignment of everything; the block
 * size of our volumes, and a multiple of any sector's. */
#define DIRECT_ALIGN 4096U
#define DIRECT_STEP  (256U << 10)

struct local_reader {
	struct chunk_reader reader;
	int fd;
	uint8_t *bounce; /* DIRECT_STEP bytes; NULL: through the page cache */
	bool drop;       /* out of the page cache again */
};

static struct local_reader *
reader_of(struct chunk_reader *reader)
{
	return (struct local_reader *)(void *)reader;
}

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

/* What is to come from the disk is not looked for in the page cache. */
static int
local_look(struct chunk_reader *reader, uint64_t offset, size_t len,
    struct pages *ret_pages)
{
	struct local_reader *l = reader_of(reader);

	if (l->bounce || l->drop)
		return -EOPNOTSUPP;
	return pages_begin(ret_pages, l->fd, offset, len);
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

static int
local_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(reader_of(reader)->fd, &st) < 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static const struct chunk_reader_ops reader_ops = {
    .read_at = local_read_at,
    .look = local_look,
    .fd_for_sending = local_fd_for_sending,
    .stored = local_stored,
    .close = local_close,
};

static int
open_chunk(struct chunk_store *store, const struct chunk_id *id, int flags,
    struct local_reader **ret_reader)
{
	struct local_reader *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->reader = (struct chunk_reader){.store = store, .ops = &reader_ops};
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
open_cold(struct chunk_store *store, const struct chunk_id *id,
    struct local_reader **ret_reader)
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
		*ret_reader = l;
	return r;
}

int
local_open_file(struct chunk_store *store, const struct chunk_id *id, bool cold,
    struct chunk_reader **ret_reader)
{
	struct local_reader *l = NULL;
	int r = cold ? open_cold(store, id, &l) : open_chunk(store, id, 0, &l);

	if (r == 0)
		*ret_reader = &l->reader;
	return r;
}

void
local_forget_file(struct chunk_store *store, const struct chunk_id *id)
{
	struct local_reader *l = NULL;

	if (open_chunk(store, id, 0, &l) < 0)
		return;
	l->drop = true;
	local_close(&l->reader);
}
