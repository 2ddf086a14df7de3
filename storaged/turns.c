/* See turns.h. */
#include <stdlib.h>

#include "common/err.h"
#include "storaged/turns.h"

struct turn_user {
	LIST_ENTRY(turn_user) entry;
	TAILQ_ENTRY(turn_user) in_line;
	STAILQ_HEAD(, turn) waiting;
	uint64_t id;
	size_t held;
};

void
turns_init(struct turns *ts, size_t held_max)
{
	*ts = (struct turns){.held_max = held_max};
	LIST_INIT(&ts->users);
	TAILQ_INIT(&ts->line);
}

static struct turn_user *
get_user(struct turns *ts, uint64_t id)
{
	struct turn_user *u;

	LIST_FOREACH(u, &ts->users, entry)
		if (u->id == id)
			return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->id = id;
	STAILQ_INIT(&u->waiting);
	LIST_INSERT_HEAD(&ts->users, u, entry);
	return u;
}

static void
put_user(struct turn_user *u)
{
	if (u->held > 0)
		return;
	nx_assert(STAILQ_EMPTY(&u->waiting));
	LIST_REMOVE(u, entry);
	free(u);
}

bool
turns_wait(struct turns *ts, struct turn *t, uint64_t user, size_t bytes)
{
	struct turn_user *u = get_user(ts, user);
	size_t left = ts->held_max - ts->held;

	nx_assert(bytes > 0);
	if (!u)
		return false;
	if (bytes > left || u->held + bytes > left) {
		put_user(u);
		return false;
	}
	if (STAILQ_EMPTY(&u->waiting))
		TAILQ_INSERT_TAIL(&ts->line, u, in_line);
	STAILQ_INSERT_TAIL(&u->waiting, t, entry);
	t->user = u;
	t->held = bytes;
	u->held += bytes;
	ts->held += bytes;
	ts->count++;
	return true;
}

struct turn *
turns_next(struct turns *ts)
{
	struct turn_user *u = TAILQ_FIRST(&ts->line);
	struct turn *t;

	if (!u)
		return NULL;
	t = STAILQ_FIRST(&u->waiting);
	nx_assert(t);
	STAILQ_REMOVE_HEAD(&u->waiting, entry);
	TAILQ_REMOVE(&ts->line, u, in_line);
	if (!STAILQ_EMPTY(&u->waiting))
		TAILQ_INSERT_TAIL(&ts->line, u, in_line);
	return t;
}

void
turns_end(struct turns *ts, struct turn *t)
{
	struct turn_user *u = t->user;

	nx_assert(u->held >= t->held && ts->held >= t->held && ts->count > 0);
	u->held -= t->held;
	ts->held -= t->held;
	ts->count--;
	put_user(u);
}
