/*
 * The order of a check:
 *
 *	copy	a few pages a turn, with rests, from the loop's thread
 *	look	all of the copy, in a thread of its own
 *	mend	one finding in one write, then copy and look again
 *
 * A run is over when nothing is found, or nothing that can be mended, or after
 * ROUNDS looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/db_copy.h"
#include "common/err.h"
#include "common/log.h"
#include "common/limits.h"
#include "storaged/care/check.h"
#include "storaged/care/pace.h"
#include "storaged/ledger/ledger.h"

#define FIRST_S   60 /* after start, unless the ledger has none */
#define TICK_S    1
#define AGAIN_S   60  /* when a copy came to nothing */
#define PAGES     32  /* in one turn: 128 KiB */
#define FOUND_MAX 512 /* mended in one round */
#define ROUNDS    5
#define SHARE     20 /* percent of a core, when nobody waits for it */

struct check {
	struct storaged *s;
	struct nx_workers *thread;
	struct event *timer;
	struct pace pace;
	char path[512];
	bool running, stopped;
	bool asked, asked_repair; /* for the next run */
	bool repair, hurry;       /* of this one */
	bool mending;             /* a write is pending */
	bool giving;              /* the ledger has the copy */
	struct catalog_point at;  /* of the copy */
	bool pages;               /* some of it cannot be read */
	bool bad_pages;           /* it was so at the last look */
	uint64_t started_us, again_us;
	atomic_bool stop;
	struct nx_db_copy *copy;
	struct check_status st;
	/* of one look; the thread's while it looks */
	struct catalog_finding *all;
	size_t n, at_finding;
	uint64_t found;
	int result;
	unsigned rounds;
	uint64_t changed;
	struct catalog_mend mend;
};

static void copy_step(struct check *ch);

static uint64_t
unix_now(void)
{
	return nx_wall_us() / 1000000;
}

static void
step_in(struct check *ch, uint64_t us)
{
	const struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	(void)evtimer_add(ch->timer, &tv);
}

/* --- the end of a run -------------------------------------------------------*/

static void
keep_said(struct check *ch)
{
	ch->st.n_said = 0;
	for (size_t i = 0; i < ch->n && i < CHECK_SAID; i++) {
		const struct catalog_finding *f = &ch->all[i];

		(void)snprintf(ch->st.said[ch->st.n_said++],
		    sizeof(ch->st.said[0]), "%s: %.200s", f->rule, f->text);
		/* A name in it may be cut anywhere. */
		nx_text_repair(ch->st.said[i]);
	}
}

static void
end(struct check *ch, int error)
{
	struct check_status *st = &ch->st;

	ch->copy = nx_db_copy_free(ch->copy);
	(void)unlink(ch->path);
	st->state = CHECK_WAITING;
	st->ended_at = unix_now();
	st->error = error;
	st->over = st->run;
	st->mended = ch->changed;
	st->left = error < 0 ? 0 : ch->found;
	if (error < 0 || ch->pages)
		ch->again_us = nx_now_us() + AGAIN_S * 1000000ULL;
	keep_said(ch);
	if (error < 0 && error != -ECANCELED)
		nx_warn("event=check-failed run=%" PRIu64 " error=\"%s\"",
		    st->run, strerror(-error));
	else if (error == 0)
		nx_log(st->left > 0 ? 3 : 6,
		    "event=check-over run=%" PRIu64 " found=%" PRIu64
		    " mended=%" PRIu64 " left=%" PRIu64 " seconds=%" PRIu64,
		    st->run, st->found, st->mended, st->left,
		    st->ended_at - st->began_at);
	if (ch->running && !ch->stopped)
		step_in(ch, ch->asked ? 0 : TICK_S * 1000000ULL);
}

/* --- mending ----------------------------------------------------------------*/

static void mend_next(struct check *ch);

static void
mended(int result, void *arg)
{
	struct check *ch = arg;
	const struct catalog_finding *f = &ch->mend.finding;

	ch->mending = false;
	if (result < 0)
		nx_warn("event=not-mended rule=%s what=\"%s\" error=\"%s\"",
		    f->rule, f->text, strerror(-result));
	else if (ch->mend.changed > 0) {
		ch->changed++;
		nx_warn("event=mended rule=%s what=\"%s\" rows=%d", f->rule,
		    f->text, ch->mend.changed);
	}
	if (ch->stopped)
		end(ch, -ECANCELED);
	else
		mend_next(ch);
}

/* When all are mended, what that brought to light is looked for. */
static void
mend_next(struct check *ch)
{
	while (ch->at_finding < ch->n && !ch->all[ch->at_finding].mendable)
		ch->at_finding++;
	if (ch->at_finding == ch->n) {
		copy_step(ch);
		return;
	}
	ch->mend = (struct catalog_mend){
	    .finding = ch->all[ch->at_finding++], .done = mended, .arg = ch};
	ch->mending = true;
	catalog_mend(ch->s->catalog, &ch->mend);
}

static bool
may_mend(const struct check *ch)
{
	if (!ch->repair || ch->rounds >= ROUNDS)
		return false;
	for (size_t i = 0; i < ch->n; i++)
		if (ch->all[i].mendable)
			return true;
	return false;
}

/* --- looking (the thread) ---------------------------------------------------*/

static void
on_found(const struct catalog_finding *f, void *arg)
{
	struct check *ch = arg;

	ch->found++;
	ch->pages = ch->pages || strcmp(f->rule, "pages") == 0;
	if (ch->n < FOUND_MAX)
		ch->all[ch->n++] = *f;
}

static void
look_work(void *arg)
{
	struct check *ch = arg;
	struct catalog_check check = {.path = ch->path,
	    .share = ch->hurry ? 0 : SHARE,
	    .stop = &ch->stop,
	    .found = on_found,
	    .arg = ch};

	ch->result = catalog_check(&check);
}

static void
decide(void *arg)
{
	struct check *ch = arg;

	ch->giving = false;
	if (ch->result < 0 || ch->stopped || !may_mend(ch)) {
		end(ch, ch->stopped ? -ECANCELED : ch->result);
		return;
	}
	ch->st.state = CHECK_MENDING;
	ch->at_finding = 0;
	mend_next(ch);
}

/* A copy whose pages are well is what the ledger has been waiting for. */
static void
look_done(void *arg)
{
	struct check *ch = arg;

	if (ch->rounds++ == 0)
		ch->st.found = ch->found;
	if (ch->result == 0)
		ch->bad_pages = ch->pages;
	for (size_t i = 0; i < ch->n && i < CHECK_SAID; i++)
		nx_err("event=catalogue-disagrees rule=%s what=\"%s\"",
		    ch->all[i].rule, ch->all[i].text);
	if (ch->result < 0 || ch->stopped || ch->pages) {
		decide(ch);
		return;
	}
	ch->giving = true;
	ledger_take(ch->s->ledger, ch->path, &ch->at, decide, ch);
}

/* --- copying (the loop) -----------------------------------------------------*/

static void
copied(struct check *ch)
{
	int r;

	ch->copy = nx_db_copy_free(ch->copy);
	ch->at = ledger_mark(ch->s->ledger);
	ch->st.state = CHECK_LOOKING;
	ch->pages = false;
	ch->n = 0;
	ch->found = 0;
	r = nx_workers_submit(ch->thread, look_work, look_done, ch);
	if (r < 0)
		end(ch, r);
}

static void
copy_step(struct check *ch)
{
	uint64_t began = nx_now_us();
	int r = 0;

	ch->st.state = CHECK_COPYING;
	if (!ch->copy)
		r = nx_db_copy_new(
		    catalog_db(ch->s->catalog), ch->path, &ch->copy);
	if (r == 0)
		r = nx_db_copy_step(ch->copy, PAGES);
	if (r < 0)
		end(ch, r);
	else if (r == 0)
		copied(ch);
	else
		step_in(ch, pace_rest(&ch->pace, ch->s, nx_now_us() - began));
}

/* --- when -------------------------------------------------------------------*/

static bool
is_due(const struct check *ch)
{
	uint64_t interval = ch->s->conf.check_interval;

	if (ch->asked ||
	    (nx_now_us() >= ch->again_us && ledger_wants_copy(ch->s->ledger)))
		return true;
	if (ch->st.run == 0 &&
	    nx_now_us() - ch->started_us < FIRST_S * 1000000ULL)
		return false;
	/* A clock that was set back makes it due. */
	return interval > 0 &&
	    (ch->st.run == 0 || unix_now() - ch->st.began_at >= interval);
}

static void
begin(struct check *ch)
{
	struct check_status *st = &ch->st;

	ch->hurry = ch->asked;
	ch->repair = ch->asked_repair;
	ch->asked = ch->asked_repair = false;
	ch->rounds = 0;
	ch->changed = 0;
	ch->found = ch->n = 0;
	st->run++;
	st->found = 0;
	st->began_at = unix_now();
	st->ended_at = 0;
	copy_step(ch);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct check *ch = arg;

	(void)fd;
	(void)what;
	if (ch->stopped)
		return;
	if (ch->st.state == CHECK_COPYING)
		copy_step(ch);
	else if (ch->st.state == CHECK_WAITING && is_due(ch))
		begin(ch);
	else if (ch->st.state == CHECK_WAITING)
		step_in(ch, TICK_S * 1000000ULL);
}

/* --- from outside -----------------------------------------------------------*/

struct check *
check_new(struct storaged *s)
{
	struct check *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->s = s;
	(void)snprintf(ch->path, sizeof(ch->path), "%s/storage/storage.copy",
	    s->conf.common.state_dir);
	ch->all = calloc(FOUND_MAX, sizeof(*ch->all));
	ch->timer = evtimer_new(s->base, on_timer, ch);
	if (!ch->all || !ch->timer ||
	    nx_workers_new(s->base, 1, 0, &ch->thread) < 0)
		return check_free(ch);
	return ch;
}

struct check *
check_free(struct check *ch)
{
	if (!ch)
		return NULL;
	check_stop(ch);
	ch->thread = nx_workers_free(ch->thread);
	nx_assert(!ch->mending);
	ch->copy = nx_db_copy_free(ch->copy);
	if (ch->timer)
		event_free(ch->timer);
	(void)unlink(ch->path);
	free(ch->all);
	free(ch);
	return NULL;
}

void
check_start(struct check *ch)
{
	ch->running = true;
	ch->started_us = nx_now_us();
	step_in(ch, TICK_S * 1000000ULL);
}

void
check_stop(struct check *ch)
{
	ch->stopped = true;
	atomic_store(&ch->stop, true);
	if (ch->timer)
		(void)evtimer_del(ch->timer);
	ch->copy = nx_db_copy_free(ch->copy);
}

bool
check_idle(const struct check *ch)
{
	return !ch->mending && ch->st.state != CHECK_LOOKING;
}

bool
check_bad_pages(const struct check *ch)
{
	return ch->bad_pages;
}

uint64_t
check_begin(struct check *ch, bool repair)
{
	ch->asked = true;
	ch->asked_repair |= repair;
	if (ch->st.state == CHECK_WAITING && !ch->stopped)
		step_in(ch, 0);
	return ch->st.run + 1;
}

const struct check_status *
check_status(const struct check *ch)
{
	struct check_status *st = &((struct check *)(uintptr_t)ch)->st;
	uint64_t interval = ch->s->conf.check_interval;

	st->next_at = interval > 0 && ch->running && st->run > 0
	    ? st->began_at + interval
	    : 0;
	return st;
}
