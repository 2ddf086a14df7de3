/*
 * Segments that are empty: what follows, and when. Whether they are is asked of
 * the rows themselves, in the turn of the loop in which it is decided; what is
 * appended but in no row yet, or being read, the store knows of.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/compact_internal.h"

void
compact_emptied(struct compact *c, uint32_t number)
{
	struct emptied *e;

	TAILQ_FOREACH(e, &c->emptied, entry)
		if (e->volume == c->volume_key && e->number == number)
			return;
	if (c->retiring && c->retiring->volume == c->volume_key &&
	    c->retiring->number == number)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return; /* the next walk finds it too */
	*e = (struct emptied){.volume = c->volume_key,
	    .number = number,
	    .due_us = nx_now_us() + c->wait_us};
	TAILQ_INSERT_TAIL(&c->emptied, e, entry);
}

void
compact_retire_fini(struct compact *c)
{
	struct emptied *e;

	while ((e = TAILQ_FIRST(&c->emptied))) {
		TAILQ_REMOVE(&c->emptied, e, entry);
		free(e);
	}
	free(c->retiring);
}

static void
over(struct compact *c)
{
	free(c->retiring);
	c->retiring = NULL;
	c->busy = false;
	compact_in(c, 0);
}

static void
gone(int result, void *arg)
{
	struct compact *c = arg;

	/* A row without a file: the next walk takes it away. */
	if (result < 0)
		nx_warn("event=segment-not-recorded error=\"%s\"",
		    strerror(-result));
	over(c);
}

/* Somebody reads there, or will refer to it. */
static void
in_use(struct compact *c)
{
	struct emptied *e = nx_take_ptr(c->retiring);

	e->due_us = nx_now_us() + AGAIN_US;
	TAILQ_INSERT_TAIL(&c->emptied, e, entry);
	over(c);
}

static void
retire_work(void *arg)
{
	struct compact *c = arg;
	struct volume *v = c->volume;

	c->result = chunk_retire(v->store, c->retiring->number);
}

static void
retire_done(void *arg)
{
	struct compact *c = arg;
	struct emptied *e = c->retiring;
	struct volume *v = c->volume;

	if (c->result == -EBUSY)
		in_use(c);
	else if (c->result < 0) {
		nx_warn("event=segment-not-retired node=%s error=\"%s\"",
		    v->node, strerror(-c->result));
		volume_suspect(c->s->volumes, v, c->result);
		over(c);
	} else {
		c->st.emptied++;
		nx_info("event=segment-emptied node=%s segment=%" PRIu32
			" moved=%" PRIu64,
		    v->node, e->number, c->st.moved - c->told);
		c->told = c->st.moved;
		c->gone = (struct catalog_segment_gone){.volume = v->key,
		    .number = e->number,
		    .done = gone,
		    .arg = c};
		catalog_segment_gone(c->s->catalog, &c->gone);
	}
	volume_unref(v);
	c->volume = NULL;
}

/* With nothing held, in one turn of the loop, so it stays: nothing is appended
 * there any more, and what was has its row by now or never will. */
static bool
is_empty(struct compact *c, const struct emptied *e)
{
	uint64_t at = (uint64_t)e->number << 32;

	return catalog_segment_next(c->s->catalog, e->volume, at,
		   at + (1ULL << 32), &c->moving[0].chunk, 1) == 0;
}

bool
compact_retire(struct compact *c)
{
	struct emptied *e = TAILQ_FIRST(&c->emptied);
	struct volume *v;

	nx_assert(!c->busy && !c->volume);
	if (!e || nx_now_us() < e->due_us)
		return false;
	TAILQ_REMOVE(&c->emptied, e, entry);
	c->retiring = e;
	c->busy = true;
	v = volume_by_key(c->s->volumes, e->volume);
	if (v && volume_readable(v) && chunk_is_held(v->store, e->number)) {
		in_use(c);
		return true;
	}
	if (v && volume_readable(v) && is_empty(c, e)) {
		c->volume = v;
		volume_ref(v);
		if (nx_workers_submit(
			c->s->slow, retire_work, retire_done, c) == 0)
			return true;
		volume_unref(v);
		c->volume = NULL;
	}
	over(c);
	return true;
}
