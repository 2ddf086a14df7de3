/*
 * The reading of scrubbing: one part of one chunk by a worker thread, what comes
 * of it, and the rest after it.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer.h"
#include "storaged/care/reading.h"
#include "storaged/care/scrub_internal.h"
#include "storaged/care/scrub_pace.h"

#define PART (1U << 20) /* read at once */

uint64_t
scrub_cpu_us(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* In a worker thread. */
static void
read_work(void *arg)
{
	struct part *p = &((struct scrub *)arg)->part;
	uint64_t began = nx_now_us(), cpu = scrub_cpu_us();

	p->error = reading_part(
	    p->volume->store, &p->place, &p->sums, p->offset, p->len);
	p->cpu_us += scrub_cpu_us() - cpu;
	p->took_us = nx_now_us() - began;
}

/* It may have been deleted, or moved elsewhere, while it was read. */
static bool
is_still_there(struct scrub *sc)
{
	size_t i;

	if (catalog_chunk_get(sc->s->catalog, sc->chunk.key, &sc->chunk) != 0)
		return false;
	i = catalog_replica_on(&sc->chunk, sc->pass.volume);
	return i < CATALOG_REPLICAS && sc->chunk.at[i] == sc->part.place.at;
}

static void
found_bad(struct scrub *sc, int error)
{
	struct volume *v = volume_by_key(sc->s->volumes, sc->pass.volume);

	if (!v || !is_still_there(sc))
		return;
	if (error == -ENOENT)
		sc->cycle.missing++;
	else
		sc->cycle.bad++;
	nx_warn("event=scrub-found chunk=%s node=%s error=\"%s\"",
	    sc->chunk.id.text, v->node, strerror(-error));
	healer_report(sc->s->healer, sc->chunk.key, sc->pass.volume);
}

static void
finish_chunk(struct scrub *sc, int error)
{
	sc->cycle.chunks++;
	sc->pass.after = sc->chunk.key;
	if (error < 0)
		found_bad(sc, error);
	else /* what was known to be damaged may have come back */
		catalog_found(sc->s->catalog, sc->chunk.key, CATALOG_WHOLE);
	sc->chunk.key = 0;
}

static void
count(struct scrub *sc, uint64_t bytes)
{
	uint64_t now = nx_now_us(), age = now - sc->window_us;

	sc->cycle.bytes += bytes;
	sc->window_bytes += bytes;
	if (age < SCRUB_SAVE_US)
		return;
	sc->rate = sc->window_bytes * 1000000 / age;
	sc->window_us = now;
	sc->window_bytes = 0;
}

static void
read_done(void *arg)
{
	struct scrub *sc = arg;
	struct part *p = &sc->part;
	const struct storaged_conf *conf = &sc->s->conf;
	struct scrub_part part = {
	    .bytes = p->len, .cpu_us = p->cpu_us, .took_us = p->took_us};

	nx_assert(sc->reading);
	sc->reading = false;
	volume_release(p->volume, &p->place);
	if (sc->stopped || !sc->s->io)
		return; /* storaged ends */
	part.crowded = nx_workers_pending(sc->s->io) >= conf->threads;
	if (volume_fault_of(p->error) == FAULT_OURS) {
		scrub_step_in(sc, SCRUB_AGAIN_MS * 1000);
		return;
	}
	count(sc, p->len);
	sc->offset += p->len;
	if (p->error < 0 || sc->offset >= sc->chunk.sums.size)
		finish_chunk(sc, p->error);
	scrub_step_in(sc, scrub_rest(conf->scrub_rate, conf->scrub_cpu, &part));
	if (!sc->saving && !sc->unsaved &&
	    nx_now_us() - sc->saved_us >= SCRUB_SAVE_US)
		scrub_save(sc);
}

void
scrub_read_part(struct scrub *sc, struct volume *v, uint64_t cpu)
{
	uint32_t left = sc->chunk.sums.size - sc->offset;

	sc->part = (struct part){.volume = v,
	    .place = catalog_place(
		&sc->chunk, catalog_replica_on(&sc->chunk, v->key)),
	    .sums = sc->chunk.sums,
	    .offset = sc->offset,
	    .len = left < PART ? left : PART};
	sc->part.cpu_us = scrub_cpu_us() - cpu;
	sc->reading =
	    nx_workers_submit(sc->s->slow, read_work, read_done, sc) == 0;
	if (sc->reading)
		volume_hold(v, &sc->part.place);
	else
		scrub_step_in(sc, SCRUB_AGAIN_MS * 1000);
}
