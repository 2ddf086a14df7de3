/*
 * How fast scrubbing may read: so many bytes a second and such a share of a
 * core, both measured after each part that was read. Between the files of care
 * only.
 */
#ifndef STORAGED_SCRUB_PACE_H
#define STORAGED_SCRUB_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct scrub_part {
	uint64_t bytes;
	uint64_t cpu_us;  /* of our threads */
	uint64_t took_us; /* from beginning to end */
	bool crowded;     /* every thread of uploads and downloads has work */
};

/* How long to rest after @part, in microseconds. @rate: bytes a second, not 0;
 * @cpu: percent of a core, 1 to 100. */
uint64_t scrub_rest(uint64_t rate, uint64_t cpu, const struct scrub_part *part);

#endif
