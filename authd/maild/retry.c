/* Exponential back-off with jitter. */
#include "authd/maild/retry.h"

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
maild_retry_at(const struct maild_retry *retry, unsigned tries, uint64_t now,
    uint64_t life, uint64_t end, uint32_t random)
{
	uint64_t most = least(retry->max_ms, life / 8), wait = retry->first_ms;

	while (tries > 1 && wait < retry->max_ms) {
		wait *= 2;
		tries--;
	}
	if (most < retry->first_ms)
		most = retry->first_ms;
	wait = least(wait, most);
	wait = wait / 2 + random % (wait - wait / 2 + 1);
	return now >= end ? end : now + least(wait, end - now);
}
