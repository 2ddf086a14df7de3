/*
 * Looking through many entries for somebody, a bounded step at a time: all such
 * scans together take one step of about a millisecond in a turn of the loop, and
 * rest as long after it; users take turns. Loop's thread only.
 */
#ifndef STORAGED_SCAN_H
#define STORAGED_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/hub.h"
#include "storaged/storaged.h"

struct scan {
	TAILQ_ENTRY(scan) entry;
	uint64_t user;
	/* A step; false: it is over, and has freed itself. */
	bool (*step)(struct scan *scan);
	/* Frees it, when the program ends. */
	void (*drop)(struct scan *scan);
};

struct scans *scans_new(struct storaged *s);
/* Drops all. */
struct scans *scans_free(struct scans *ss);

/* Begins. False: the user, or all together, have too many under way. */
bool scans_add(struct scans *ss, struct scan *scan);

/* Says so. */
void scans_refuse(struct nx_request *r);

/* Microseconds a step may take. */
#define SCAN_STEP_US 1000U

#endif
