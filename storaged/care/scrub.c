/*
 * The order of scrubbing. A cycle is a pass over each volume, in the order of
 * their keys; a pass goes through the chunks in the order of theirs, so that one
 * number says how far it has come. A pass that is under way when a cycle is
 * asked for goes on to its end and counts for the cycle it began in: nothing
 * that was read is read in vain.
 *
 *	step	what is next: begin, a volume, a chunk, a part of it, the end
 *	save	where we are, in the catalogue; whatever is decided waits for it
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/collector.h"
#include "storaged/care/healer.h"
#include "storaged/care/scrub_internal.h"
#include "storaged/volumes/volumes.h"

#define FIRST_MS 60000
#define TICK_MS  10000 /* is there anything to do again? */
#define BACKLOG  64    /* reports the healer has before it */

static void step(struct scrub *sc);

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

void
scrub_step_in(struct scrub *sc, uint64_t us)
{
	const struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	(void)evtimer_add(sc->timer, &tv);
}

static uint64_t
unix_now(void)
{
	return nx_wall_us() / 1000000;
}

/* --- where it is ------------------------------------------------------------*/

static void
saved(int result, void *arg)
{
	struct scrub *sc = arg;

	nx_assert(sc->saving);
	sc->saving = false;
	sc->unsaved = result < 0;
	if (result < 0) {
		/* The disk is full: what is not known to be read would be read
		 * again and again. */
		nx_warn(
		    "event=scrub-not-saved error=\"%s\"", strerror(-result));
		if (!sc->stopped)
			scrub_step_in(sc, TICK_MS * 1000);
	} else if (!evtimer_pending(sc->timer, NULL))
		step(sc);
}

static void
save_again(struct scrub *sc)
{
	nx_assert(!sc->saving);
	sc->saving = true;
	sc->saved_us = nx_now_us();
	catalog_scrub_save(sc->s->catalog, &sc->save);
}

void
scrub_save(struct scrub *sc)
{
	sc->save = (struct catalog_scrub_save){
	    .scrub = sc->cycle, .pass = sc->pass, .done = saved, .arg = sc};
	save_again(sc);
}

/* Where it was on this volume is kept. */
static void
leave(struct scrub *sc)
{
	scrub_save(sc);
	sc->pass = (struct catalog_scrub_pass){0};
	sc->chunk.key = 0;
}

/* --- cycles -----------------------------------------------------------------*/

static void
begin(struct scrub *sc)
{
	struct collector_status care;

	sc->asked = false;
	sc->cycle = (struct catalog_scrub){
	    .cycle = sc->cycle.cycle + 1, .began_at = unix_now()};
	nx_info("event=scrub-began cycle=%" PRIu64, sc->cycle.cycle);
	/* Files that no row knows are as much a part of what is there. */
	collector_status(sc->s->collector, &care);
	if (!care.busy)
		collector_sweep(sc->s->collector);
	scrub_save(sc);
}

static void
end(struct scrub *sc)
{
	sc->cycle.ended_at = unix_now();
	sc->rate = 0;
	nx_info("event=scrub-over cycle=%" PRIu64 " chunks=%" PRIu64
		" bytes=%" PRIu64 " bad=%" PRIu64 " missing=%" PRIu64,
	    sc->cycle.cycle, sc->cycle.chunks, sc->cycle.bytes, sc->cycle.bad,
	    sc->cycle.missing);
	scrub_save(sc);
}

/* Nothing is left to read. A clock that was set back makes it due. */
static void
rest(struct scrub *sc)
{
	uint64_t age = unix_now() - sc->cycle.began_at;

	if (sc->cycle.ended_at == 0) {
		if (healer_reports(sc->s->healer) > 0)
			scrub_step_in(sc, SCRUB_AGAIN_MS * 1000);
		else
			end(sc);
	} else if (age >= sc->s->conf.scrub_interval)
		begin(sc);
	else
		scrub_step_in(sc, TICK_MS * 1000);
}

/* --- volumes ----------------------------------------------------------------*/

const char *
scrub_skips(const struct volume *v)
{
	if (v->state == VOLUME_DRAINING)
		return "draining";
	if (!v->attached)
		return "away";
	if (v->suspect)
		return "suspect";
	return v->state == VOLUME_READY ? NULL : "being made or deleted";
}

static struct volume *
current(const struct scrub *sc)
{
	struct volume *v = sc->pass.volume != 0
	    ? volume_by_key(sc->s->volumes, sc->pass.volume)
	    : NULL;

	return v && !scrub_skips(v) ? v : NULL;
}

/* The first that was not passed in this cycle. */
static bool
choose(struct scrub *sc)
{
	struct catalog_scrub_pass pass, best = {0};
	struct volume *v;

	TAILQ_FOREACH(v, &sc->s->volumes->list, entry) {
		if (scrub_skips(v) ||
		    (best.volume != 0 && v->key > best.volume))
			continue;
		if (catalog_scrub_pass(sc->s->catalog, v->key, &pass) == 0 &&
		    pass.passed < sc->cycle.cycle)
			best = pass;
	}
	if (best.volume != 0 && best.cycle == 0) {
		best.cycle = sc->cycle.cycle;
		best.began_at = unix_now();
		best.after = 0;
	}
	sc->pass = best;
	sc->chunk.key = 0;
	return best.volume != 0;
}

static void
passed(struct scrub *sc)
{
	sc->pass.passed = sc->pass.cycle;
	sc->pass.since = sc->pass.began_at;
	sc->pass.cycle = 0;
	sc->pass.after = 0;
	leave(sc);
}

/* --- chunks -----------------------------------------------------------------*/

static void
step(struct scrub *sc)
{
	uint64_t cpu = scrub_cpu_us();
	struct volume *v;
	int n = 1;

	if (!sc->running || sc->stopped || sc->reading || sc->saving)
		return;
	if (sc->unsaved) {
		save_again(sc);
		return;
	}
	if (sc->asked || sc->cycle.cycle == 0) {
		begin(sc);
		return;
	}
	if (healer_reports(sc->s->healer) >= BACKLOG) {
		scrub_step_in(sc, SCRUB_AGAIN_MS * 1000);
		return;
	}
	v = current(sc);
	if (!v && sc->pass.volume != 0) {
		leave(sc);
		return;
	}
	if (!v && !choose(sc)) {
		rest(sc);
		return;
	}
	v = current(sc);
	nx_assert(v);
	if (sc->chunk.key == 0) {
		sc->offset = 0;
		n = catalog_volume_next(
		    sc->s->catalog, v->key, sc->pass.after, &sc->chunk, 1);
	}
	if (n > 0)
		scrub_read_part(sc, v, cpu);
	else if (n == 0)
		passed(sc);
	else {
		sc->chunk.key = 0; /* what is there of it may be half of it */
		scrub_step_in(sc, TICK_MS * 1000);
	}
}

/* --- from outside -----------------------------------------------------------*/

struct scrub *
scrub_new(struct storaged *s)
{
	struct scrub *sc = calloc(1, sizeof(*sc));

	if (!sc)
		return NULL;
	sc->s = s;
	sc->saved_us = sc->window_us = nx_now_us();
	sc->timer = evtimer_new(s->base, on_timer, sc);
	if (!sc->timer || catalog_scrub(s->catalog, &sc->cycle) < 0)
		return scrub_free(sc);
	return sc;
}

struct scrub *
scrub_free(struct scrub *sc)
{
	if (!sc)
		return NULL;
	nx_assert(!sc->reading && !sc->saving);
	if (sc->timer)
		event_free(sc->timer);
	free(sc);
	return NULL;
}

void
scrub_start(struct scrub *sc)
{
	sc->running = sc->s->conf.scrub_rate > 0;
	if (sc->running)
		scrub_step_in(sc, FIRST_MS * 1000);
}

void
scrub_stop(struct scrub *sc)
{
	bool save_it =
	    sc->running && !sc->stopped && !sc->saving && !sc->unsaved;

	sc->stopped = true;
	(void)evtimer_del(sc->timer);
	if (save_it)
		scrub_save(sc);
}

void
scrub_wake(struct scrub *sc)
{
	if (sc->running && !sc->stopped)
		scrub_step_in(sc, 0);
}

uint64_t
scrub_begin(struct scrub *sc)
{
	if (!sc->running)
		return 0;
	sc->asked = true;
	scrub_wake(sc);
	return sc->cycle.cycle + 1;
}

static enum scrub_state
state_of(const struct scrub *sc)
{
	if (!sc->running)
		return SCRUB_OFF;
	if (current(sc))
		return SCRUB_READING;
	if (sc->cycle.ended_at != 0)
		return SCRUB_RESTING;
	return healer_reports(sc->s->healer) > 0 ? SCRUB_REPAIRING
						 : SCRUB_WAITING;
}

int
scrub_status(const struct scrub *sc, struct scrub_status *ret_status)
{
	struct scrub_status st = {.state = state_of(sc),
	    .cycle = sc->cycle,
	    .volume = current(sc),
	    .rate = sc->rate};
	int r = catalog_scrub_sums(sc->s->catalog, &st.sums);

	if (r < 0)
		return r;
	if (st.state == SCRUB_RESTING)
		st.next_at = sc->cycle.began_at + sc->s->conf.scrub_interval;
	*ret_status = st;
	return 0;
}
