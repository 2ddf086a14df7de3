/*
 * A link's name and alias, written and read back. An alias that is not exactly
 * what we would write is nobody's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netd/bridge.h"
#include "netd/owner.h"

int
netd_owner_parse(const char *alias, struct netd_owner *ret_owner)
{
	char address[INET_ADDRSTRLEN], again[NETD_ALIAS_LEN + 1];
	struct netd_owner o = {0};
	struct in_addr in;

	if (sscanf(alias, "%32s %15s %" SCNu32, o.node, address, &o.user) !=
		3 ||
	    !nx_id_valid(o.node) || inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;
	o.address = ntohl(in.s_addr);
	/* Only what we would have written ourselves. */
	netd_owner_format(&o, again);
	if (strcmp(alias, again) != 0)
		return -EINVAL;
	*ret_owner = o;
	return 0;
}

void
netd_owner_format(const struct netd_owner *o, char alias[NETD_ALIAS_LEN + 1])
{
	uint32_t a = o->address;

	snprintf(alias, NETD_ALIAS_LEN + 1, "%.32s %u.%u.%u.%u %" PRIu32,
	    o->node, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, o->user);
}

void
netd_owner_ifname(
    const char *node, unsigned generation, char name[NETD_IFNAME_LEN + 1])
{
	snprintf(name, NETD_IFNAME_LEN + 1, NETD_LINK_PREFIX "%.10s%x", node,
	    generation % NETD_GENERATIONS);
}

bool
netd_owner_is_link(const struct netd_link *link, const char *bridge)
{
	return link->group == netd_group(bridge) &&
	    strcmp(link->kind, "veth") == 0;
}

void
netd_owner_binding(const struct netd_link *link, const struct netd_owner *o,
    struct netd_binding *ret_binding)
{
	*ret_binding =
	    (struct netd_binding){.address = o->address, .user = o->user};
	memcpy(ret_binding->ifname, link->name, sizeof(link->name));
	netd_mac(o->address, ret_binding->mac);
}

struct bindings {
	const char *bridge;
	struct netd_binding *all;
	size_t n, size;
};

static int
on_link(const struct netd_link *link, void *arg)
{
	struct bindings *b = arg;
	struct netd_owner o;
	void *more;

	if (!netd_owner_is_link(link, b->bridge) ||
	    netd_owner_parse(link->alias, &o) < 0)
		return 0;
	if (b->n == b->size) {
		b->size = b->size ? b->size * 2 : 16;
		more = reallocarray(b->all, b->size, sizeof(*b->all));
		if (!more)
			return -ENOMEM;
		b->all = more;
	}
	netd_owner_binding(link, &o, &b->all[b->n++]);
	return 0;
}

int
netd_owner_bindings(
    int rtnl, const char *bridge, struct netd_binding **ret, size_t *ret_n)
{
	struct bindings b = {.bridge = bridge};
	int r = netd_link_each(rtnl, on_link, &b);

	if (r < 0) {
		free(b.all);
		return r;
	}
	*ret = b.all;
	*ret_n = b.n;
	return 0;
}
