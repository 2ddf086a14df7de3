/*
 * Leaving nothing behind, and saying so where that did not work.
 */
#ifndef UP_TIDY_H
#define UP_TIDY_H

#include "packaging/launcher/up.h"

enum up_tidy_when {
	UP_TIDY_BEFORE, /* what a run that was killed may have left */
	UP_TIDY_AFTER,  /* an orderly end: whatever is left is an error */
	UP_TIDY_KILLED, /* nexus-up is dead, its daemons may not be */
};

/*
 * Kills the instance's processes and removes its cgroup, bridge and links,
 * firewall table, socket and nexus.env, puts forwarding back, and waits for its
 * loop devices to be released. Bounded. Returns the number of things that were
 * left, or could not be removed, each said in a sentence.
 */
unsigned up_tidy(const struct up *up, enum up_tidy_when when);

#endif
