/*
 * How many files have fewer replicas than they want, without ever counting all
 * of them in one turn of the loop. As long as they are few whoever asks gets the
 * number of the moment; beyond that it is counted in steps, over and over, and
 * what is said is what the last count came to.
 */
#include "storaged/care/healer_internal.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

#define REST_US \
	50000 /* after a step, which takes less than a hundredth of it */

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval rest = {.tv_usec = REST_US};
	struct healer *h = arg;
	int n =
	    catalog_degraded_count(h->s->catalog, &h->tally.after, TALLY_SLICE);

	(void)fd;
	(void)what;
	if (n > 0)
		h->tally.n += (uint64_t)n;
	if (n == TALLY_SLICE) {
		(void)evtimer_add(h->tally.step, &rest);
		return;
	}
	h->tally.counting = false;
	if (n >= 0)
		h->tally.known = h->tally.n;
}

bool
tally_init(struct healer *h)
{
	h->tally.step = evtimer_new(h->s->base, on_step, h);
	return h->tally.step != NULL;
}

void
tally_fini(struct healer *h)
{
	if (h->tally.step)
		event_free(h->tally.step);
}

void
tally_tick(struct healer *h)
{
	if (h->tally.counting)
		return;
	h->tally.counting = true;
	h->tally.after = 0;
	h->tally.n = 0;
	on_step(-1, 0, h);
}

int
healer_degraded(struct healer *h, uint64_t *ret_files)
{
	int64_t after = 0;
	int n = catalog_degraded_count(h->s->catalog, &after, TALLY_SLICE);

	if (n < 0)
		return n;
	*ret_files = (uint64_t)n;
	if (n == TALLY_SLICE && h->tally.known > *ret_files)
		*ret_files = h->tally.known;
	return 0;
}
