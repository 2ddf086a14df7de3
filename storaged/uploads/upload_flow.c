/*
 * How an upload flows while it is OPEN. The pump, a job, reads the pipe into the
 * lane of the chunk that comes now, one pump at a time; lanes (lane.h) hash and
 * write in threads of their own. The loop decides what is next when the pump is
 * back, or a lane is over:
 *
 *	u->lane     is being filled; only the pump touches it while it runs
 *	u->syncing  lanes that are closed are made durable; at most SYNCS_MAX,
 *	            then nothing is pumped, the pipe fills up, the sender waits
 *	u->stripe   of a coded upload, see upload_stripe.h
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
#include "storaged/uploads/upload_stripe.h"

#define SYNCS_MAX    2U /* chunks being made durable while the next is read */
#define SYNCS_CODED  4U /* the same, of coded ones, which are smaller */
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
	if (u->pumping || u->syncing > 0 || u->committing ||
	    upload_stripe_at_work(u) || u->state == UPLOAD_COMMITTING) {
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

/* Candidates for @put. 1, 0: there are none, -errno. */
static int
place_chunk(struct upload *u, struct chunk_put *put, uint64_t left)
{
	if (upload_is_coded(u, left))
		return upload_stripe_place(u, put, left, u->in.has_size);
	if (left > CHUNK_SIZE)
		left = CHUNK_SIZE;
	return volumes_place(u->us->s->volumes, put, left, u->in.has_size) > 0;
}

/* Finds the volumes for the next chunk, unless one is being filled. With none
 * that could take it there is no chunk, and u->full. */
static int
begin_chunk(struct upload *u)
{
	struct storaged *s = u->us->s;
	uint64_t left =
	    u->in.has_size ? u->in.declared - u->received : CHUNK_SIZE;
	struct chunk_put *put;
	int r;

	if (u->lane || (u->in.has_size && left == 0))
		return 0;
	r = chunk_put_new(u->in.want, &put);
	if (r < 0)
		return r;
	/* The file may just end here: only a further byte is too much. */
	r = place_chunk(u, put, left);
	u->full = r == 0;
	if (r > 0)
		r = upload_open_lane(u, put);
	if (r < 0)
		volumes_put_done(s->volumes, put);
	if (r < 0 || u->full)
		chunk_put_free(put);
	return r;
}

static void
pump(struct upload *u)
{
	int r = begin_chunk(u);

	nx_assert(u->state == UPLOAD_OPEN && !u->pumping && !u->eof);
	u->pump = (struct pump){.fd = u->pipe,
	    .lane = u->lane,
	    .encoder = upload_stripe_encoder(u),
	    .digest = u->in.digest};
	if (r == 0)
		r = grant(u,
		    u->lane ? upload_chunk_max(u) - lane_size(u->lane) : 0,
		    &u->pump.grant);
	if (r < 0) {
		upload_fail_errno(u, r);
		return;
	}
	u->pumping = true;
	upload_submit_pump(u);
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

	nx_assert(u->pumping && p->got <= p->grant);
	u->pumping = false;
	count_received(u);
	if (u->state != UPLOAD_OPEN)
		upload_step(u);
	else if (p->error < 0)
		upload_fail_errno(u, p->error);
	else if (p->over)
		fail_over(u);
	else
		upload_step(u);
}

/* --- making durable ---------------------------------------------------------*/

int
upload_make_room(struct upload *u, uint32_t n)
{
	uint32_t room = u->room_chunks ? u->room_chunks * 2 : 4;
	struct catalog_chunk *more;

	if (u->n_chunks + n <= u->room_chunks)
		return 0;
	if (room < u->n_chunks + n)
		room = u->n_chunks + n;
	more = reallocarray(u->chunks, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	u->chunks = more;
	u->room_chunks = room;
	return 0;
}

static unsigned
syncs_max(const struct upload *u)
{
	return u->in.code ? SYNCS_CODED : SYNCS_MAX;
}

/* Its place in the list now, its replicas when they are. */
static int
take_place(struct upload *u, uint32_t *ret_index)
{
	int r;

	if (u->stripe) {
		*ret_index = upload_stripe_part(u);
		return 0;
	}
	r = upload_make_room(u, 1);
	if (r < 0)
		return r;
	*ret_index = u->n_chunks++;
	memset(&u->chunks[*ret_index], 0, sizeof(u->chunks[0]));
	return 0;
}

static int
sync_chunk(struct upload *u)
{
	uint32_t index = 0;
	int r = upload_mark(u);

	if (r == 0)
		r = take_place(u, &index);
	/* The one being filled while so many were under way may join them. */
	nx_assert(u->syncing <= syncs_max(u) && !u->pumping);
	if (r < 0)
		return r;
	u->syncing++;
	lane_close(nx_take_ptr(u->lane), index);
	return 0;
}

/* All of it has come, at least: then parity may do without. */
static bool
may_lack(const struct upload *u, const struct catalog_chunk *c, bool sealed)
{
	return sealed && upload_may_lack(u, c);
}

void
upload_synced(struct upload *u, struct lane *lane, uint32_t index, int result)
{
	struct catalog_chunk *c = &u->chunks[index];
	struct chunk_put *put = lane_free(lane);
	bool lacks;
	int r;

	nx_assert(u->syncing > 0 && index < u->n_chunks && c->n_replicas == 0);
	u->syncing--;
	replicas_list(put, c);
	lacks = c->n_replicas == 0 && !may_lack(u, c, put->sealed);
	if (c->n_replicas == 0 && !lacks)
		result = 0;
	volumes_put_done(u->us->s->volumes, put);
	chunk_put_free(put);
	r = upload_stripe_synced(u, index);
	if (result < 0 || r < 0)
		upload_fail_errno(u, result < 0 ? result : r);
	else if (lacks)
		upload_fail_volume(u);
	else
		upload_step(u);
}

/* --- what comes next --------------------------------------------------------*/

/* What is full, or the last, is made durable, and a stripe of which it was the
 * last part coded. */
static int
close_chunk(struct upload *u)
{
	struct chunk_put *put;
	uint32_t size = u->lane ? lane_size(u->lane) : 0;
	int r = 0;

	if (u->lane && size < upload_chunk_max(u) && !u->eof)
		return 0;
	if (size > 0) {
		r = sync_chunk(u);
	} else if (u->lane) {
		/* The file ended with the chunk before. */
		put = lane_free(nx_take_ptr(u->lane));
		volumes_put_done(u->us->s->volumes, put);
		chunk_put_free(put);
	}
	return r < 0 ? r : upload_stripe_look(u);
}

/* Does anything go on with the chunk that is being filled? When it does no more
 * there will be another step. */
static bool
at_work(struct upload *u)
{
	return u->pumping || (u->lane && !lane_rest(u->lane));
}

/* After the pump; false: something else is next, and under way. */
static bool
evict(struct upload *u)
{
	if (!u->evicting)
		return true;
	if (at_work(u))
		return false;
	u->evicting = false;
	if (upload_evict(u))
		return true;
	upload_fail_volume(u);
	return false;
}

/* Nothing is at work any more, and the file has not ended. */
static void
go_on(struct upload *u)
{
	if ((u->syncing >= syncs_max(u) && !u->lane) || upload_stripe_waits(u))
		return; /* the pipe fills up: that is the backpressure */
	if (u->pump.drained)
		(void)event_add(u->readable, NULL);
	else
		pump(u);
}

static void
conclude(struct upload *u)
{
	if (upload_has_pieces(u))
		upload_end_pieces(u);
	else
		upload_conclude(u);
}

void
upload_step(struct upload *u)
{
	int r;

	if (u->state == UPLOAD_COMMITTING)
		return; /* committed() goes on */
	if (u->state == UPLOAD_FAILED) {
		if (u->syncing == 0 && !u->committing && !at_work(u) &&
		    !upload_stripe_at_work(u))
			upload_settle(u);
		return;
	}
	if (upload_has_pieces(u) && !upload_commit_piece(u))
		return;
	if (u->pumping || !evict(u))
		return; /* upload_pumped() goes on, or the lane when it rests */
	r = close_chunk(u);
	if (r < 0)
		upload_fail_errno(u, r);
	else if (!u->eof)
		go_on(u);
	else if (u->syncing == 0 && !u->committing && upload_stripe_over(u))
		conclude(u);
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
