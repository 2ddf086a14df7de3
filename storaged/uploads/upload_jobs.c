/*
 * What uploads do in worker threads: reading the pipe into lanes, which do the
 * rest (lane.h), and undoing. A job touches what it was handed and nothing else of the upload; the
 * second half of each runs in the loop's thread and hands it back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/uploads/upload_internal.h"

#define LINGER_MS 2 /* longer than a fast sender's pauses */

/* --- reading ----------------------------------------------------------------*/

/* 1: something, 0: nothing for now. */
static int
linger(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, LINGER_MS) > 0;
}

static ssize_t
read_some(struct pump *p, uint8_t *buf, size_t len)
{
	ssize_t n = read(p->fd, buf, len);

	if (n < 0 && errno == EAGAIN && linger(p->fd))
		n = read(p->fd, buf, len);
	if (n < 0 && errno == EINTR)
		return -EAGAIN;
	return n < 0 ? -errno : n;
}

/* Is there anything beyond what may come? */
static void
look_beyond(struct pump *p)
{
	uint8_t byte;
	ssize_t n = read_some(p, &byte, 1);

	p->eof = n == 0;
	p->over = n > 0;
	p->drained = n == -EAGAIN;
	if (n < 0 && n != -EAGAIN)
		p->error = (int)n;
}

/* Until @piece is full, or as much came as may, or nothing does. */
static void
fill_piece(struct pump *p, struct piece *piece)
{
	while (piece->len < piece->room && p->got < p->grant) {
		uint64_t left = p->grant - p->got;
		size_t room = piece->room - piece->len;
		ssize_t n = read_some(p, piece->data + piece->len,
		    left < room ? (size_t)left : room);

		p->eof = n == 0;
		p->drained = n == -EAGAIN;
		if (n < 0 && n != -EAGAIN)
			p->error = (int)n;
		if (n <= 0)
			return;
		if (p->digest)
			digest_add(
			    p->digest, piece->data + piece->len, (size_t)n);
		if (p->encoder)
			erasure_encode(
			    p->encoder, piece->data + piece->len, (size_t)n);
		p->got += (uint64_t)n;
		piece->len += (size_t)n;
	}
}

/* False: there is no piece now; it is begun again when there is. */
static bool
fill_lane(struct pump *p)
{
	while (p->got < p->grant && !p->eof && !p->drained && p->error == 0) {
		struct piece *piece;
		int r = lane_piece(p->lane, &piece);

		if (r == 0)
			return false;
		if (r < 0) {
			p->error = r;
			return true;
		}
		fill_piece(p, piece);
		/* Nobody knows yet whether the last of what was granted is the
		 * last of all. */
		lane_give(p->lane, piece, !p->eof);
	}
	return true;
}

static void
pump_work(void *arg)
{
	struct upload *u = arg;

	if (u->pump.grant == 0)
		look_beyond(&u->pump);
	else if (!fill_lane(&u->pump))
		return;
	nx_workers_tell(u->us->s->io, &u->pump.told);
}

static void
pump_done(void *arg)
{
	upload_pumped(arg);
}

void
upload_submit_pump(struct upload *u)
{
	u->pump.job = (struct nx_job){.work = pump_work, .arg = u};
	u->pump.told = (struct nx_job){.done = pump_done, .arg = u};
	nx_workers_begin(u->us->s->io, &u->pump.job);
}

/* --- lanes ------------------------------------------------------------------*/

static void
lane_done(struct lane *lane, int result, uint32_t index, void *arg)
{
	upload_synced(arg, lane, index, result);
}

static void
lane_resting(void *arg)
{
	upload_step(arg);
}

int
upload_open_lane(struct upload *u, struct chunk_put *put)
{
	const struct lane_owner owner = {.done = lane_done,
	    .resting = lane_resting,
	    .arg = u,
	    .reader = &u->pump.job};

	return lane_new(u->us->stock, u->us->s->io, put, &owner, &u->lane);
}

/* --- undoing ----------------------------------------------------------------*/

struct discard_job {
	struct storaged *s;
	struct chunk_put *put;
	struct catalog_chunk *chunks;
	uint32_t n_chunks;
	struct volume **volumes; /* referenced; [chunk][replica], NULL: gone */
};

static struct volume **
slot(struct discard_job *job, uint32_t chunk, uint32_t replica)
{
	return &job->volumes[(size_t)chunk * CATALOG_REPLICAS + replica];
}

static void
discard_work(void *arg)
{
	struct discard_job *job = arg;

	for (uint32_t i = 0; i < job->n_chunks; i++)
		for (uint32_t k = 0; k < job->chunks[i].n_replicas; k++) {
			struct chunk_place place =
			    catalog_place(&job->chunks[i], k);
			struct volume *v = *slot(job, i, k);

			if (v)
				(void)chunk_undo(v->store, &place);
		}
	/* Its drafts vanish when they are closed. */
	if (job->put)
		for (size_t i = 0; i < job->put->n_places; i++) {
			struct put_place *place = &job->put->places[i];

			if (place->state == PUT_DONE)
				(void)chunk_undo(place->store,
				    &(struct chunk_place){
					job->put->id, place->at, 0});
			place->draft = chunk_discard(place->draft);
		}
}

static void
discard_done(void *arg)
{
	struct discard_job *job = arg;

	if (job->put) {
		volumes_put_done(job->s->volumes, job->put);
		chunk_put_free(job->put);
	}
	for (uint32_t i = 0; i < job->n_chunks; i++)
		for (uint32_t k = 0; k < job->chunks[i].n_replicas; k++)
			if (*slot(job, i, k))
				volume_unref(*slot(job, i, k));
	free(job->volumes);
	free(job->chunks);
	free(job);
}

void
upload_discard(struct storaged *s, struct chunk_put *put,
    struct catalog_chunk *chunks, uint32_t n_chunks)
{
	struct discard_job *job = calloc(1, sizeof(*job));

	/* Out of memory: what stays behind is an orphan for the collector. */
	nx_assert(job);
	*job = (struct discard_job){
	    .s = s, .put = put, .chunks = chunks, .n_chunks = n_chunks};
	job->volumes = calloc(
	    (size_t)n_chunks * CATALOG_REPLICAS + 1, sizeof(*job->volumes));
	nx_assert(job->volumes);
	for (uint32_t i = 0; i < n_chunks; i++)
		for (uint32_t k = 0; k < chunks[i].n_replicas; k++) {
			struct volume *v =
			    volume_by_key(s->volumes, chunks[i].volumes[k]);

			if (!v || !v->attached)
				continue;
			volume_ref(v);
			*slot(job, i, k) = v;
		}
	if (nx_workers_submit(s->slow, discard_work, discard_done, job) < 0) {
		discard_work(job);
		discard_done(job);
	}
}
