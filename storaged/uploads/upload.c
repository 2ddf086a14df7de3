/* The life of an upload: see upload.h. Loop's thread only. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/trees/quota.h"
#include "storaged/uploads/upload_internal.h"

#define SYNCS_MAX    2 /* chunks being made durable while the next is read */
#define PROGRESS_MIN 4096U /* less than that in upload_idle is idleness */

/* --- making and freeing -----------------------------------------------------*/

struct uploads *
uploads_new(struct storaged *s)
{
	struct uploads *us = calloc(1, sizeof(*us));

	if (!us)
		return NULL;
	us->s = s;
	/* A number given before a restart means nothing now, least of all
	 * somebody's new upload. */
	if (getrandom(&us->first_id, sizeof(us->first_id), 0) !=
	    sizeof(us->first_id)) {
		free(us);
		return NULL;
	}
	us->first_id = (us->first_id >> 1) + 1;
	us->next_id = us->first_id;
	TAILQ_INIT(&us->list);
	return us;
}

bool
uploads_gave(const struct uploads *us, uint64_t id)
{
	return id >= us->first_id && id < us->next_id;
}

struct upload *
upload_new(struct uploads *us)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->us = us;
	u->id = us->next_id++;
	u->pipe = -1;
	u->began = nx_wall_us() / 1000000;
	u->window_began = nx_now_us();
	u->rate = UINT64_MAX;
	TAILQ_INSERT_TAIL(&us->list, u, entry);
	us->count++;
	return u;
}

static void
promise(struct upload *u, uint64_t bytes)
{
	if (quota_promise(u->us->s, u->owner, u->promised, bytes) == 0)
		u->promised = bytes;
}

void
upload_stop_reading(struct upload *u)
{
	if (u->readable)
		event_free(u->readable);
	u->readable = NULL;
	nx_close(&u->pipe);
}

void
upload_free(struct upload *u)
{
	nx_assert(!u->pumping && u->syncing == 0 && !u->finish);
	upload_stop_reading(u);
	if (u->idle)
		event_free(u->idle);
	digest_free(u->digest);
	promise(u, 0);
	TAILQ_REMOVE(&u->us->list, u, entry);
	u->us->count--;
	free(u->path);
	free(u->chunks);
	free(u);
}

void
uploads_stop(struct uploads *us)
{
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		u->dead = true;
		upload_fail(u, NX__STATUS__UNAVAILABLE,
		    "storage is being restarted: send the file again");
	}
}

struct uploads *
uploads_free(struct uploads *us)
{
	if (us) {
		nx_assert(TAILQ_EMPTY(&us->list));
		free(us);
	}
	return NULL;
}

/* --- failing ----------------------------------------------------------------*/

void
upload_settle(struct upload *u)
{
	struct nx_request *r = nx_take_ptr(u->finish);

	upload_stop_reading(u);
	if (u->put || u->chunks) {
		upload_discard(u->us->s, u->put, u->chunks, u->n_chunks);
		u->put = NULL;
		u->chunks = NULL;
		u->n_chunks = 0;
	}
	promise(u, 0);
	if (r)
		nx_refuse(r, u->status, "%s", u->why);
	/* Else the answer waits for FINISH, ABORT or the idle timer. */
	if (r || u->dead)
		upload_free(u);
}

void
upload_fail(struct upload *u, Nx__Status status, const char *fmt, ...)
{
	va_list ap;

	if (u->state == UPLOAD_OPEN) {
		u->state = UPLOAD_FAILED;
		u->status = status;
		va_start(ap, fmt);
		(void)vsnprintf(u->why, sizeof(u->why), fmt, ap);
		va_end(ap);
		nx_debug("event=upload-failed upload=%" PRIu64 " reason=\"%s\"",
		    u->id, u->why);
	}
	upload_step(u);
}

void
upload_fail_errno(struct upload *u, int error)
{
	if (error == -ENOSPC)
		upload_fail(u, NX__STATUS__FULL,
		    "no active node has room for this file: delete something "
		    "or create a node");
	else
		upload_fail(u, nx_status_of_errno(error),
		    "the file could not be stored: %s", strerror(-error));
}

/* --- receiving --------------------------------------------------------------*/

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

	if (u->has_size) {
		left = u->declared - u->received;
		*ret_grant = left < room ? left : room;
		return 0;
	}
	r = quota_left(u->us->s, u->owner, &left);
	if (r < 0)
		return r;
	left += u->promised + u->credit;
	left = left > u->received ? left - u->received : 0;
	*ret_grant = left < room ? left : room;
	end = u->received + *ret_grant;
	promise(u, end > u->credit ? end - u->credit : 0);
	return 0;
}

static int
begin_chunk(struct upload *u)
{
	struct storaged *s = u->us->s;
	uint64_t left = u->has_size ? u->declared - u->received : CHUNK_SIZE;
	int r;

	if (u->put || (u->has_size && left == 0))
		return 0;
	r = chunk_put_new(u->want, &u->put);
	if (r < 0)
		return r;
	if (left > CHUNK_SIZE)
		left = CHUNK_SIZE;
	u->full = volumes_place(s->volumes, u->put, left, u->has_size) == 0;
	/* The file may just end here: only a further byte is too much. */
	if (u->full)
		u->put = chunk_put_free(u->put);
	return 0;
}

static void
pump(struct upload *u)
{
	int r = begin_chunk(u);

	u->pump =
	    (struct pump){.fd = u->pipe, .put = u->put, .digest = u->digest};
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

void
upload_pumped(struct upload *u)
{
	const struct pump *p = &u->pump;
	bool whole = true;

	u->pumping = false;
	if (u->evict)
		whole = upload_evict(u, nx_take_ptr(u->evict));
	u->received += p->got;
	u->eof = p->eof;
	if (!u->has_size)
		promise(
		    u, u->received > u->credit ? u->received - u->credit : 0);
	if (p->got > 0)
		upload_count_rate(u);
	/* A trickle does not hold a place for ever. */
	if (u->received - u->progress >= PROGRESS_MIN || u->eof)
		rearm_idle(u);
	if (u->state != UPLOAD_OPEN)
		upload_step(u);
	else if (!whole)
		upload_fail_volume(u);
	else if (p->error < 0)
		upload_fail_errno(u, p->error);
	else if (p->over && u->full)
		upload_fail_errno(u, -ENOSPC);
	else if (p->over && u->has_size)
		upload_fail(u, NX__STATUS__INVALID,
		    "more than the declared %" PRIu64 " bytes came",
		    u->declared);
	else if (p->over)
		upload_fail(u, NX__STATUS__QUOTA,
		    "the file does not fit into your quota: delete something "
		    "first");
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

	u->syncing--;
	c->id = put->id;
	c->sums = put->sums;
	for (size_t i = 0; i < put->n_places; i++) {
		const struct volume *v = put->places[i].owner;

		/* One that is being emptied does not count any more. */
		if (put->places[i].state == PUT_DONE &&
		    v->state == VOLUME_READY)
			c->volumes[c->n_replicas++] = v->key;
	}
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

void
upload_step(struct upload *u)
{
	if (u->state == UPLOAD_COMMITTING)
		return;
	if (u->state == UPLOAD_FAILED) {
		if (!u->pumping && u->syncing == 0)
			upload_settle(u);
		return;
	}
	if (u->pumping)
		return;
	if (u->put && u->put->size == 0 && u->eof) {
		volumes_put_done(u->us->s->volumes, u->put);
		u->put = chunk_put_free(u->put);
	}
	if (u->put && (u->put->size == CHUNK_SIZE || u->eof)) {
		int r = sync_chunk(u);

		if (r < 0) {
			upload_fail_errno(u, r);
			return;
		}
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

/* --- from elsewhere ---------------------------------------------------------*/

void
uploads_peer_gone(struct uploads *us, const struct nx_peer *peer)
{
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (u->peer != peer)
			continue;
		u->peer = NULL;
		u->dead = true;
		upload_fail(u, NX__STATUS__UNAVAILABLE, "the sender is gone");
	}
}

void
uploads_user_gone(struct uploads *us, uint64_t user)
{
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (u->owner == user)
			upload_fail(
			    u, NX__STATUS__NOT_FOUND, "this user was deleted");
	}
}

size_t
uploads_count(const struct uploads *us)
{
	return us->count;
}

uint64_t
uploads_oldest(const struct uploads *us)
{
	const struct upload *u = TAILQ_FIRST(&us->list);

	return u ? u->began : UINT64_MAX;
}
