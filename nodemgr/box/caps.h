/*
 * Capabilities of what runs inside.
 */
#ifndef NODEMGR_CAPS_H
#define NODEMGR_CAPS_H

#include <linux/capability.h>
#include <stdint.h>

#define NX_CAP(c) (1ULL << CAP_##c)
/*
 * What root of a node keeps, within its own user namespace: podman's default,
 * all of which a user namespace confines to the node's own files and processes.
 * Without NET_ADMIN a node cannot change its address, and without SYS_ADMIN and
 * SYS_PTRACE not what nexus-init guards.
 */
#define NX_CAPS_NODE                                                          \
	(NX_CAP(CHOWN) | NX_CAP(DAC_OVERRIDE) | NX_CAP(FOWNER) |              \
	    NX_CAP(FSETID) | NX_CAP(KILL) | NX_CAP(SETGID) | NX_CAP(SETUID) | \
	    NX_CAP(SETPCAP) | NX_CAP(SETFCAP) | NX_CAP(NET_BIND_SERVICE) |    \
	    NX_CAP(SYS_CHROOT))

/* Drops everything but @keep from the bounding set, then from the others; the
 * inheritable and ambient sets end empty. 0 or -errno. */
int nx_caps_keep(uint64_t keep);
/* Becomes @uid and @gid, without groups, and keeps all capabilities. */
int nx_ids_become(uint32_t uid, uint32_t gid);

#endif
