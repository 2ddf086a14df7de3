/*
 * User namespaces: writing the maps of a child, and namespaces that exist only
 * to describe the mapping of a mount.
 */
#ifndef NODEMGR_IDMAP_H
#define NODEMGR_IDMAP_H

#include <stdint.h>
#include <sys/types.h>

#define NX_ID_RANGE 65536U /* ids of a node */

/* @count ids from @inner on are @outer and following outside. */
struct nx_idmap {
	uint32_t inner_uid, inner_gid;
	uint32_t outer_uid, outer_gid;
	uint32_t count;
};

/* Writes uid_map and gid_map of @pid, a child in a new user namespace. Needs
 * SETUID and SETGID, and the caller to be dumpable. 0 or -errno. */
int nx_idmap_write(pid_t pid, const struct nx_idmap *map);
/* The user namespace of @pid. */
int nx_idmap_userns_of(pid_t pid);
/*
 * A user namespace that nobody is in, for mount_setattr(MOUNT_ATTR_IDMAP). A
 * short-lived child makes it. The descriptor or -errno.
 */
int nx_idmap_userns(const struct nx_idmap *map);

#endif
