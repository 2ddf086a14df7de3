/*
 * Reading one record. Warm: all of it in one read, into memory of its own, which
 * is what is checked and what is sent; a rotten header is no reason not to look
 * at the data, the caller has checksums of these. Cold: from the disk, and
 * everything that describes the record must be as it was written.
 *
 * Trusts nothing it reads, and no place: where another record is by now, the
 * one asked for is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/checksum.h"
#include "storaged/chunks/segment_internal.h"

struct segment_reader {
	struct chunk_reader reader;
	int fd;
	bool direct, drop; /* around the page cache; out of it again */
	uint64_t offset;   /* of the record in the file */
	uint32_t size;     /* of the data */
	bool whole;        /* all of it is in bytes */
	uint8_t *bytes;    /* the pages it is on */
	size_t skip;       /* in bytes: where the record begins */
	size_t room;       /* of bytes */
};

static struct segment_reader *
reader_of(struct chunk_reader *reader)
{
	return (struct segment_reader *)(void *)reader;
}

static void
reader_close(struct chunk_reader *reader)
{
	struct segment_reader *r = reader_of(reader);

	if (r->drop)
		(void)posix_fadvise(r->fd, (off_t)(r->offset - r->skip),
		    (off_t)r->room, POSIX_FADV_DONTNEED);
	nx_close(&r->fd);
	free(r->bytes);
	free(r);
}

/* --- bytes ------------------------------------------------------------------*/

/* A file system without O_DIRECT, or one that wants more than pages. */
static bool
give_up_direct(struct segment_reader *r)
{
	if (!r->direct || fcntl(r->fd, F_SETFL, 0) < 0)
		return false;
	r->direct = false;
	r->drop = true;
	(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_DONTNEED);
	return true;
}

/* Bytes [@from, @to) of r->bytes, widened to pages. 0 or -errno; -EBADMSG when
 * the file ends before. */
static int
load(struct segment_reader *r, size_t from, size_t to)
{
	from -= from % SEGMENT_PAGE;
	to += (SEGMENT_PAGE - to % SEGMENT_PAGE) % SEGMENT_PAGE;
	while (from < to) {
		ssize_t n = pread(r->fd, r->bytes + from, to - from,
		    (off_t)(r->offset - r->skip + from));

		if (n < 0 &&
		    (errno == EINTR || (errno == EINVAL && give_up_direct(r))))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		from += (size_t)n;
	}
	return 0;
}

static int
reader_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	struct segment_reader *r = reader_of(reader);
	size_t at = r->skip + SEGMENT_RECORD + offset;
	int e = 0;

	if (offset > r->size || len > r->size - offset)
		return -EBADMSG;
	if (!r->whole)
		e = load(r, at, at + len);
	if (e == 0)
		memcpy(buf, r->bytes + at, len);
	return e;
}

/* Others' records are in the same file, and on the same pages. */
static int
reader_fd_for_sending(struct chunk_reader *reader, uint64_t offset,
    uint64_t len, uint64_t *ret_at)
{
	struct segment_reader *r = reader_of(reader);
	nx_cleanup_fd int fd = -1;
	char path[32];
	int again;

	nx_assert(offset <= r->size && len <= r->size - offset);
	fd = nx_memfd_sealed(
	    "chunk", r->bytes + r->skip + SEGMENT_RECORD + offset, len);
	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	*ret_at = 0;
	return again < 0 ? -errno : again;
}

static int
reader_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	*ret_bytes = reader_of(reader)->size;
	return 0;
}

static const struct chunk_reader_ops reader_ops = {
    .read_at = reader_read_at,
    .stored = reader_stored,
    .fd_for_sending = reader_fd_for_sending,
    .close = reader_close,
};

/* --- what it says of itself -------------------------------------------------*/

static int
read_header(struct segments *s, struct segment_reader *r, uint32_t number,
    struct segment_header *ret_header)
{
	uint8_t *page = aligned_alloc(SEGMENT_PAGE, SEGMENT_PAGE);
	ssize_t n;
	int e = -EBADMSG;

	if (!page)
		return -ENOMEM;
	n = pread(r->fd, page, SEGMENT_PAGE, 0);
	if (n < 0)
		e = -errno;
	else if (n == SEGMENT_PAGE)
		e = segment_header_read(page, ret_header);
	free(page);
	if (e < 0)
		return e;
	return ret_header->number == number &&
		strcmp(ret_header->volume, s->volume) == 0
	    ? 0
	    : -EBADMSG;
}

/* 0; -ENOENT: another chunk's record is there; -EBADMSG: rotten. */
static int
check_record(const struct segment_reader *r, const struct chunk_place *place,
    struct segment_record *ret_record)
{
	int e = segment_record_read(r->bytes + r->skip, ret_record);

	if (e < 0)
		return e;
	return strcmp(ret_record->id, place->id.text) == 0 &&
		ret_record->length == place->size
	    ? 0
	    : -ENOENT;
}

/* A record that is added there would be as bad as those that are. */
static void
note_rotten(struct segments *s, uint32_t number)
{
	pthread_mutex_lock(&s->mutex);
	s->rotten = number;
	pthread_mutex_unlock(&s->mutex);
}

static int
check_cold(struct segments *s, struct segment_reader *r,
    const struct chunk_place *place)
{
	struct segment_header header;
	struct segment_record record;
	int e = read_header(s, r, segment_number(place->at), &header);

	if (e == -EBADMSG)
		note_rotten(s, segment_number(place->at));
	if (e == 0)
		e = check_record(r, place, &record);
	if (e == 0 && record.generation != header.generation)
		e = -EBADMSG;
	if (e == 0 && r->whole &&
	    checksum_crc(r->bytes + r->skip + SEGMENT_RECORD, r->size) !=
		record.data_crc)
		e = -EBADMSG;
	return e;
}

/* Blocks that cannot be read keep no others from being read. */
static int
look(struct segments *s, struct segment_reader *r,
    const struct chunk_place *place, bool cold)
{
	struct segment_record record;
	int e = load(r, 0, r->skip + SEGMENT_RECORD + r->size);

	r->whole = e == 0;
	if (!r->whole && load(r, r->skip, r->skip + SEGMENT_RECORD) < 0)
		return cold ? e : 0;
	if (cold)
		return check_cold(s, r, place);
	return check_record(r, place, &record) == -ENOENT ? -ENOENT : 0;
}

/* --- opening ----------------------------------------------------------------*/

static int
reader_new(struct chunk_store *store, const struct chunk_place *place,
    struct segment_reader **ret_reader)
{
	struct segment_reader *r = calloc(1, sizeof(*r));
	size_t end;

	if (!r)
		return -ENOMEM;
	r->reader = (struct chunk_reader){.store = store, .ops = &reader_ops};
	r->fd = -1;
	r->size = place->size;
	r->offset = segment_offset(place->at);
	r->skip = r->offset % SEGMENT_PAGE;
	end = r->skip + SEGMENT_RECORD + r->size;
	r->room = end + (SEGMENT_PAGE - end % SEGMENT_PAGE) % SEGMENT_PAGE;
	r->bytes = aligned_alloc(SEGMENT_PAGE, r->room);
	if (!r->bytes) {
		free(r);
		return -ENOMEM;
	}
	*ret_reader = r;
	return 0;
}

static int
open_file(
    struct segments *s, struct segment_reader *r, uint32_t number, bool cold)
{
	r->direct = cold;
	r->fd = segments_open_file(s, number, cold ? O_DIRECT : 0);
	if (r->fd == -EINVAL && cold) {
		r->direct = false;
		r->drop = true;
		r->fd = segments_open_file(s, number, 0);
	}
	if (r->fd >= 0 && r->drop)
		(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_DONTNEED);
	return r->fd < 0 ? r->fd : 0;
}

/* As long as the record says; what it says is looked at again when it is opened.
 * 0; -ENOENT: another one is there; -EBADMSG: rotten; -errno. */
static int
find_length(struct segments *s, struct chunk_place *place)
{
	int fd = segments_open_file(s, segment_number(place->at), 0);
	struct segment_record record;
	uint8_t bytes[SEGMENT_RECORD];
	ssize_t n;
	int e;

	if (fd < 0)
		return fd;
	n = pread(fd, bytes, sizeof(bytes), (off_t)segment_offset(place->at));
	e = n < 0 ? -errno : -EBADMSG;
	nx_close(&fd);
	if (n == sizeof(bytes))
		e = segment_record_read(bytes, &record);
	if (e < 0)
		return e;
	if (strcmp(record.id, place->id.text) != 0)
		return -ENOENT;
	place->size = record.length;
	return 0;
}

int
segments_open(struct segments *s, struct chunk_store *store,
    const struct chunk_place *place, bool cold,
    struct chunk_reader **ret_reader)
{
	struct chunk_place there = *place;
	struct segment_reader *r;
	int e = 0;

	if (place->size > SEGMENT_DATA_MAX ||
	    segment_offset(place->at) < SEGMENT_PAGE)
		return -EBADMSG; /* no place of ours */
	if (place->size == 0)
		e = find_length(s, &there);
	if (e < 0)
		return e;
	place = &there;
	e = reader_new(store, place, &r);
	if (e < 0)
		return e;
	e = open_file(s, r, segment_number(place->at), cold);
	if (e == 0)
		e = look(s, r, place, cold);
	if (e == 0 && !cold)
		segments_keep(s, segment_number(place->at), r->fd);
	if (e < 0)
		reader_close(&r->reader);
	else
		*ret_reader = &r->reader;
	return e;
}

void
segments_forget(struct segments *s, const struct chunk_place *place)
{
	int fd = segments_open_file(s, segment_number(place->at), 0);
	uint64_t at = segment_offset(place->at);

	if (fd < 0)
		return;
	at -= at % SEGMENT_PAGE;
	(void)posix_fadvise(fd, (off_t)at,
	    (off_t)(segment_offset(place->at) - at + SEGMENT_RECORD +
		place->size),
	    POSIX_FADV_DONTNEED);
	nx_close(&fd);
}
