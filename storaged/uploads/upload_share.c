/*
 * What one user may take of what all share: the places for uploads under way.
 * Trusts nobody: every bound here was once met by somebody on purpose. Loop's
 * thread only.
 */
#include <inttypes.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/upload_internal.h"

#define WINDOW_US   10000000ULL /* over which a rate is looked at */
#define JUDGE_US    5000000ULL  /* a shorter time says nothing */
#define SLOW_RATE   8192U       /* bytes per second */
#define SHARE_PARTS 4U          /* one user has at most a quarter */

/* --- how fast it comes ------------------------------------------------------*/

void
upload_count_rate(struct upload *u)
{
	uint64_t now = nx_now_us(), took = now - u->window_began;

	if (took < WINDOW_US)
		return;
	u->rate = (u->received - u->window_start) * 1000000 / took;
	u->window_began = now;
	u->window_start = u->received;
}

/* Bytes per second lately; while it waits for us, or is too young to tell, as
 * fast as can be. */
static uint64_t
rate_of(const struct upload *u, uint64_t now)
{
	uint64_t took = now - u->window_began;

	if (u->pumping || u->syncing > 0 || u->eof || u->state != UPLOAD_OPEN)
		return UINT64_MAX;
	if (took < JUDGE_US)
		return u->rate;
	return (u->received - u->window_start) * 1000000 / took;
}

/* --- places -----------------------------------------------------------------*/

/* Those that have failed hold nothing but their answer. */
static size_t
places_of(const struct uploads *us, uint64_t owner)
{
	const struct upload *u;
	size_t n = 0;

	TAILQ_FOREACH(u, &us->list, entry)
		n += u->in.owner == owner && u->state != UPLOAD_FAILED;
	return n;
}

static size_t
places_taken(const struct uploads *us)
{
	const struct upload *u;
	size_t n = 0;

	TAILQ_FOREACH(u, &us->list, entry)
		n += u->state != UPLOAD_FAILED;
	return n;
}

/* The slowest upload of whoever has most places. Who has @own of them already
 * takes none from those who would have fewer then. NULL: nobody is slow. */
static struct upload *
find_slow(const struct uploads *us, size_t own)
{
	uint64_t now = nx_now_us(), slowest = SLOW_RATE;
	struct upload *u, *found = NULL;
	size_t most = own > 0 ? own + 2 : 1;

	TAILQ_FOREACH(u, &us->list, entry) {
		uint64_t rate = rate_of(u, now);
		size_t places;

		if (rate >= SLOW_RATE)
			continue;
		places = places_of(us, u->in.owner);
		if (places < most || (places == most && rate >= slowest))
			continue;
		most = places;
		slowest = rate;
		found = u;
	}
	return found;
}

bool
upload_take_place(struct uploads *us, uint64_t user)
{
	uint64_t max = us->s->conf.max_uploads, share = max / SHARE_PARTS;
	size_t own = 0, all = us->count;
	const struct upload *u;
	struct upload *slow;

	/* The user's own failed ones count for the user: whoever leaves them
	 * lying about waits until they are gone. */
	TAILQ_FOREACH(u, &us->list, entry)
		own += u->in.owner == user;
	if (own >= (share > 0 ? share : 1))
		return false;
	if (all < max || places_taken(us) < max)
		return true;
	slow = find_slow(us, own);
	if (!slow)
		return false;
	nx_info("event=upload-gave-way upload=%" PRIu64 " owner=%" PRIu64
		" bytes=%" PRIu64,
	    slow->id, slow->in.owner, slow->received);
	upload_fail(slow, NX__STATUS__DEADLINE,
	    "too little of it came while others waited for a place: send the "
	    "file again");
	return places_taken(us) < max;
}
