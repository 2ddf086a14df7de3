/*
 * The bridge. Whose it is, is asked of the kernel each time: nothing is remembered.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>

#include "netd/address.h"
#include "netd/bridge.h"

uint32_t
netd_group(const char *name)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619U;
	return 0x4e580000U | ((hash >> 16) ^ (hash & 0xffff));
}

void
netd_mac(uint32_t address, uint8_t ret_mac[6])
{
	const uint8_t mac[6] = {0x02, 0x6e, (uint8_t)(address >> 24),
	    (uint8_t)(address >> 16), (uint8_t)(address >> 8),
	    (uint8_t)address};

	memcpy(ret_mac, mac, sizeof(mac));
}

static struct nl_msg *
new_bridge(const char *name, uint32_t address)
{
	struct nl_msg *msg = netd_link_msg(
	    RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
	struct nlattr *info = NULL;
	uint8_t mac[6];

	netd_mac(address, mac);
	/* An address of its own: else it takes over that of a port, and changes
	 * it whenever ports come and go. */
	if (!msg || nla_put_string(msg, IFLA_IFNAME, name) < 0 ||
	    nla_put_u32(msg, IFLA_GROUP, netd_group(name)) < 0 ||
	    nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac) < 0 ||
	    !(info = nla_nest_start(msg, IFLA_LINKINFO)) ||
	    nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, info);
	return msg;
}

static int
create(int fd, const char *name, const struct nx_subnet *s,
    struct netd_link *ret_link, char error[256])
{
	int r;

	r = netd_talk(
	    fd, new_bridge(name, s->address), netd_soon(), NULL, NULL);
	if (r == 0 || r == -EEXIST)
		r = netd_link_get(fd, name, netd_soon(), ret_link);
	if (r < 0)
		snprintf(error, 256, "cannot make the bridge %s: %s%s", name,
		    strerror(-r),
		    r == -EOPNOTSUPP ? " (this kernel has no bridges)" : "");
	return r;
}

int
netd_bridge_ensure(int fd, const char *name, const struct nx_subnet *s,
    uint32_t *ret_index, char error[256])
{
	struct netd_link link;
	int r;

	r = netd_link_get(fd, name, netd_soon(), &link);
	if (r == -ENODEV)
		r = create(fd, name, s, &link, error);
	if (r < 0)
		return r;
	if (strcmp(link.kind, "bridge") != 0 ||
	    link.group != netd_group(name)) {
		snprintf(error, 256,
		    "there is an interface %s that Nexus did not make; remove "
		    "it (ip link delete %s) or choose another name: [netd] "
		    "bridge",
		    name, name);
		return -EEXIST;
	}
	r = netd_address_only(fd, link.index, s->address, s->prefix);
	if (r == 0)
		r = netd_talk(fd,
		    netd_link_msg(RTM_NEWLINK, 0, link.index, IFF_UP, IFF_UP),
		    netd_soon(), NULL, NULL);
	if (r < 0)
		snprintf(error, 256, "cannot give %s its address %s: %s", name,
		    s->text, strerror(-r));
	else
		*ret_index = link.index;
	return r;
}

int
netd_bridge_remove(int fd, const char *name)
{
	struct nl_msg *msg = netd_link_msg(RTM_DELLINK, 0, 0, 0, 0);
	int r;

	if (msg && nla_put_u32(msg, IFLA_GROUP, netd_group(name)) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = netd_talk(fd, msg, netd_soon(), NULL, NULL);
	return r == -ENODEV ? 0 : r;
}
