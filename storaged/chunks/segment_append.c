/*
 * Writing one batch: room for it, one pwritev, one fdatasync. Owns s->to, which
 * the queue lets one thread at a time have. What fails leaves the segment
 * closed, but for a full disk, which leaves it as it was.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/checksum.h"
#include "storaged/chunks/segment_internal.h"

#define AHEAD (256U << 10) /* of zeros, so that few syncs write metadata */

static const uint8_t zeros[SEGMENT_PAGE];

void
segments_seal(struct segments *s)
{
	struct held *h = s->to.held;

	/* What is not needed goes back; a disk that fails keeps it. */
	if (s->to.fd >= 0 && s->to.written > s->to.at)
		(void)!ftruncate(s->to.fd, (off_t)s->to.at);
	nx_close(&s->to.fd);
	s->to.held = NULL;
	if (!h)
		return;
	pthread_mutex_lock(&s->mutex);
	h->current = false;
	if (h->n == 0) {
		LIST_REMOVE(h, entry);
		free(h);
	}
	pthread_mutex_unlock(&s->mutex);
}

/* --- room -------------------------------------------------------------------*/

static uint64_t
batch_bytes(const struct chunk_appends *batch, bool *ret_reserved)
{
	const struct chunk_append *a;
	uint64_t bytes = 0;

	*ret_reserved = false;
	STAILQ_FOREACH(a, batch, entry) {
		bytes += segment_record_span(a->n_bytes);
		*ret_reserved |= a->reserved;
	}
	return (bytes + SEGMENT_PAGE - 1) & ~(uint64_t)(SEGMENT_PAGE - 1);
}

static int
fill_ahead(struct segments *s, uint64_t end)
{
	uint64_t ahead = s->to.written + AHEAD;
	int r;

	if (end <= s->to.written)
		return 0;
	if (ahead < end)
		ahead = end;
	if (ahead > s->limit)
		ahead = s->limit;
	r = segments_fill(s->to.fd, &s->to.written, ahead);
	/* The disk may be full just behind it. */
	return s->to.written >= end ? 0 : r;
}

static int
room_in(struct segments *s, uint64_t bytes, bool last)
{
	int r = s->to.fd < 0 ? segments_next(s, last) : 0;

	return r < 0 ? r : fill_ahead(s, s->to.at + bytes);
}

/* Somebody has read its header from the disk, and it was not as written. */
static bool
is_rotten(struct segments *s)
{
	bool rotten;

	pthread_mutex_lock(&s->mutex);
	rotten = s->to.held && s->to.held->number == s->rotten;
	pthread_mutex_unlock(&s->mutex);
	return rotten;
}

/* The current segment has @bytes of blocks that were written. */
static int
make_room(struct segments *s, uint64_t bytes, bool reserved)
{
	int r;

	if (s->to.fd >= 0 && (s->to.at + bytes > s->limit || is_rotten(s)))
		segments_seal(s);
	r = room_in(s, bytes, false);
	if (r != -ENOSPC || !reserved)
		return r;
	segments_seal(s);
	return room_in(s, bytes, true);
}

/* --- writing ----------------------------------------------------------------*/

/* Records one after the other, the last page filled up: a page that is written
 * in part only would be read first. */
static int
gather(const struct segments *s, struct chunk_appends *batch, uint64_t bytes,
    struct iovec *iov)
{
	struct chunk_append *a;
	uint64_t at = 0;
	int n = 0;

	STAILQ_FOREACH(a, batch, entry) {
		struct segment_record r = {.length = a->n_bytes,
		    .generation = s->to.generation,
		    .data_crc = checksum_crc(a->bytes, a->n_bytes)};
		uint64_t end = at + segment_record_span(a->n_bytes);
		size_t pad = end - at - SEGMENT_RECORD - a->n_bytes;

		memcpy(r.id, a->id.text, sizeof(r.id));
		segment_record_write(&r, a->record);
		iov[n++] = (struct iovec){a->record, SEGMENT_RECORD};
		iov[n++] =
		    (struct iovec){(void *)(uintptr_t)a->bytes, a->n_bytes};
		if (!STAILQ_NEXT(a, entry))
			pad = bytes - at - SEGMENT_RECORD - a->n_bytes;
		if (pad > 0)
			iov[n++] =
			    (struct iovec){(void *)(uintptr_t)zeros, pad};
		a->at = segment_at(s->to.held->number, s->to.at + at);
		at = end;
	}
	return n;
}

static int
write_all(int fd, struct iovec *iov, int n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwritev(fd, iov, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += (uint64_t)done;
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int
write_batch(struct segments *s, struct chunk_appends *batch, uint64_t bytes)
{
	struct iovec iov[IOV_MAX];
	int r =
	    write_all(s->to.fd, iov, gather(s, batch, bytes, iov), s->to.at);

	if (r == 0 && fdatasync(s->to.fd) < 0)
		r = -errno;
	if (r == 0)
		s->to.at += bytes;
	else
		segments_seal(s);
	return r;
}

static void
hold(struct segments *s, const struct chunk_appends *batch)
{
	const struct chunk_append *a;

	pthread_mutex_lock(&s->mutex);
	STAILQ_FOREACH(a, batch, entry)
		s->to.held->n++;
	pthread_mutex_unlock(&s->mutex);
}

/* --- what is made of content first ------------------------------------------*/

/* All or none: it is for want of memory that one fails. */
static int
prepare(struct chunk_appends *batch)
{
	struct chunk_append *a;
	int r = 0;

	STAILQ_FOREACH(a, batch, entry)
		if (a->prepare && r == 0)
			r = a->prepare(a);
	return r;
}

static void
put_away(struct chunk_append *a)
{
	if (a->prepare && a->bytes != a->data)
		free((void *)(uintptr_t)a->bytes);
	a->bytes = NULL;
	a->prepare = NULL;
	a->mark = 0;
}

void
segments_write(struct segment_queue *queue, struct chunk_appends *batch)
{
	struct segments *s = (struct segments *)(void *)((char *)queue -
	    offsetof(struct segments, queue));
	struct chunk_append *a;
	bool reserved;
	uint64_t bytes = 0;
	int r = chunk_store_check(s->store);

	STAILQ_FOREACH(a, batch, entry)
		if (a->aside)
			a->aside(a);
	if (r == 0)
		r = prepare(batch);
	if (r == 0) {
		bytes = batch_bytes(batch, &reserved);
		r = make_room(s, bytes, reserved);
	}
	if (r == 0)
		r = write_batch(s, batch, bytes);
	if (r == 0)
		hold(s, batch);
	STAILQ_FOREACH(a, batch, entry) {
		a->result = r;
		a->at = r < 0 ? 0 : a->at | a->mark;
		put_away(a);
	}
}
