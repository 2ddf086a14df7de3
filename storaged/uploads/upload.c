/*
 * Making, failing and freeing uploads, and what ends them from outside. How
 * one flows is in upload_flow.c. Loop's thread only.
 *
 *	OPEN ---- FINISH, and everything durable ----> COMMITTING ----> answered
 *	  |                                                 |
 *	  |  whatever goes wrong                            |  refused
 *	  v                                                 |
 *	FAILED <--------------------------------------------+
 *	  |
 *	  +---- FINISH, ABORT, its peer gone, idle ----> gone
 *
 * FAILED keeps why, for the FINISH that asks; everything else is undone as soon
 * as the jobs that hold it are back. The first reason counts.
 */
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
#include "storaged/trees/trees.h"
#include "storaged/uploads/put.h"
#include "storaged/uploads/upload_stripe.h"

/* --- making and freeing -----------------------------------------------------*/

struct uploads *
uploads_new(struct storaged *s)
{
	struct uploads *us = calloc(1, sizeof(*us));

	if (!us)
		return NULL;
	us->s = s;
	us->puts = puts_new(s);
	us->stock = stock_new();
	/* A number given before a restart means nothing now, least of all
	 * somebody's new upload. */
	if (!us->puts || !us->stock ||
	    getrandom(&us->first_id, sizeof(us->first_id), 0) !=
		sizeof(us->first_id)) {
		puts_free(us->puts);
		stock_free(us->stock);
		free(us);
		return NULL;
	}
	us->first_id = (us->first_id >> 1) + 1;
	us->next_id = us->first_id;
	TAILQ_INIT(&us->list);
	LIST_INIT(&us->intents);
	volumes_on_going(s->volumes, uploads_volume_going, us);
	return us;
}

bool
uploads_gave(const struct uploads *us, uint64_t id)
{
	return id >= us->first_id && id < us->next_id;
}

struct upload *
upload_new(struct uploads *us, uint64_t owner)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->us = us;
	intent_init(&u->in, us->s, owner);
	u->id = us->next_id++;
	u->pipe = -1;
	u->began = nx_wall_us() / 1000000;
	u->window_began = nx_now_us();
	u->rate = UINT64_MAX;
	STAILQ_INIT(&u->marks);
	TAILQ_INSERT_TAIL(&us->list, u, entry);
	us->count++;
	return u;
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
	nx_assert(
	    !u->pumping && u->syncing == 0 && !u->committing && !u->finish);
	upload_stop_reading(u);
	if (u->idle)
		event_free(u->idle);
	upload_stripe_free(u);
	upload_unmark(u);
	intent_fini(&u->in);
	TAILQ_REMOVE(&u->us->list, u, entry);
	u->us->count--;
	free(u->chunks);
	free(u);
}

void
uploads_stop(struct uploads *us)
{
	struct upload *u, *next;

	puts_stop(us->puts);
	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		u->dead = true;
		upload_fail(u, NX__STATUS__UNAVAILABLE, INTENT_STOPPING);
	}
}

struct uploads *
uploads_free(struct uploads *us)
{
	if (us) {
		nx_assert(TAILQ_EMPTY(&us->list));
		puts_free(us->puts);
		stock_free(us->stock);
		free(us);
	}
	return NULL;
}

/* --- failing ----------------------------------------------------------------*/

void
upload_settle(struct upload *u)
{
	struct nx_request *r = nx_take_ptr(u->finish);

	nx_assert(u->state == UPLOAD_FAILED && !u->pumping && u->syncing == 0);
	upload_stop_reading(u);
	upload_stripe_free(u);
	if (u->lane || u->chunks) {
		upload_discard(u->us->s, lane_free(nx_take_ptr(u->lane)),
		    u->chunks, u->n_chunks);
		u->chunks = NULL;
		u->n_chunks = 0;
	}
	intent_promise(&u->in, 0);
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
		u->in.lapsed = true;
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
	char text[384];
	Nx__Status status =
	    intent_store_sentence(&u->in, error, text, sizeof(text));

	upload_fail(u, status, "%s", text);
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
		if (u->in.owner == user)
			upload_fail(
			    u, NX__STATUS__NOT_FOUND, "this user was deleted");
	}
}

uint64_t
uploads_room_taken(const struct uploads *us)
{
	const struct upload *u;
	uint64_t taken = 0, rest;

	TAILQ_FOREACH(u, &us->list, entry) {
		if (!u->in.has_size || u->in.declared <= u->received)
			continue;
		rest = intent_takes(&u->in, u->in.declared - u->received);
		taken = taken > UINT64_MAX - rest ? UINT64_MAX : taken + rest;
	}
	return taken;
}

size_t
uploads_count(const struct uploads *us)
{
	return us->count + puts_count(us->puts);
}

uint64_t
uploads_oldest(const struct uploads *us)
{
	const struct upload *u = TAILQ_FIRST(&us->list);
	uint64_t put = puts_oldest(us->puts);

	return u && u->began < put ? u->began : put;
}
