/*
 * Whose turn it is to have a window checked, which may read a hundred megabytes.
 * Uploads use the same threads: reads have at most three quarters of them, and
 * users take turns, so that who asks for very many windows holds up nobody but
 * themselves. Loop's thread only.
 */
#ifndef STORAGED_READS_H
#define STORAGED_READS_H

#include "common/hub.h"
#include "storaged/storaged.h"
#include "storaged/turns.h"

/* Embedded in what is read for; the first five are its maker's. */
struct read {
	struct nx_request *request;
	size_t bytes;            /* that it holds until it is done */
	void (*work)(void *arg); /* in a thread */
	/* In the loop's thread. @error: the work was not done. */
	void (*done)(int error, void *arg);
	void *arg;
	struct reads *reads;
	struct turn turn;
};

struct reads {
	struct storaged *s;
	struct turns turns;
	unsigned running;
	bool starting;
};

void reads_init(struct reads *rs, struct storaged *s);
/* False: so much of that user waits that there is no memory for more; nothing was
 * done. */
bool reads_add(struct reads *rs, struct read *r);

#endif
