/*
 * Emptying a volume: chunk by chunk, every other replica is read whole; one
 * good one is enough to let this one go, bad ones are rewritten first, and
 * where there is none a new one is made elsewhere. What cannot be done is
 * collected, to be named: whether it may be lost is not decided here.
 *
 * A chunk that is damaged everywhere moves as it is; where the replica here cannot
 * be read it may be the good one, and is at risk. Nothing is taken away: a drain
 * that is called off has only added replicas.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer_internal.h"

#define TRIES    10 /* when we lack descriptors or memory */
#define RETRY_MS 500

int
healer_drain(
    struct healer *h, struct volume *v, healer_drained *done, void *arg)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	nx_assert(v->state == VOLUME_DRAINING);
	*d = (struct drain){.volume = v, .done = done, .arg = arg};
	TAILQ_INSERT_TAIL(&h->drains, d, entry);
	healer_next(h);
	return 0;
}

void
drain_free(struct drain *d)
{
	free(d->result.risks);
	free(d);
}

/* --- what could not be saved ------------------------------------------------*/

static int
by_file(const void *a, const void *b)
{
	const struct drain_risk *x = a, *y = b;

	return (x->file > y->file) - (x->file < y->file);
}

static void
sort_risks(struct drained *r)
{
	size_t kept = 0;

	if (r->n_risks > 0)
		qsort(r->risks, r->n_risks, sizeof(*r->risks), by_file);
	for (size_t i = 0; i < r->n_risks; i++)
		if (kept == 0 || r->risks[kept - 1].file != r->risks[i].file)
			r->risks[kept++] = r->risks[i];
		else
			r->risks[kept - 1].gone &= r->risks[i].gone;
	r->n_risks = kept;
}

/* Chunks of a file are neighbours. */
static bool
is_known(const struct drained *r, int64_t file, bool gone)
{
	const struct drain_risk *last;

	if (r->n_risks == 0)
		return false;
	last = &r->risks[r->n_risks - 1];
	return last->file == file && last->gone == gone;
}

static struct drain_risk *
one_more(struct drain *d)
{
	struct drained *r = &d->result;

	if (r->n_risks == d->room) {
		size_t room = d->room ? d->room * 2 : 64;
		struct drain_risk *more =
		    reallocarray(r->risks, room, sizeof(*more));

		nx_assert(more); /* to forget one would be to lose it */
		r->risks = more;
		d->room = room;
	}
	return &r->risks[r->n_risks++];
}

static void
note(struct healer *h, struct drain *d, bool gone)
{
	struct catalog_file file;
	uint64_t n;
	int r;

	d->todo = DRAIN_NEXT;
	if (is_known(&d->result, d->chunk.file, gone))
		return;
	r = catalog_file_with(h->s->catalog, d->chunk.file, 0, &file);
	if (r == 0)
		r = catalog_files_with(h->s->catalog, d->chunk.file, &n);
	if (r < 0)
		d->result.failed = r;
	if (r == 0)
		*one_more(d) =
		    (struct drain_risk){d->chunk.file, file.owner, n, gone};
}

static void
at_risk(struct healer *h, struct drain *d, int why)
{
	if (d->result.why == 0)
		d->result.why = why;
	note(h, d, false);
}

static void
finish(struct healer *h)
{
	struct drain *d = TAILQ_FIRST(&h->drains);

	TAILQ_REMOVE(&h->drains, d, entry);
	sort_risks(&d->result);
	d->done(&d->result, d->arg);
	drain_free(d);
}

/* --- one chunk --------------------------------------------------------------*/

/* For want of something of ours: the same chunk once more, not for ever. */
static void
try_again(struct healer *h, struct drain *d, int error)
{
	if (d->tried != d->chunk.key)
		d->tries = 0;
	d->tried = d->chunk.key;
	if (d->tries++ < TRIES) {
		d->after = d->chunk.key - 1;
		d->todo = DRAIN_NEXT;
		(void)healer_go_on(h, RETRY_MS);
	} else
		at_risk(h, d, error);
}

static void
moved(struct copy *c)
{
	struct healer *h = c->arg;
	struct drain *d = TAILQ_FIRST(&h->drains);

	nx_assert(d && d->chunk.key == c->chunk.key);
	h->running = false;
	if (c->result == 0) {
		d->result.moved += !c->was_good;
		d->todo = DRAIN_NEXT;
		if (c->damaged)
			nx_err("event=moved-damaged chunk=%s node=%s",
			    c->chunk.id.text, c->target->node);
	} else if (c->result == CATALOG_NO_FILE)
		d->todo = DRAIN_NEXT; /* deleted meanwhile */
	else if (c->result == -ENOENT && volume_readable(d->volume))
		note(h, d, true); /* there is none, here or elsewhere */
	else if (volume_fault_of(c->result) == FAULT_OURS) {
		try_again(h, d, c->result);
		return;
	} else if (d->todo == DRAIN_REPAIR)
		d->todo = DRAIN_ELSEWHERE;
	else
		at_risk(h, d, c->result);
	healer_next(h);
}

/* The replicas elsewhere have been read. */
static void
checked(struct copy *c)
{
	struct healer *h = c->arg;
	struct drain *d = TAILQ_FIRST(&h->drains);
	unsigned good = 0;
	int ours = 0;

	nx_assert(d && d->chunk.key == c->chunk.key);
	for (size_t i = 0; i < c->n_replicas; i++) {
		const struct replica *r = &c->replicas[i];

		/* A failed write may read well and be gone tomorrow. */
		good += r->state == REPLICA_GOOD && !r->volume->suspect;
		if (r->state == REPLICA_UNKNOWN)
			ours = r->error;
		if (r->state == REPLICA_BAD)
			healer_report(h, c->chunk.key, r->volume->key);
	}
	good += c->made == REPLICA_GOOD;
	if (c->n_replicas == 0 && c->stripe && c->made == REPLICA_UNKNOWN)
		ours = c->made_error;
	h->running = false; /* from here on the reports are worked on */
	if (good > 0)
		d->todo = DRAIN_NEXT;
	else if (ours < 0) {
		try_again(h, d, ours);
		return;
	}
	healer_next(h);
}

static struct volume *
rewritable(struct healer *h, const struct drain *d)
{
	for (uint32_t i = 0; i < d->chunk.n_replicas; i++) {
		struct volume *v =
		    volume_by_key(h->s->volumes, d->chunk.volumes[i]);

		if (v && v != d->volume && healer_may_rewrite(v))
			return v;
	}
	return NULL;
}

static void
looked(struct copy *c)
{
	struct healer *h = c->arg;
	struct drain *d = TAILQ_FIRST(&h->drains);
	bool gone = true;

	nx_assert(d && d->chunk.key == c->chunk.key);
	for (size_t i = 0; i < c->n_replicas; i++)
		gone &= c->replicas[i].error == -ENOENT;
	h->running = false;
	if (gone)
		note(h, d, true);
	else
		at_risk(h, d, -ENOSPC);
	healer_next(h);
}

/* There is no room for a copy: is there anything to copy? True when that is
 * being looked at. */
static bool
no_room(struct healer *h, struct drain *d)
{
	if (volume_readable(d->volume) &&
	    copy_check(h->s, &d->chunk, NULL, looked, h) > 0) {
		h->running = true;
		return true;
	}
	at_risk(h, d, -ENOSPC);
	return false;
}

/* A replica elsewhere, rewritten or new. True when it has been started. */
static bool
make(struct healer *h, struct drain *d)
{
	struct volume *target = NULL;
	int r;

	nx_assert(!h->running && d->todo != DRAIN_NEXT);
	r = catalog_chunk_get(h->s->catalog, d->chunk.key, &d->chunk);
	if (r != 0) {
		d->todo = DRAIN_NEXT; /* deleted meanwhile */
		if (r < 0)
			at_risk(h, d, r);
		return false;
	}
	if (d->todo == DRAIN_REPAIR)
		target = rewritable(h, d);
	if (!target) {
		d->todo = DRAIN_ELSEWHERE;
		target = healer_target(h, &d->chunk, d->volume->key, false);
	}
	if (!target)
		return no_room(h, d);
	r = copy_make(
	    h->s, &d->chunk, target, 0, volume_readable(d->volume), moved, h);
	if (r < 0)
		at_risk(h, d, r);
	h->running = r == 0;
	return h->running;
}

/* True when there is one, in d->chunk. */
static bool
fetch(struct healer *h, struct drain *d)
{
	int n = catalog_volume_next(
	    h->s->catalog, d->volume->key, d->after, &d->chunk, 1);

	if (n < 0) {
		nx_err("event=drain-failed node=%s error=\"%s\"",
		    d->volume->node, strerror(-n));
		d->result.failed = n;
	}
	if (n <= 0)
		return false;
	d->after = d->chunk.key;
	return true;
}

bool
drain_step(struct healer *h)
{
	struct drain *d = TAILQ_FIRST(&h->drains);
	int r;

	nx_assert(d && !h->running);
	for (int looked = 0;; looked++) {
		if (d->todo != DRAIN_NEXT) {
			if (make(h, d))
				return true;
			continue;
		}
		if (looked >= HEALER_SLICE)
			return healer_go_on(h, 0);
		if (!fetch(h, d)) {
			finish(h);
			return false;
		}
		d->todo = DRAIN_REPAIR;
		r = copy_check(h->s, &d->chunk, d->volume, checked, h);
		h->running = r > 0;
		if (h->running)
			return true;
		if (r < 0)
			at_risk(h, d, r);
	}
}
