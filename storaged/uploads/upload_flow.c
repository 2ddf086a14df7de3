/*
 * How an upload flows while it is OPEN. Two kinds of jobs run for it in worker
 * threads, and the loop decides what is next when one of them is back:
 *
 *	the pump    reads the pipe, hashes, writes into the chunk being filled;
 *	            one at a time, and only it touches u->put while it runs
 *	the syncs   make full chunks durable; at most SYNCS_MAX of them, then
 *	            nothing is pumped, the pipe fills up, the sender waits
 *
 * upload_step() is the only way on. It may free the upload: whoever calls it
 * does not look at it afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/replicas.h"
#include "storaged/uploads/upload_internal.h"

#define SYNCS_MAX    2 /* chunks being made durable while the next is read */
#define PROGRESS_MIN 4096U /* less than that in upload_idle is idleness */

/* --- receiving --------------------------------------------------------------*/

/* From now on PROGRESS_MIN bytes must come within upload_idle. */
static void
rearm_idle(struct upload *u)
{
	struct timeval tv = {.tv_sec = (time_t)u->us->s->conf.upload_idle};

	u->progress = u->received;
	(void)evtimer_add(u->idle, &tv);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct upload *u = arg;

	(void)fd;
	(void)what;
	/* Our own work is no idleness of theirs. */
	if (u->pumping || u->syncing > 0 || u->state == UPLOAD_COMMITTING) {
		rearm_idle(u);
		return;
	}
	u->dead = true;
	upload_fail(u, NX__STATUS__DEADLINE,
	    "next to nothing has come for %" PRIu64
	    " seconds: send the file again",
	    u->us->s->conf.upload_idle);
}

/* How much the next read may take; the promise to the user grows with it. */
static int
grant(struct upload *u, uint64_t room, uint64_t *ret_grant)
{
	uint64_t left, end;
	int r;

	if (u->in.has_size) {
		left = u->in.declared - u->received;
		*ret_grant = left < room ? left : room;
		return 0;
	}
	r = quota_left(u->us->s, u->in.owner, &left);
	if (r < 0)
		return r;
	left += u->in.promised + u->in.credit;
	left = left > u->received ? left - u->received : 0;
	*ret_grant = left < room ? left : room;
	end = u->received + *ret_grant;
	intent_promise(&u->in, end > u->in.credit ? end - u->in.credit : 0);
	return 0;
}

/* Finds the volumes for the next chunk, unless one is being filled. With none
 * that could take it there is no chunk, and u->full. */
static int
begin_chunk(struct upload *u)
{
	struct storaged *s = u->us->s;
	uint64_t left =
	    u->in.has_size ? u->in.declared - u->received : CHUNK_SIZE;
	int r;

	if (u->put || (u->in.has_size && left == 0))
		return 0;
	r = chunk_put_new(u->in.want, &u->put);
	if (r < 0)
		return r;
	if (left > CHUNK_SIZE)
		left = CHUNK_SIZE;
	u->full = volumes_place(s->volumes, u->put, left, u->in.has_size) == 0;
	/* The file may just end here: only a further byte is too much. */
	if (u->full)
		u->put = chunk_put_free(u->put);
	return 0;
}

static void
pump(struct upload *u)
{
	int r = begin_chunk(u);

	nx_assert(u->state == UPLOAD_OPEN && !u->pumping && !u->eof);
	u->pump =
	    (struct pump){.fd = u->pipe, .put = u->put, .digest = u->in.digest};
	if (r == 0)
		r = grant(
		    u, u->put ? CHUNK_SIZE - u->put->size : 0, &u->pump.grant);
	if (r == 0)
		r = upload_submit_pump(u);
	if (r < 0) {
		upload_fail_errno(u, r);
		return;
	}
	u->pumping = true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct upload *u = arg;

	(void)fd;
	(void)what;
	u->pump.drained = false;
	upload_step(u);
}

/* A further byte came that may not: why not? */
static void
fail_over(struct upload *u)
{
	if (u->full)
		upload_fail_errno(u, -ENOSPC);
	else if (u->in.has_size)
		upload_fail(u, NX__STATUS__INVALID,
		    "more than the declared %" PRIu64 " bytes came",
		    u->in.declared);
	else
		upload_fail(u, NX__STATUS__QUOTA,
		    "the file does not fit into your quota: delete something "
		    "first");
}

static void
count_received(struct upload *u)
{
	const struct pump *p = &u->pump;

	u->received += p->got;
	u->eof = p->eof;
	if (!u->in.has_size)
		intent_promise(&u->in,
		    u->received > u->in.credit ? u->received - u->in.credit
					       : 0);
	if (p->got > 0)
		upload_count_rate(u);
	/* A trickle does not hold a place for ever. */
	if (u->received - u->progress >= PROGRESS_MIN || u->eof)
		rearm_idle(u);
}

void
upload_pumped(struct upload *u)
{
	const struct pump *p = &u->pump;
	bool whole = true;

	nx_assert(u->pumping && p->got <= p->grant);
	u->pumping = false;
	/* A volume went while the thread wrote there. */
	if (u->evict)
		whole = upload_evict(u, nx_take_ptr(u->evict));
	count_received(u);
	if (u->state != UPLOAD_OPEN)
		upload_step(u);
	else if (!whole)
		upload_fail_volume(u);
	else if (p->error < 0)
		upload_fail_errno(u, p->error);
	else if (p->over)
		fail_over(u);
	else
		upload_step(u);
}

/* --- making durable ---------------------------------------------------------*/

static int
room_for_chunk(struct upload *u)
{
	uint32_t room = u->room_chunks ? u->room_chunks * 2 : 4;
	struct catalog_chunk *more;

	if (u->n_chunks < u->room_chunks)
		return 0;
	more = reallocarray(u->chunks, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	u->chunks = more;
	u->room_chunks = room;
	return 0;
}

static int
sync_chunk(struct upload *u)
{
	struct chunk_put *put = u->put;
	int r = room_for_chunk(u);

	/* The one being filled while SYNCS_MAX were under way may join them. */
	nx_assert(u->syncing <= SYNCS_MAX && !u->pumping && put->size > 0);
	if (r == 0) {
		/* Its place in the list now, its replicas when they are. */
		memset(&u->chunks[u->n_chunks], 0, sizeof(u->chunks[0]));
		r = upload_submit_sync(u, put, u->n_chunks);
	}
	if (r < 0)
		return r;
	u->n_chunks++;
	u->syncing++;
	u->put = NULL;
	return 0;
}

void
upload_synced(
    struct upload *u, struct chunk_put *put, uint32_t index, int result)
{
	struct catalog_chunk *c = &u->chunks[index];

	nx_assert(u->syncing > 0 && index < u->n_chunks && c->n_replicas == 0);
	u->syncing--;
	replicas_list(put, c);
	volumes_put_done(u->us->s->volumes, put);
	chunk_put_free(put);
	if (result < 0)
		upload_fail_errno(u, result);
	else if (c->n_replicas == 0)
		upload_fail_volume(u);
	else
		upload_step(u);
}

/* --- what comes next --------------------------------------------------------*/

/* What is full, or the last, is made durable. */
static int
close_chunk(struct upload *u)
{
	if (!u->put || (u->put->size < CHUNK_SIZE && !u->eof))
		return 0;
	if (u->put->size > 0)
		return sync_chunk(u);
	/* The file ended with the chunk before. */
	volumes_put_done(u->us->s->volumes, u->put);
	u->put = chunk_put_free(u->put);
	return 0;
}

void
upload_step(struct upload *u)
{
	int r;

	if (u->state == UPLOAD_COMMITTING)
		return; /* committed() goes on */
	if (u->state == UPLOAD_FAILED) {
		if (!u->pumping && u->syncing == 0)
			upload_settle(u);
		return;
	}
	if (u->pumping)
		return; /* upload_pumped() goes on */
	r = close_chunk(u);
	if (r < 0) {
		upload_fail_errno(u, r);
		return;
	}
	if (u->eof) {
		if (u->syncing == 0)
			upload_conclude(u);
		return;
	}
	if (u->syncing >= SYNCS_MAX && !u->put)
		return; /* the pipe fills up: that is the backpressure */
	if (u->pump.drained)
		(void)event_add(u->readable, NULL);
	else
		pump(u);
}

int
upload_start(struct upload *u, int pipe)
{
	struct event_base *base = u->us->s->base;

	u->pipe = pipe;
	u->readable = event_new(base, pipe, EV_READ, on_readable, u);
	u->idle = evtimer_new(base, on_idle, u);
	if (!u->readable || !u->idle)
		return -ENOMEM;
	rearm_idle(u);
	return event_add(u->readable, NULL) < 0 ? -ENOMEM : 0;
}
