/* See reads.h. */
#include <errno.h>
#include <stddef.h>

#include "common/err.h"
#include "common/workers.h"
#include "storaged/downloads/reads.h"

#define HELD_MAX ((size_t)128 << 20) /* of what waits or runs */

void
reads_init(struct reads *rs, struct storaged *s)
{
	*rs = (struct reads){.s = s};
	turns_init(&rs->turns, HELD_MAX);
}

static void start_next(struct reads *rs);

/* It may be gone when its maker has been told. */
static void
end(struct read *r, int error)
{
	struct reads *rs = r->reads;

	nx_assert(rs->running > 0);
	rs->running--;
	turns_end(&rs->turns, &r->turn);
	r->done(error, r->arg);
	start_next(rs);
}

static void
work(void *arg)
{
	struct read *r = arg;

	r->work(r->arg);
}

static void
done(void *arg)
{
	end(arg, 0);
}

static void
start(struct read *r)
{
	struct reads *rs = r->reads;
	/* Who has gone needs nothing; all have when storaged ends. */
	int e = r->request->peer ? 0 : -ECANCELED;

	rs->running++;
	if (e == 0)
		e = nx_workers_submit(rs->s->io, work, done, r);
	if (e < 0)
		end(r, e);
}

static unsigned
running_max(const struct reads *rs)
{
	unsigned threads = (unsigned)rs->s->conf.threads;

	return threads > 1 ? threads - (threads + 3) / 4 : 1;
}

/* Whoever ends while another is being started leaves the rest to that one. */
static void
start_next(struct reads *rs)
{
	struct turn *t;

	if (rs->starting)
		return;
	rs->starting = true;
	while (rs->running < running_max(rs) && (t = turns_next(&rs->turns)))
		start((struct read *)(void *)((char *)t -
		    offsetof(struct read, turn)));
	rs->starting = false;
}

bool
reads_add(struct reads *rs, struct read *r)
{
	r->reads = rs;
	if (!turns_wait(
		&rs->turns, &r->turn, r->request->who.user_id, r->bytes))
		return false;
	start_next(rs);
	return true;
}
