/*
 * A sweep in three turns: a worker lists the names, the loop asks the catalogue
 * about them, a few dozen at a time with a rest between, and a worker does what
 * follows for each.
 *
 *	<id>      unknown: set aside
 *	<id>.q    set aside before; known again: put back; old enough: removed
 *	others    what an interrupted copy left: removed
 *
 * Only what is older than every upload under way is looked at: whatever the
 * catalogue comes to know while this goes on is younger.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/sweep.h"

#define SLICE        64 /* names the catalogue is asked about in one turn */
#define REST_MIN_US  2000
#define REST_MAX_US  500000
#define REST_TIMES   16 /* as long as a turn took */
#define NAME_MAX_LEN (NX_ID_LEN + 2)
/* An orphan share beyond this is no crash's: one in twenty. */
#define SHARE 20

enum fate {
	FATE_KEEP,
	FATE_SET_ASIDE,
	FATE_PUT_BACK,
	FATE_REMOVE,
};

struct stray {
	char name[NAME_MAX_LEN + 1];
	bool young; /* set aside not long ago */
	uint8_t fate;
};

struct sweep {
	struct storaged *s;
	struct volume *volume;    /* referenced */
	uint64_t before, expired; /* unix seconds */
	struct stray *strays;
	size_t n, room, at;
	uint64_t chunks; /* on the volume in all */
	size_t fates[FATE_REMOVE + 1];
	const atomic_bool *stop;
	struct sweep_found found;
	int result;
	struct event *turn;
	void (*done)(const struct sweep_found *found, void *arg);
	void *arg;
};

static void
sweep_end(struct sweep *w)
{
	if (w->result < 0 && w->result != -ECANCELED)
		nx_warn("event=sweep-failed node=%s error=\"%s\"",
		    w->volume->node, strerror(-w->result));
	w->done(&w->found, w->arg);
	volume_unref(w->volume);
	event_free(w->turn);
	free(w->strays);
	free(w);
}

/* --- doing (worker) ---------------------------------------------------------*/

static int
act(struct sweep *w, const struct stray *stray)
{
	struct chunk_store *store = w->volume->store;
	struct chunk_id id;

	memcpy(id.text, stray->name, NX_ID_LEN);
	id.text[NX_ID_LEN] = '\0';
	if (stray->fate == FATE_SET_ASIDE)
		return chunk_set_aside(store, &id, w->before);
	if (stray->fate == FATE_PUT_BACK)
		return chunk_put_back(store, &id);
	if (stray->fate == FATE_REMOVE)
		return chunk_remove_stray(store, stray->name,
		    chunk_is_aside(stray->name) ? w->expired : w->before);
	return 0;
}

static void
act_work(void *arg)
{
	struct sweep *w = arg;

	for (size_t i = 0; i < w->n && w->result == 0 && !atomic_load(w->stop);
	     i++)
		w->result = act(w, &w->strays[i]);
}

static void
act_done(void *arg)
{
	struct sweep *w = arg;

	if (w->fates[FATE_PUT_BACK] > 0)
		nx_warn("event=orphans-put-back node=%s chunks=%zu",
		    w->volume->node, w->fates[FATE_PUT_BACK]);
	if (w->fates[FATE_SET_ASIDE] > 0)
		nx_info("event=orphans-set-aside node=%s chunks=%zu",
		    w->volume->node, w->fates[FATE_SET_ASIDE]);
	if (w->fates[FATE_REMOVE] > 0)
		nx_info("event=orphans-removed node=%s chunks=%zu",
		    w->volume->node, w->fates[FATE_REMOVE]);
	sweep_end(w);
}

/* --- deciding (loop) --------------------------------------------------------*/

/* Losing a week of space is nothing against losing files: when a catalogue
 * knows so little of what is there, it is more likely an old one. */
static bool
are_too_many(const struct sweep *w)
{
	uint64_t most = w->chunks / SHARE;

	if (most < w->s->conf.orphans)
		most = w->s->conf.orphans;
	return w->fates[FATE_SET_ASIDE] > most;
}

static void
refuse(struct sweep *w)
{
	w->found.refused = w->fates[FATE_SET_ASIDE];
	nx_err(
	    "event=sweep-refused node=%s orphans=%" PRIu64 " chunks=%" PRIu64
	    " note=\"the catalogue knows too few of them: is it an old copy? "
	    "nothing is removed; if they may go, raise [storaged] orphans\"",
	    w->volume->node, w->found.refused, w->chunks);
	for (size_t i = 0; i < w->n; i++)
		if (w->strays[i].fate == FATE_SET_ASIDE ||
		    (w->strays[i].fate == FATE_REMOVE &&
			chunk_is_aside(w->strays[i].name))) {
			w->fates[w->strays[i].fate]--;
			w->strays[i].fate = FATE_KEEP;
		}
}

static void
decided(struct sweep *w)
{
	nx_assert(w->at == w->n); /* no name without its fate */
	if (are_too_many(w))
		refuse(w);
	for (size_t i = 0; i < w->n; i++)
		w->found.set_aside += w->strays[i].fate == FATE_SET_ASIDE ||
		    (w->strays[i].fate == FATE_KEEP &&
			chunk_is_aside(w->strays[i].name));
	if (w->fates[FATE_KEEP] == w->n ||
	    nx_workers_submit(w->s->slow, act_work, act_done, w) < 0)
		sweep_end(w);
}

static enum fate
fate_of(struct sweep *w, const struct stray *stray)
{
	bool aside = chunk_is_aside(stray->name);
	char id[NX_ID_LEN + 1];
	int known;

	if (!aside && strlen(stray->name) != NX_ID_LEN)
		return FATE_REMOVE;
	memcpy(id, stray->name, NX_ID_LEN);
	id[NX_ID_LEN] = '\0';
	known = catalog_knows(w->s->catalog, w->volume->key, id);
	if (known < 0)
		return FATE_KEEP;
	if (aside)
		return known       ? FATE_PUT_BACK
		    : stray->young ? FATE_KEEP
				   : FATE_REMOVE;
	return known ? FATE_KEEP : FATE_SET_ASIDE;
}

/* A minute for 200,000 names; nobody waits for them. */
static void
rest(struct sweep *w, uint64_t us)
{
	struct timeval tv = {.tv_usec = REST_MIN_US};

	if (us > REST_MIN_US)
		tv.tv_usec = us < REST_MAX_US ? (suseconds_t)us : REST_MAX_US;
	(void)evtimer_add(w->turn, &tv);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct sweep *w = arg;
	uint64_t began = nx_now_us();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < SLICE && w->at < w->n; i++, w->at++) {
		enum fate fate = fate_of(w, &w->strays[w->at]);

		w->strays[w->at].fate = (uint8_t)fate;
		w->fates[fate]++;
	}
	if (w->at == w->n) {
		decided(w);
		return;
	}
	rest(w, (nx_now_us() - began) * REST_TIMES);
}

/* --- listing (worker) -------------------------------------------------------*/

static bool
collect_name(const char *name, uint64_t changed_at, void *arg)
{
	struct sweep *w = arg;
	bool aside = chunk_is_aside(name);

	nx_assert(w->n <= w->room && w->at == 0);
	w->chunks += strlen(name) == NX_ID_LEN;
	if ((!aside && changed_at >= w->before) || strlen(name) > NAME_MAX_LEN)
		return !atomic_load(w->stop);
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : SLICE;
		struct stray *more =
		    reallocarray(w->strays, room, sizeof(*more));

		if (!more)
			return false; /* the next sweep comes */
		w->strays = more;
		w->room = room;
	}
	w->strays[w->n].young = changed_at >= w->expired;
	w->strays[w->n].fate = FATE_KEEP;
	(void)snprintf(
	    w->strays[w->n++].name, sizeof(w->strays->name), "%s", name);
	return !atomic_load(w->stop);
}

static void
list_work(void *arg)
{
	struct sweep *w = arg;

	w->result = chunk_list(w->volume->store, collect_name, w);
}

static void
list_done(void *arg)
{
	struct sweep *w = arg;

	/* Half a list says nothing about how many there are. */
	if (w->result < 0)
		sweep_end(w);
	else
		on_turn(-1, 0, w);
}

int
sweep_start(struct storaged *s, struct volume *v, uint64_t before,
    const atomic_bool *stop,
    void (*done)(const struct sweep_found *found, void *arg), void *arg)
{
	struct sweep *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	nx_assert(volume_readable(v));
	if (!w)
		return r;
	*w = (struct sweep){.s = s,
	    .volume = v,
	    .before = before,
	    .stop = stop,
	    .done = done,
	    .arg = arg};
	w->expired = nx_wall_us() / 1000000 - s->conf.orphan_keep;
	w->turn = evtimer_new(s->base, on_turn, w);
	if (w->turn)
		r = nx_workers_submit(s->slow, list_work, list_done, w);
	if (r < 0) {
		if (w->turn)
			event_free(w->turn);
		free(w);
		return r;
	}
	volume_ref(v);
	return 0;
}
