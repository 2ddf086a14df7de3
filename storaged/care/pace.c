/*
 * The pace of what nobody waits for.
 *
 * A step holds the loop for about a millisecond, and each thousand pages or so
 * of the log one of them pays for a checkpoint, which is two syncs and as many
 * random writes: some fifty milliseconds. A request that comes in one of these
 * waits for it. So that of a hundred requests fewer than one does, others are
 * left 99 of 100 parts of the time as soon as there are any.
 */
#include "common/id.h"
#include "storaged/care/pace.h"

#define QUIET_US   1000000 /* without a request: nobody is there */
#define SHARE      100     /* of the time, beside others */
#define BESIDE_US  100000  /* between two steps at least, beside others */
#define ALONE_US   1000
#define LONGEST_US 30000000

bool
pace_others(struct pace *p, const struct storaged *s)
{
	uint64_t now = nx_now_us();
	uint64_t requests = s->hub ? nx_hub_stats(s->hub).requests : 0;

	if (requests != p->requests) {
		p->requests = requests;
		p->seen_at = now;
	}
	return p->seen_at != 0 && now - p->seen_at < QUIET_US;
}

uint64_t
pace_rest(struct pace *p, const struct storaged *s, uint64_t took)
{
	bool others = pace_others(p, s);
	uint64_t least = others ? BESIDE_US : ALONE_US;
	uint64_t us = others ? took * (SHARE - 1) : took;

	if (us > LONGEST_US)
		us = LONGEST_US;
	return us > least ? us : least;
}
