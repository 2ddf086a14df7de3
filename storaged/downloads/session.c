/*
 * Who reads what, for as long as it takes. The pins themselves are the
 * catalogue's: it keeps the rows of a pinned file that was deleted, and so its
 * chunks. They go with the process, as the readers do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/care.h"
#include "storaged/chunks/chunks.h"
#include "storaged/downloads/downloads.h"
#include "storaged/downloads/session.h"

#define SESSIONS_MAX  1024U
#define SESSIONS_USER 128U
#define IDLE_US       3600000000ULL
#define LOOK_S        60 /* between looks for idle ones */
#define SENT_S        2  /* and at what is on its way */

struct downloads {
	struct storaged *s;
	struct reads reads;
	TAILQ_HEAD(, session) sessions;
	size_t count;
	uint64_t next_id;
	struct event *look;
	struct event *sent; /* pending while something is on its way */
};

static void
look_later(struct downloads *ds)
{
	struct timeval tv = {.tv_sec = LOOK_S};

	(void)evtimer_add(ds->look, &tv);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct downloads *ds = arg;
	struct session *se, *next;
	uint64_t now = nx_now_us();

	(void)fd;
	(void)what;
	for (se = TAILQ_FIRST(&ds->sessions); se; se = next) {
		next = TAILQ_NEXT(se, entry);
		if (now - se->used >= IDLE_US)
			session_end(se);
	}
	if (ds->count > 0)
		look_later(ds);
}

static void
on_sent(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sending_look();
	downloads_sent(arg);
}

void
downloads_sent(struct downloads *ds)
{
	const struct timeval tv = {.tv_sec = SENT_S};

	if (sending_bytes() > 0 && !evtimer_pending(ds->sent, NULL))
		(void)evtimer_add(ds->sent, &tv);
}

struct downloads *
downloads_new(struct storaged *s)
{
	struct downloads *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return NULL;
	ds->s = s;
	reads_init(&ds->reads, s);
	/* A number given before a restart means nothing now, least of all
	 * another file of the same user. */
	if (getrandom(&ds->next_id, sizeof(ds->next_id), 0) !=
	    sizeof(ds->next_id)) {
		free(ds);
		return NULL;
	}
	ds->next_id = (ds->next_id >> 1) + 1;
	TAILQ_INIT(&ds->sessions);
	ds->look = evtimer_new(s->base, on_look, ds);
	ds->sent = evtimer_new(s->base, on_sent, ds);
	return ds->look && ds->sent ? ds : downloads_free(ds);
}

struct downloads *
downloads_free(struct downloads *ds)
{
	struct session *se;

	if (!ds)
		return NULL;
	/* The pins go with the process. */
	while ((se = TAILQ_FIRST(&ds->sessions))) {
		nx_assert(se->busy == 0);
		TAILQ_REMOVE(&ds->sessions, se, entry);
		free(se);
	}
	if (ds->look)
		event_free(ds->look);
	if (ds->sent)
		event_free(ds->sent);
	free(ds);
	return NULL;
}

struct reads *
downloads_reads(struct downloads *ds)
{
	return &ds->reads;
}

static size_t
sessions_of(const struct downloads *ds, uint64_t user)
{
	const struct session *se;
	size_t n = 0;

	TAILQ_FOREACH(se, &ds->sessions, entry)
		n += se->user == user;
	return n;
}

struct session *
session_begin(struct downloads *ds, const struct nx_peer *peer, uint64_t user,
    const struct catalog_file *file)
{
	struct session *se;

	if (ds->count >= SESSIONS_MAX || sessions_of(ds, user) >= SESSIONS_USER)
		return NULL;
	se = calloc(1, sizeof(*se));
	if (!se)
		return NULL;
	if (catalog_pin(ds->s->catalog, file->content) < 0) {
		free(se);
		return NULL;
	}
	*se = (struct session){.downloads = ds,
	    .id = ds->next_id++,
	    .peer = peer,
	    .user = user,
	    .file = *file,
	    .used = nx_now_us()};
	TAILQ_INSERT_TAIL(&ds->sessions, se, entry);
	if (ds->count++ == 0)
		look_later(ds);
	return se;
}

struct session *
session_find(struct downloads *ds, const struct nx_peer *peer, uint64_t user,
    uint64_t id)
{
	struct session *se;

	TAILQ_FOREACH(se, &ds->sessions, entry)
		if (se->id == id && se->peer == peer && se->user == user &&
		    !se->ended) {
			se->used = nx_now_us();
			return se;
		}
	return NULL;
}

static void
session_free(struct session *se)
{
	struct downloads *ds = se->downloads;

	nx_assert(se->ended && se->busy == 0 && ds->count > 0);
	TAILQ_REMOVE(&ds->sessions, se, entry);
	ds->count--;
	if (catalog_unpin(ds->s->catalog, se->file.content) > 0)
		collector_kick(ds->s->collector);
	free(se);
}

void
session_hold(struct session *se)
{
	se->busy++;
}

void
session_release(struct session *se)
{
	nx_assert(se->busy > 0);
	se->used = nx_now_us();
	if (--se->busy == 0 && se->ended)
		session_free(se);
}

void
session_end(struct session *se)
{
	if (se->ended)
		return;
	se->ended = true;
	if (se->busy == 0)
		session_free(se);
}

/* --- from elsewhere ---------------------------------------------------------*/

void
downloads_peer_gone(struct downloads *ds, const struct nx_peer *peer)
{
	struct session *se, *next;

	for (se = TAILQ_FIRST(&ds->sessions); se; se = next) {
		next = TAILQ_NEXT(se, entry);
		if (se->peer == peer)
			session_end(se);
	}
}

void
downloads_user_gone(struct downloads *ds, uint64_t user)
{
	struct session *se, *next;

	for (se = TAILQ_FIRST(&ds->sessions); se; se = next) {
		next = TAILQ_NEXT(se, entry);
		if (se->user == user || se->file.owner == user)
			session_end(se);
	}
}

size_t
downloads_count(const struct downloads *ds)
{
	return ds->count;
}
