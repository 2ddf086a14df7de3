/*
 * Finding good blocks: each replica is read as far as it is good, then another
 * one takes over. Everything is checked before its descriptor is given away,
 * with reads through the page cache of the file that will be sent.
 */
#include <errno.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunks.h"
#include "storaged/downloads/pieces.h"

/* The readers of one part's replicas, opened when their turn comes. */
struct readers {
	struct chunk_reader *reader[CATALOG_REPLICAS + 1];
	bool tried[CATALOG_REPLICAS + 1];
	size_t turn; /* the one that was good last */
	bool any;    /* one at least could be opened */
};

/* Remembers why replica @i gave nothing. What we lack ourselves is no fault of
 * the replica: nobody is told to rewrite it. */
static void
note(struct part *part, size_t i, int error)
{
	if (volume_fault_of(error) == FAULT_OURS) {
		part->fault = PART_OURS;
		part->error = error;
	} else if (i < part->n_replicas)
		part->bad |= 1U << i;
}

/* The replicas, and behind them what the chunk can be made of. */
static size_t
count_sources(const struct part *part)
{
	return part->n_replicas + (part->stripe != NULL);
}

static struct chunk_reader *
reader_of(struct readers *rs, struct part *part, size_t i)
{
	if (!rs->tried[i]) {
		int r = i == part->n_replicas
		    ? stripe_open(part->stripe, false, &rs->reader[i])
		    : chunk_open(part->replicas[i]->store, &part->places[i],
			  &rs->reader[i]);

		rs->tried[i] = true;
		rs->any |= r == 0;
		if (r < 0)
			note(part, i, r);
	}
	return rs->reader[i];
}

/* A run of good blocks at @at, as long as one replica has it, and as @owner may
 * be sent now: its length, and whose it is. 0: nobody's. */
static uint32_t
find_run(struct readers *rs, struct part *part, uint32_t at, uint64_t owner,
    size_t *ret_i)
{
	uint32_t left = part->offset + part->length - at, good, may;

	for (size_t k = 0; k < count_sources(part); k++) {
		size_t i = (rs->turn + k) % count_sources(part);
		struct chunk_reader *reader = reader_of(rs, part, i);
		int r;

		if (!reader)
			continue;
		may = chunk_may_send(reader, owner, left);
		if (may == 0) {
			note(part, i, -EAGAIN);
			continue;
		}
		r = chunk_verify(reader, &part->chunk.sums, at, may, &good);
		if (r < 0)
			note(part, i, r);
		if (good == 0)
			continue;
		rs->turn = *ret_i = i;
		return good;
	}
	return 0;
}

static int
add_run(
    struct pieces *p, struct chunk_reader *reader, uint32_t at, uint32_t len)
{
	struct piece *piece = &p->list[p->n];
	int fd = chunk_fd_for_sending(reader, at, len, &piece->at);

	if (fd < 0)
		return fd;
	piece->fd = fd;
	piece->length = len;
	p->n++;
	return 0;
}

static void
close_readers(struct readers *rs, const struct part *part)
{
	for (size_t i = 0; i < part->n_replicas; i++)
		chunk_close(rs->reader[i]);
	stripe_close(part->stripe);
}

/* There is no memory left to send it from, but there was some: the next question
 * gets it. */
static bool
is_for_later(const struct pieces *p, const struct part *part)
{
	return part->fault == PART_OURS && part->error == -EAGAIN && p->n > 0;
}

void
pieces_add(struct pieces *p, struct part *part)
{
	struct readers rs = {0};

	nx_assert(part->length > 0 && part->done == 0);
	while (part->done < part->length && p->n < p->max) {
		uint32_t at = part->offset + part->done, n;
		size_t i = 0;
		int r = 0;

		n = find_run(&rs, part, at, p->owner, &i);
		if (n > 0)
			r = add_run(p, rs.reader[i], at, n);
		if (n == 0 || r < 0) {
			if (r < 0)
				note(part, i, r);
			if (is_for_later(p, part))
				part->fault = PART_FINE;
			else if (part->fault == PART_FINE)
				part->fault =
				    rs.any ? PART_DAMAGED : PART_MISSING;
			break;
		}
		part->done += n;
		/* Others had it: what one of them lacked does not matter. */
		part->fault = PART_FINE;
	}
	close_readers(&rs, part);
}

/* As much as one replica has from part->done on. */
static uint32_t
read_run(struct readers *rs, struct part *part, uint8_t *buf)
{
	uint32_t at = part->offset + part->done, good = 0;
	uint32_t left = part->length - part->done;

	for (size_t k = 0; k < count_sources(part) && good == 0; k++) {
		size_t i = (rs->turn + k) % count_sources(part);
		struct chunk_reader *reader = reader_of(rs, part, i);
		int r;

		if (!reader)
			continue;
		r = chunk_read_checked(
		    reader, &part->chunk.sums, at, left, buf, &good);
		if (r < 0)
			note(part, i, r);
		rs->turn = i;
	}
	return good;
}

void
pieces_read(struct part *part, uint8_t *buf)
{
	struct readers rs = {0};

	while (part->done < part->length) {
		uint32_t n = read_run(&rs, part, buf + part->done);

		if (n == 0) {
			if (part->fault == PART_FINE)
				part->fault =
				    rs.any ? PART_DAMAGED : PART_MISSING;
			break;
		}
		part->done += n;
		part->fault = PART_FINE;
	}
	close_readers(&rs, part);
}

bool
pieces_read_now(struct part *part, uint8_t *buf)
{
	const struct checksums *sums = &part->chunk.sums;

	if (part->length != sums->size || sums->size > CRC_BLOCK ||
	    part->n_replicas == 0 || part->places[0].size != sums->size ||
	    chunk_read_now(part->replicas[0]->store, &part->places[0], buf) <
		0 ||
	    checksum_crc(buf, sums->size) != sums->crc[0])
		return false;
	part->done = part->length;
	return true;
}

void
pieces_close(struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++)
		nx_close(&p->list[i].fd);
	p->n = 0;
}
