/*
 * Whose dead records there are. A record is dead as soon as its row has gone, and
 * takes room until a walk has come by: some seconds, in which whoever overwrites
 * small files as fast as they can could fill the volumes for all. So when much has
 * died a walk begins at once, and of each user it is known how much it is.
 */
#include <stdlib.h>

#include "storaged/care/compact_internal.h"

#define MUCH (16U << 20) /* a segment full */

static struct dead *
find(const struct compact *c, uint64_t user)
{
	struct dead *d;

	LIST_FOREACH(d, &c->deads, entry)
		if (d->user == user)
			return d;
	return NULL;
}

/* What of it retires takes as long: a walk sooner than that frees no more. */
void
compact_want(struct compact *c)
{
	uint64_t soon = c->walked_us + c->wait_us;

	if (c->look_us > soon)
		c->look_us = soon;
}

void
compact_died(uint64_t user, uint64_t bytes, void *arg)
{
	struct compact *c = arg;
	struct dead *d = find(c, user);

	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return; /* the next of theirs is noted */
		d->user = user;
		LIST_INSERT_HEAD(&c->deads, d, entry);
	}
	d->bytes[0] += bytes;
	c->died += bytes;
	if (c->died > MUCH)
		compact_want(c);
}

void
compact_dead_walk(struct compact *c)
{
	struct dead *d, *next;

	c->died = 0;
	c->walked_us = nx_now_us();
	for (d = LIST_FIRST(&c->deads); d; d = next) {
		next = LIST_NEXT(d, entry);
		d->bytes[2] = d->bytes[1];
		d->bytes[1] = d->bytes[0];
		d->bytes[0] = 0;
		if (d->bytes[1] + d->bytes[2] > 0)
			continue;
		LIST_REMOVE(d, entry);
		free(d);
	}
}

uint64_t
compact_dead(const struct compact *c, uint64_t user)
{
	const struct dead *d = find(c, user);

	return d ? d->bytes[0] + d->bytes[1] + d->bytes[2] : 0;
}

void
compact_dead_fini(struct compact *c)
{
	struct dead *d;

	if (c->running)
		catalog_on_died(c->s->catalog, NULL, NULL);
	while ((d = LIST_FIRST(&c->deads))) {
		LIST_REMOVE(d, entry);
		free(d);
	}
}
