/*
 * A second process that does nothing but outlive the first: when nexus-up is
 * killed, its guard kills and tidies up what nexus-up no longer can.
 */
#ifndef UP_GUARD_H
#define UP_GUARD_H

#include <sys/types.h>

#include "packaging/launcher/up.h"

struct up_guard {
	pid_t pid;
	int pipe; /* closed without a word: nexus-up is dead */
};

/* Dies with a sentence. */
void up_guard_start(struct up *up, struct up_guard *ret_guard);
/* All is tidy: ends the guard. */
void up_guard_dismiss(struct up_guard *g);

#endif
