/*
 * Capabilities of what runs inside.
 */
#ifndef NODEMGR_CAPS_H
#define NODEMGR_CAPS_H

#include <stdint.h>

/* What root of a node keeps, within its own user namespace. */
extern const uint64_t nx_caps_node;

/* Drops everything but @keep from the bounding set, then from the others; the
 * inheritable and ambient sets end empty. 0 or -errno. */
int nx_caps_keep(uint64_t keep);
/* Becomes @uid and @gid, without groups, and keeps all capabilities. */
int nx_ids_become(uint32_t uid, uint32_t gid);

#endif
