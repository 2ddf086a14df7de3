/*
 * The owner of a box: the first id of its range outside, and not nodemgr.
 *
 * What the kernel counts per user, it counts for the owner of a user namespace,
 * too, against the limits he had when he made it: processes, pending signals,
 * message queues (since Linux 5.14), inotify (since 4.9). Made by one uid, all
 * boxes would share what one user may have, and one of them could take it all.
 * So each is made, entered and signalled by a uid that no other box has. nodemgr
 * takes it on for that moment, in one thread, as the effective one.
 */
#ifndef NODEMGR_OWNER_H
#define NODEMGR_OWNER_H

#include <stdint.h>

/*
 * This thread acts as @owner, but its files stay nodemgr's (the cgroup, the way
 * to the scratch place); with nx_owner_files() those are @owner's, too (the maps
 * of a child that he made). nx_owner_return() follows, except in a child that
 * goes its own way. 0, or -errno and nothing has changed.
 */
int nx_owner_take(uint32_t owner);
int nx_owner_files(uint32_t owner);
void nx_owner_return(void);

/* A signal for a process in a box of @owner's. 0 or -errno. */
int nx_owner_signal(uint32_t owner, int pidfd, int sig);

#endif
