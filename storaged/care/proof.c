/*
 * Proving volumes, one at a time: see proof.h. A row of small jobs in a worker
 * thread, one chunk each, so that repairs and other work have their turn.
 * Trusts only what was read; a bad chunk it meets is the healer's to repair.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer.h"
#include "storaged/care/probe.h"
#include "storaged/care/proof.h"
#include "storaged/care/reading.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

#define TICK_S     10
#define WAIT_MIN_S 60
#define WAIT_MAX_S 3600
#define SAMPLE     64U  /* chunks read; spread over all there are */
#define SLICE      128U /* rows looked at before others get a turn */

struct proof {
	TAILQ_ENTRY(proof) entry;
	struct storaged *s;
	struct volume *volume; /* referenced */
	proof_done *done;
	void *arg;

	struct catalog_chunk chunk;
	struct chunk_place place; /* of it, held while it is read */
	int64_t after;
	uint64_t every, seen, checked, bad;
	int error; /* of the job that has just run */
};

struct proofs {
	struct storaged *s;
	TAILQ_HEAD(, proof) list; /* the first is being worked on */
	bool running;
	struct event *tick, *again;
};

static void step(struct proofs *p);

/* --- in a worker thread -----------------------------------------------------*/

static void
probe_work(void *arg)
{
	struct proof *proof = arg;

	proof->error = probe_write(proof->volume->store);
}

static void
read_work(void *arg)
{
	struct proof *proof = arg;

	proof->error = reading_whole(
	    proof->volume->store, &proof->place, &proof->chunk.sums);
}

/* --- how it ends ------------------------------------------------------------*/

/* Less and less often while it does not prove well, and again when it was
 * trusted and failed once more. */
static void
wait_longer(struct volume *v)
{
	v->proof_wait_s = v->proof_wait_s ? v->proof_wait_s * 2 : WAIT_MIN_S;
	if (v->proof_wait_s > WAIT_MAX_S)
		v->proof_wait_s = WAIT_MAX_S;
	v->proof_us = nx_now_us() + v->proof_wait_s * 1000000ULL;
}

static void
release(struct proof *proof)
{
	chunk_settle(proof->volume->store, proof->place.at);
	proof->place.at = 0;
}

static void
conclude(struct proofs *p, const char *why_not)
{
	struct proof *proof = TAILQ_FIRST(&p->list);
	struct volume *v = proof->volume;

	nx_assert(v->refs > 0);
	TAILQ_REMOVE(&p->list, proof, entry);
	p->running = false;
	release(proof);
	if (why_not[0]) {
		wait_longer(v);
		nx_warn("event=volume-not-proven node=%s reason=\"%s\"",
		    v->node, why_not);
	} else {
		v->proof_us = 0;
		volume_trust(p->s->volumes, v);
	}
	if (proof->done)
		proof->done(p->s, why_not, proof->checked, proof->arg);
	volume_unref(v);
	free(proof);
	step(p);
}

static void
conclude_error(struct proofs *p, const char *doing, int error)
{
	char text[160];

	(void)snprintf(
	    text, sizeof(text), "%s failed: %s", doing, strerror(-error));
	conclude(p, text);
}

static void
conclude_sample(struct proofs *p, const struct proof *proof)
{
	char text[160] = "";

	if (proof->bad > 0)
		(void)snprintf(text, sizeof(text),
		    "%" PRIu64 " of %" PRIu64
		    " chunks read there are damaged; they are repaired "
		    "elsewhere: ask again when that is done",
		    proof->bad, proof->checked);
	conclude(p, text);
}

/* --- one step after the other -----------------------------------------------*/

static void
submit(struct proofs *p, void (*work)(void *arg), void (*done)(void *arg))
{
	struct proof *proof = TAILQ_FIRST(&p->list);
	int r;

	nx_assert(p->running && proof->every > 0);
	r = nx_workers_submit(p->s->slow, work, done, proof);
	if (r < 0)
		conclude_error(p, "starting it", r);
}

/* It may have been deleted, or moved elsewhere, while it was read. */
static bool
is_still_there(struct proofs *p, struct proof *proof, uint64_t at)
{
	size_t i;

	if (catalog_chunk_get(p->s->catalog, proof->chunk.key, &proof->chunk) !=
	    0)
		return false;
	i = catalog_replica_on(&proof->chunk, proof->volume->key);
	return i < CATALOG_REPLICAS && proof->chunk.at[i] == at;
}

static void
read_done(void *arg)
{
	struct proof *proof = arg;
	uint64_t at = proof->place.at;
	struct proofs *p = proof->s->proofs;

	nx_assert(p->running && proof == TAILQ_FIRST(&p->list));
	release(proof);
	proof->checked++;
	if (volume_fault_of(proof->error) == FAULT_OURS) {
		conclude_error(p, "reading a chunk", proof->error);
		return;
	}
	if (proof->error < 0 && is_still_there(p, proof, at)) {
		proof->bad++;
		healer_report(
		    p->s->healer, proof->chunk.key, proof->volume->key);
	}
	step(p);
}

static void
go_on_later(struct proofs *p)
{
	const struct timeval now = {0};

	(void)evtimer_add(p->again, &now);
}

/* The next of the sample. */
static void
read_next(struct proofs *p, struct proof *proof)
{
	for (unsigned looked = 0; looked < SLICE; looked++) {
		int n = catalog_volume_next(p->s->catalog, proof->volume->key,
		    proof->after, &proof->chunk, 1);

		if (n < 0) {
			conclude_error(p, "reading the catalogue", n);
			return;
		}
		if (n == 0) {
			conclude_sample(p, proof);
			return;
		}
		proof->after = proof->chunk.key;
		if (proof->seen++ % proof->every == 0) {
			proof->place = catalog_place(&proof->chunk,
			    catalog_replica_on(
				&proof->chunk, proof->volume->key));
			chunk_hold(proof->volume->store, proof->place.at);
			submit(p, read_work, read_done);
			return;
		}
	}
	go_on_later(p);
}

static void
probe_done(void *arg)
{
	struct proof *proof = arg;
	struct proofs *p = proof->s->proofs;
	uint64_t chunks = 0;
	int r;

	nx_assert(p->running && proof == TAILQ_FIRST(&p->list));
	if (proof->error < 0) {
		conclude_error(
		    p, "writing and reading back a chunk", proof->error);
		return;
	}
	r = catalog_volume_chunks(p->s->catalog, proof->volume->key, &chunks);
	if (r < 0) {
		conclude_error(p, "reading the catalogue", r);
		return;
	}
	proof->every = chunks / SAMPLE + 1;
	step(p);
}

static void
step(struct proofs *p)
{
	struct proof *proof = TAILQ_FIRST(&p->list);

	if (!proof)
		return;
	if (!proof->volume->attached || proof->volume->state != VOLUME_READY) {
		conclude(p, "the volume cannot be reached, or is about to go");
	} else if (!p->running) {
		p->running = true;
		submit(p, probe_work, probe_done);
	} else
		read_next(p, proof);
}

int
proof_start(struct proofs *p, struct volume *v, proof_done *done, void *arg)
{
	struct proof *proof = calloc(1, sizeof(*proof));

	if (!proof)
		return -ENOMEM;
	nx_assert(v->attached);
	*proof = (struct proof){
	    .s = p->s, .volume = v, .done = done, .arg = arg, .every = 1};
	volume_ref(v);
	TAILQ_INSERT_TAIL(&p->list, proof, entry);
	if (!p->running)
		step(p);
	return 0;
}

/* --- by itself --------------------------------------------------------------*/

static bool
is_waiting(const struct proofs *p, const struct volume *v)
{
	const struct proof *proof;

	TAILQ_FOREACH(proof, &p->list, entry)
		if (proof->volume == v)
			return true;
	return false;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct proofs *p = arg;
	struct volume *v;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(v, &p->s->volumes->list, entry) {
		if (!v->suspect || v->state != VOLUME_READY ||
		    !volume_readable(v) || v->intent == CATALOG_VOLUME_FAIL ||
		    is_waiting(p, v))
			continue;
		if (v->proof_us == 0)
			wait_longer(v);
		else if (v->proof_us <= nx_now_us())
			(void)proof_start(p, v, NULL, NULL); /* or later */
	}
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

struct proofs *
proofs_new(struct storaged *s)
{
	const struct timeval every = {.tv_sec = TICK_S};
	struct proofs *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->s = s;
	TAILQ_INIT(&p->list);
	p->tick = event_new(s->base, -1, EV_PERSIST, on_tick, p);
	p->again = evtimer_new(s->base, on_again, p);
	if (!p->tick || !p->again || event_add(p->tick, &every) < 0)
		return proofs_free(p);
	return p;
}

struct proofs *
proofs_free(struct proofs *p)
{
	struct proof *proof;

	if (!p)
		return NULL;
	while ((proof = TAILQ_FIRST(&p->list))) {
		TAILQ_REMOVE(&p->list, proof, entry);
		free(proof);
	}
	if (p->tick)
		event_free(p->tick);
	if (p->again)
		event_free(p->again);
	free(p);
	return NULL;
}
