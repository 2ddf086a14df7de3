/*
 * The nodes' links. The kernel keeps them; here is only which have to go soon.
 *
 * The life of a link:
 *
 *	made		one request to the kernel: the pair, its bridge, our
 *			group, the far end in the node's namespace. There is no
 *			moment in which it is half ours.
 *	owned		its alias says whose it is. Without one (we died in
 *			between) it is ours by its group and name, and sends
 *			nothing past a filter: no set knows it.
 *	bound		the sets of the firewall let it send; only then is the
 *			inside given its address and route, and nodemgr told
 *	condemned	out of the sets at once, and on the list: the end of
 *			the node's namespace removes it for nothing, or we do
 *			when its second has passed
 *
 * A name is used again (NETD_GENERATIONS of them per node) while an earlier link
 * is still condemned, so whatever comes later is told apart by its number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "netd/bridge.h"
#include "netd/inside.h"
#include "netd/links.h"

#define CONDEMNED_MAX 256
#define GRACE_MS      1000
#define NEXT_MS       20 /* between two that we remove: others get a turn */

struct condemned {
	uint64_t due_us;
	uint32_t index;
	char name[NETD_IFNAME_LEN + 1];
};

struct netd_links {
	struct netd_links_config c;
	struct event *timer;
	struct condemned condemned[CONDEMNED_MAX];
	size_t n_condemned;
};

/* --- removing ---------------------------------------------------------------
 *
 * The list is in the order of condemnation, which is that of falling due. Its
 * timer is armed whenever it is not empty.
 */

static void
arm(struct netd_links *l, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(l->timer, &tv);
}

/* Only if it is still the same link: numbers and names are used again. */
static void
execute(struct netd_links *l, const struct condemned *c)
{
	struct netd_link link;

	if (netd_link_get(l->c.rtnl, c->name, netd_soon(), &link) == 0 &&
	    link.index == c->index && netd_owner_is_link(&link, l->c.bridge) &&
	    netd_link_delete(l->c.rtnl, link.index) == 0)
		nx_info("event=link-removed link=%s", c->name);
}

/* The first is the one that has waited longest. */
static void
execute_first(struct netd_links *l)
{
	struct condemned first = l->condemned[0];

	nx_assert(l->n_condemned > 0 && l->n_condemned <= CONDEMNED_MAX);
	memmove(
	    l->condemned, l->condemned + 1, --l->n_condemned * sizeof(first));
	execute(l, &first);
}

/* One per turn: each costs the kernel some 33 ms, in which we serve nobody. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct netd_links *l = arg;
	uint64_t now = nx_now_us();

	(void)fd, (void)what;
	if (l->n_condemned && l->condemned[0].due_us <= now)
		execute_first(l);
	if (l->n_condemned == 0)
		return;
	arm(l,
	    l->condemned[0].due_us <= now
		? NEXT_MS
		: (unsigned)((l->condemned[0].due_us - now) / 1000) + 1);
}

/* May send nothing any more. */
static void
unbind(struct netd_links *l, const struct netd_link *link,
    const struct netd_owner *o)
{
	struct netd_binding b;

	if (l->c.nfnl < 0)
		return;
	netd_owner_binding(link, o, &b);
	(void)netd_sets_bind(l->c.nfnl, l->c.bridge, &b, false);
}

/* Silent at once, gone soon. Once is enough: it may be asked for again as often as
 * an attach or a detach finds it. A full list costs its oldest the grace. */
static void
condemn(struct netd_links *l, const struct netd_link *link)
{
	struct netd_owner o;
	struct condemned *c;

	if (netd_owner_parse(link->alias, &o) == 0)
		unbind(l, link, &o);
	for (size_t i = 0; i < l->n_condemned; i++)
		if (l->condemned[i].index == link->index)
			return;
	if (l->n_condemned == CONDEMNED_MAX)
		execute_first(l);
	nx_assert(l->n_condemned < CONDEMNED_MAX);
	c = &l->condemned[l->n_condemned++];
	c->due_us = nx_now_us() + GRACE_MS * 1000;
	c->index = link->index;
	memcpy(c->name, link->name, sizeof(c->name));
	nx_assert(l->n_condemned == 1 ||
	    l->condemned[l->n_condemned - 2].due_us <= c->due_us);
	if (!evtimer_pending(l->timer, NULL))
		arm(l, GRACE_MS);
}

int
netd_links_detach(struct netd_links *l, const char *node)
{
	char name[NETD_IFNAME_LEN + 1];
	struct netd_link link;
	int r;

	for (unsigned g = 0; g < NETD_GENERATIONS; g++) {
		netd_owner_ifname(node, g, name);
		r = netd_link_get(l->c.rtnl, name, netd_soon(), &link);
		if (r == 0 && netd_owner_is_link(&link, l->c.bridge))
			condemn(l, &link);
		else if (r < 0 && r != -ENODEV)
			return r;
	}
	return 0;
}

/* --- adding -----------------------------------------------------------------*/

static struct nl_msg *
new_veth(const char *bridge, uint32_t master, const char *name,
    uint32_t address, int netns)
{
	struct nl_msg *msg = netd_link_msg(
	    RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
	struct nlattr *info = NULL, *data = NULL, *peer = NULL;
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	uint8_t mac[6];

	netd_mac(address, mac);
	if (!msg || nla_put_string(msg, IFLA_IFNAME, name) < 0 ||
	    nla_put_u32(msg, IFLA_GROUP, netd_group(bridge)) < 0 ||
	    nla_put_u32(msg, IFLA_MASTER, master) < 0 ||
	    !(info = nla_nest_start(msg, IFLA_LINKINFO)) ||
	    nla_put_string(msg, IFLA_INFO_KIND, "veth") < 0 ||
	    !(data = nla_nest_start(msg, IFLA_INFO_DATA)) ||
	    !(peer = nla_nest_start(msg, VETH_INFO_PEER)) ||
	    nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(msg, IFLA_IFNAME, NETD_INSIDE_NAME) < 0 ||
	    nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac) < 0 ||
	    nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)netns) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return msg;
}

/* Are the two ends of one pair, made for @owner? */
static bool
is_pair(const struct netd_link *link, const struct netd_link *eth0,
    const struct netd_owner *owner)
{
	uint8_t mac[6];

	netd_mac(owner->address, mac);
	return link->peer == eth0->index && eth0->peer == link->index &&
	    memcmp(eth0->mac, mac, sizeof(mac)) == 0;
}

/*
 * Looks at the links this node may have. 1: @ret is the one whose other end is
 * @eth0 (NULL: there is none); 0: there is none, @free_name is to be had, and
 * others have been condemned; -errno.
 */
static int
find(struct netd_links *l, const struct netd_owner *owner,
    const struct netd_link *eth0, struct netd_link *ret, char *free_name)
{
	char name[NETD_IFNAME_LEN + 1];
	struct netd_link link;
	int r;

	*free_name = '\0';
	for (unsigned g = 0; g < NETD_GENERATIONS; g++) {
		netd_owner_ifname(owner->node, g, name);
		r = netd_link_get(l->c.rtnl, name, netd_soon(), &link);
		if (r == -ENODEV) {
			if (!*free_name)
				memcpy(free_name, name, sizeof(name));
			continue;
		}
		if (r < 0)
			return r;
		if (!netd_owner_is_link(&link, l->c.bridge))
			continue;
		if (eth0 && is_pair(&link, eth0, owner)) {
			*ret = link;
			return 1;
		}
		condemn(l, &link);
	}
	return *free_name ? 0 : -EBUSY;
}

static int
set_alias(int rtnl, uint32_t index, const struct netd_owner *owner)
{
	struct nl_msg *msg = netd_link_msg(RTM_NEWLINK, 0, index, 0, 0);
	char alias[NETD_ALIAS_LEN + 1];

	netd_owner_format(owner, alias);
	if (msg && nla_put_string(msg, IFLA_IFALIAS, alias) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return netd_talk(rtnl, msg, netd_soon(), NULL, NULL);
}

/* Made, or found made: a request may be repeated whose reply was lost. The netlink
 * socket is the node's; where it leads is checked before it is used, and the
 * link's far end is put where it leads. 0 or -errno; ret_link->index is set as soon
 * as there is something to take back. */
static int
make(struct netd_links *l, uint32_t index, const struct netd_owner *owner,
    int sock, struct netd_link *ret_link)
{
	nx_cleanup_fd int netns =
	    netd_inside_check(sock, l->c.own_net, l->c.own_user);
	char name[NETD_IFNAME_LEN + 1];
	struct netd_link eth0;
	bool has;
	int r;

	if (netns < 0)
		return netns;
	r = netd_link_get(sock, NETD_INSIDE_NAME, netd_soon(), &eth0);
	if (r < 0 && r != -ENODEV)
		return r;
	has = r == 0;
	r = find(l, owner, has ? &eth0 : NULL, ret_link, name);
	if (r != 0)
		return r < 0 ? r : 0; /* there already: repeated */
	if (has)
		return -EEXIST;
	r = netd_talk(l->c.rtnl,
	    new_veth(l->c.bridge, index, name, owner->address, netns),
	    netd_soon(), NULL, NULL);
	if (r == 0)
		r = netd_link_get(l->c.rtnl, name, netd_soon(), ret_link);
	return r;
}

/* owned -> bound, then the inside. In this order, so that a node whose address
 * answers can also send. */
static int
finish(struct netd_links *l, const struct nx_subnet *s,
    const struct netd_owner *owner, int sock, const struct netd_link *link)
{
	struct netd_binding b;
	int r;

	nx_assert(link->index != 0 && link->name[0]);
	r = set_alias(l->c.rtnl, link->index, owner);
	if (r == 0 && l->c.nfnl >= 0) {
		netd_owner_binding(link, owner, &b);
		r = netd_sets_bind(l->c.nfnl, l->c.bridge, &b, true);
	}
	if (r == 0)
		r = netd_inside_configure(sock, s, owner->address, netd_soon());
	/* Late is no reason to fail: it is a lost packet at worst. */
	if (r == 0 &&
	    (netd_link_settle(sock, NETD_INSIDE_NAME, netd_soon()) < 0 ||
		netd_link_settle(l->c.rtnl, link->name, netd_soon()) < 0 ||
		netd_link_settle(l->c.rtnl, l->c.bridge, netd_soon()) < 0))
		nx_info("event=link-slow link=%s", link->name);
	return r;
}

static const char *
explain(int error)
{
	switch (error) {
	case -EPERM:
		return "the socket is not of a node's own network namespace";
	case -EEXIST: return "the node has an interface eth0 already";
	case -EBUSY: return "earlier links of this node are still leaving";
	case -ETIMEDOUT: return "the kernel's answer did not arrive";
	default: return strerror(-error);
	}
}

int
netd_links_attach(struct netd_links *l, uint32_t index,
    const struct nx_subnet *s, const struct netd_owner *owner, int sock,
    char ret_ifname[NETD_IFNAME_LEN + 1], char error[256])
{
	struct netd_link link = {0};
	int r;

	r = make(l, index, owner, sock, &link);
	if (r == 0)
		r = finish(l, s, owner, sock, &link);
	if (r < 0) {
		/* Not later: who asked must find nothing of it. */
		if (link.index) {
			unbind(l, &link, owner);
			(void)netd_link_delete(l->c.rtnl, link.index);
		}
		snprintf(error, 256, "cannot attach node %.32s: %s",
		    owner->node, explain(r));
		return r;
	}
	nx_assert(link.index != 0);
	memcpy(ret_ifname, link.name, sizeof(link.name));
	return 0;
}

/* --- the object ---------------------------------------------------------------*/

int
netd_links_new(
    const struct netd_links_config *config, struct netd_links **ret_links)
{
	struct netd_links *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->c = *config;
	l->timer = evtimer_new(config->base, on_timer, l);
	if (!l->timer) {
		free(l);
		return -ENOMEM;
	}
	*ret_links = l;
	return 0;
}

struct netd_links *
netd_links_free(struct netd_links *l)
{
	if (l) {
		event_free(l->timer);
		free(l);
	}
	return NULL;
}
