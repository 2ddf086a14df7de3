/* The roles, their users, and the edge matrix. docs/architecture.md draws it;
 * the tests walk every pair. */
#include "common/err.h"
#include "common/role.h"

static const struct {
	const char *name, *user;
} roles[NX_ROLE_MAX] = {
    [NX_ROLE_NONE] = {"none", NULL},
    [NX_ROLE_SWITCH] = {"switch", "nexus"},
    [NX_ROLE_GATEWAY] = {"gateway", "nexus-gateway"},
    [NX_ROLE_STORAGE] = {"storage", "nexus-storage"},
    [NX_ROLE_NODE] = {"node", "nexus-node"},
    [NX_ROLE_NET] = {"net", "nexus-net"},
    [NX_ROLE_AUTH] = {"auth", "nexus-auth"},
    [NX_ROLE_MAIL] = {"mail", "nexus-mail"},
    [NX_ROLE_ADMIN] = {"admin", NULL},
};

const struct nx_edge nx_edges[] = {
    {NX_ROLE_GATEWAY, NX_ROLE_AUTH},
    {NX_ROLE_GATEWAY, NX_ROLE_STORAGE},
    {NX_ROLE_GATEWAY, NX_ROLE_NODE},
    {NX_ROLE_NODE, NX_ROLE_STORAGE},
    {NX_ROLE_NODE, NX_ROLE_NET},
    {NX_ROLE_AUTH, NX_ROLE_STORAGE},
    {NX_ROLE_AUTH, NX_ROLE_NODE},
    {NX_ROLE_AUTH, NX_ROLE_MAIL},
    {NX_ROLE_ADMIN, NX_ROLE_AUTH},
    {NX_ROLE_ADMIN, NX_ROLE_NODE},
    {NX_ROLE_ADMIN, NX_ROLE_STORAGE},
    {NX_ROLE_ADMIN, NX_ROLE_NET},
    {NX_ROLE_ADMIN, NX_ROLE_MAIL},
};
const size_t nx_edges_count = NX_ARRAY_SIZE(nx_edges);

const char *
nx_role_name(enum nx_role role)
{
	return (unsigned)role < NX_ROLE_MAX ? roles[role].name : "unknown";
}

const char *
nx_role_user(enum nx_role role)
{
	return (unsigned)role < NX_ROLE_MAX ? roles[role].user : NULL;
}

bool
nx_role_edge(enum nx_role a, enum nx_role b)
{
	size_t i;

	for (i = 0; i < nx_edges_count; i++)
		if ((nx_edges[i].a == a && nx_edges[i].b == b) ||
		    (nx_edges[i].a == b && nx_edges[i].b == a))
			return true;
	return false;
}
