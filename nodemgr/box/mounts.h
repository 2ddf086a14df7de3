/*
 * nodemgr's own mount namespace, with what it needs and nothing else: every
 * node's first process begins with a copy of it, and has it for as long as it
 * takes to leave.
 */
#ifndef NODEMGR_MOUNTS_H
#define NODEMGR_MOUNTS_H

/*
 * Leaves the host's mount namespace; what is mounted from here on shows nowhere
 * else, what the host unmounts goes here, too. Then unmounts everything that is
 * not on the way to one of @keep (NULL-terminated, absolute) nor below the
 * first of them. 0 or -errno.
 */
int nx_mounts_own(const char *const *keep);

#endif
