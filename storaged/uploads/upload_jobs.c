/*
 * What uploads do in worker threads: reading the pipe, making chunks durable,
 * undoing. A job touches what it was handed and nothing else of the upload; the
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
#include "storaged/uploads/replicas.h"
#include "storaged/uploads/upload_internal.h"

#define PIECE     (512U << 10)
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

static void
pump_chunk(struct pump *p, uint8_t *buf)
{
	while (p->got < p->grant && p->error == 0) {
		uint64_t left = p->grant - p->got;
		ssize_t n = read_some(p, buf, left < PIECE ? left : PIECE);

		if (n == 0)
			p->eof = true;
		else if (n == -EAGAIN)
			p->drained = true;
		if (n <= 0) {
			if (n < 0 && n != -EAGAIN)
				p->error = (int)n;
			return;
		}
		p->got += (uint64_t)n;
		if (p->digest)
			digest_add(p->digest, buf, (size_t)n);
		p->error = chunk_put_write(p->put, buf, (size_t)n);
	}
}

static void
pump_work(void *arg)
{
	struct upload *u = arg;
	nx_cleanup_free uint8_t *buf = NULL;

	if (u->pump.grant == 0) {
		look_beyond(&u->pump);
		return;
	}
	buf = malloc(PIECE);
	if (!buf) {
		u->pump.error = -ENOMEM;
		return;
	}
	pump_chunk(&u->pump, buf);
}

static void
pump_done(void *arg)
{
	upload_pumped(arg);
}

int
upload_submit_pump(struct upload *u)
{
	return nx_workers_submit(u->us->s->io, pump_work, pump_done, u);
}

/* --- making durable ---------------------------------------------------------*/

struct sync_job {
	struct replicas replicas;
	struct upload *upload;
	uint32_t index;
};

static void
sync_done(struct replicas *replicas)
{
	struct sync_job *job = (struct sync_job *)(void *)replicas;

	upload_synced(job->upload, replicas->put, job->index, replicas->result);
	free(job);
}

int
upload_submit_sync(struct upload *u, struct chunk_put *put, uint32_t index)
{
	struct sync_job *job = malloc(sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	job->upload = u;
	job->index = index;
	chunk_put_seal(put);
	r = replicas_sync(&job->replicas, u->us->s->io, put, sync_done);
	if (r < 0)
		free(job);
	return r;
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
			struct volume *v = *slot(job, i, k);

			if (v)
				(void)chunk_remove(
				    v->store, &job->chunks[i].id);
		}
	/* Its drafts vanish when they are closed. */
	if (job->put)
		for (size_t i = 0; i < job->put->n_places; i++) {
			struct put_place *place = &job->put->places[i];

			if (place->state == PUT_DONE)
				(void)chunk_remove(place->store, &job->put->id);
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
