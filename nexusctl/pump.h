/*
 * A pump: bytes from one descriptor to another, in one direction, on the event
 * loop. Of the two, the one that is the caller's own is shared with whoever
 * called nexusctl, and is therefore never made non-blocking: it is read and
 * written when poll(2) says so, and no more at once than a pipe that is ready
 * is sure to take.
 */
#ifndef NEXUSCTL_PUMP_H
#define NEXUSCTL_PUMP_H

#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct ctl_pump {
	int from, to;
	struct event *readable, *writable;
	char buffer[PIPE_BUF];
	size_t at, len;
	bool over;   /* nothing more to read, or nobody to write to */
	bool broken; /* the latter */
	/* once, when it is over, from the loop; may be NULL */
	void (*on_over)(struct ctl_pump *p);
	void *arg;
};

/* Starts it. Borrows @from and @to. @base must take descriptors of any kind
 * (EV_FEATURE_FDS). 0 or -ENOMEM. */
int
ctl_pump_start(struct ctl_pump *p, struct event_base *base, int from, int to);
/* Moves what is there now, at most @max bytes, waiting for the writing only.
 * For the end: @from must be non-blocking. */
void ctl_pump_drain(struct ctl_pump *p, size_t max);
/* Fine for one that was never started, if zeroed. */
void ctl_pump_stop(struct ctl_pump *p);

#endif
