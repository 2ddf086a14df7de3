/*
 * One Nexus per bridge: two netd would both take nexus0 for their own, and the
 * first to end would take it from the other. The lock is a name in the network
 * namespace (an abstract socket), gone with the process that holds it.
 */
#ifndef NETD_LOCK_H
#define NETD_LOCK_H

/* @who: "netd", or "up" for the launcher, which holds its own for as long as it
 * runs, netd's restarts included. The fd to keep open, -EADDRINUSE, -errno. */
int netd_lock(const char *who, const char *bridge);

#endif
