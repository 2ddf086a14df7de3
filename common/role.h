/*
 * Who is who: the roles nexusd derives from the kernel-verified uid, and the
 * edges that exist between them. Nothing else exists.
 */
#ifndef NX_ROLE_H
#define NX_ROLE_H

#include <stdbool.h>
#include <stddef.h>

enum nx_role {
	NX_ROLE_NONE,
	NX_ROLE_SWITCH, /* nexusd itself */
	NX_ROLE_GATEWAY,
	NX_ROLE_STORAGE,
	NX_ROLE_NODE,
	NX_ROLE_NET,
	NX_ROLE_AUTH,
	NX_ROLE_MAIL,
	NX_ROLE_ADMIN,
	NX_ROLE_MAX
};
#define NX_ROLE_BIT(r) (1U << (r))

struct nx_edge {
	enum nx_role a, b;
};
/* The edge matrix of docs/architecture.md. */
extern const struct nx_edge nx_edges[];
extern const size_t nx_edges_count;

const char *nx_role_name(enum nx_role role); /* "storage" */
/* The system user a role runs as: "nexus-storage"; NULL for admin and none. */
const char *nx_role_user(enum nx_role role);
bool nx_role_edge(enum nx_role a, enum nx_role b);

#endif
