/*
 * History is what nobody has to have: it goes when its time has come, when its
 * owner has too much of it, and before anybody is told that the volumes are
 * full. One step is one short write of the catalogue, synced with what others
 * write; what it leaves is the collector's. Room comes back some time after
 * that, so nothing more is released for want of room before the collector is
 * done with the last.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/pace.h"
#include "storaged/volumes/volumes.h"

#define LOOK_S   5
#define DOUBLED  6         /* so often at most, when it fails: five minutes */
#define LOW      16        /* a part of the volumes that shall be free */
#define AT_LEAST (1 << 20) /* released at once */

struct historian {
	struct storaged *s;
	bool writing;
	unsigned failed; /* steps, one after the other */
	bool waiting;    /* for room to come back from what was released */
	uint64_t wanted;
	struct catalog_history_step op;
	struct pace pace;
	struct event *timer;
};

static void
look_after(struct historian *h, uint64_t us)
{
	struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	(void)evtimer_add(h->timer, &tv);
}

/* Bytes that are missing on the volumes. */
static uint64_t
lacking(struct storaged *s)
{
	uint64_t room = volumes_room(s->volumes), size = 0;
	const struct volume *v;

	TAILQ_FOREACH(v, &s->volumes->list, entry)
		if (volume_writable(v))
			size += v->size;
	return room < size / LOW ? size / LOW - room : 0;
}

/* Is the room of what was released back, as far as it will be soon? */
static bool
has_settled(struct historian *h)
{
	struct collector_status care;

	collector_status(h->s->collector, &care);
	return !care.busy && compact_idle(h->s->compact);
}

/* Copies take their part with what they are copies of. */
static uint64_t
to_release(struct historian *h)
{
	uint64_t bytes;

	if (h->waiting && !has_settled(h))
		return 0;
	h->waiting = false;
	bytes = lacking(h->s);
	if (h->wanted > bytes)
		bytes = h->wanted;
	h->wanted = 0;
	return bytes > 0 ? bytes / 2 + AT_LEAST : 0;
}

static void
step(struct historian *h)
{
	nx_assert(!h->writing);
	h->writing = true;
	h->op.release = to_release(h);
	catalog_history_step(h->s->catalog, &h->op);
}

/* What fails, on a full disk say, does so for long: less and less often. */
static uint64_t
next_look(const struct historian *h)
{
	unsigned n = h->failed > 1 ? h->failed - 1 : 0;

	return (uint64_t)LOOK_S * 1000000 << (n < DOUBLED ? n : DOUBLED);
}

static void
stepped(int result, void *arg)
{
	struct historian *h = arg;
	uint64_t took = nx_now_us() - h->op.began;

	nx_assert(h->writing);
	h->writing = false;
	if (result < 0 && h->failed == 0)
		nx_warn("event=history-not-given-up error=\"%s\" "
			"note=\"it is tried again until it works\"",
		    strerror(-result));
	h->failed = result < 0 ? h->failed + 1 : 0;
	if (result == 0 && h->op.released > 0) {
		nx_info("event=history-released bytes=%llu",
		    (unsigned long long)h->op.released);
		h->waiting = true;
	}
	if (result == 0 && h->op.gone)
		collector_kick(h->s->collector);
	look_after(h,
	    result == 0 && h->op.more ? pace_rest(&h->pace, h->s, took)
				      : next_look(h));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

struct historian *
historian_new(struct storaged *s)
{
	struct historian *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->s = s;
	h->op.done = stepped;
	h->op.arg = h;
	h->timer = evtimer_new(s->base, on_timer, h);
	return h->timer ? h : historian_free(h);
}

struct historian *
historian_free(struct historian *h)
{
	if (!h)
		return NULL;
	nx_assert(!h->writing);
	if (h->timer)
		event_free(h->timer);
	free(h);
	return NULL;
}

void
historian_start(struct historian *h)
{
	int r = catalog_history_default(h->s->catalog, h->s->conf.history,
	    h->s->conf.quota, h->s->conf.entries);

	if (r < 0)
		nx_fatal(r, "how long history is kept");
	look_after(h, 1000000);
}

void
historian_kick(struct historian *h)
{
	if (h && !h->writing && h->failed == 0)
		look_after(h, 1000);
}

bool
historian_want(struct historian *h, uint64_t bytes)
{
	uint64_t loose = 0;

	if (!h || catalog_history_loose(h->s->catalog, &loose) < 0)
		return false;
	if (loose == 0)
		return h->waiting && !has_settled(h);
	if (bytes > h->wanted)
		h->wanted = bytes;
	historian_kick(h);
	return true;
}
