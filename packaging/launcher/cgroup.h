/*
 * The instance's own cgroup, below the root of the cgroup2 hierarchy:
 *
 *	nexus-up-<directory>/daemons	all daemons but nodemgr
 *	nexus-up-<directory>/nodemgr	nodemgr's, delegated; nodes are in there
 *
 * Its name follows from the directory, so that a later run finds what an
 * earlier one left. Killing it kills everything this instance ever started.
 */
#ifndef UP_CGROUP_H
#define UP_CGROUP_H

#include <sys/types.h>

#include "packaging/launcher/up.h"

/* Fills in up->cgroup. */
void up_cgroup_name(struct up *up);
/* Finds out whether memory, cpu and pids can be controlled in it. */
void up_cgroup_probe(struct up *up);
/* Makes it and gives nodemgr its part. Dies with a sentence. */
void up_cgroup_make(const struct up *up, uid_t uid, gid_t gid);
/* For a child: moves the calling process there. 0 or -errno. */
int up_cgroup_enter(const struct up *up, bool delegated);
/* How many processes are in it; 0 also when it does not exist. *ret_one, when
 * there are any: one of them. */
int up_cgroup_count(const struct up *up, pid_t *ret_one);
/* Kills what is in it, waits at most 5 s, removes it. 0, also when it did not
 * exist, or -errno. */
int up_cgroup_remove(const struct up *up);

#endif
