/*
 * When a mail that was not taken is tried again. Nothing here knows a clock.
 */
#ifndef MAILD_RETRY_H
#define MAILD_RETRY_H

#include <stdint.h>

struct maild_retry {
	uint64_t first_ms, max_ms; /* between two tries */
};

/*
 * The moment of the next try after @tries that failed, the last one at @now:
 * twice as long after each, at most max_ms, and at most an eighth of the mail's
 * life, so that one that lives for minutes is not forgotten for as long. Of that
 * at least half; the rest is @random, so that those that failed together do not
 * come back together. Never later than @end: who is woken then gives up.
 */
uint64_t maild_retry_at(const struct maild_retry *retry, unsigned tries,
    uint64_t now, uint64_t life, uint64_t end, uint32_t random);

#endif
