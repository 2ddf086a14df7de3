/*
 * IPv4 addresses and routes as netlink messages.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "netd/address.h"
#include "netd/rtnl.h"

#define OTHERS_MAX 16

static struct nl_msg *
address_msg(
    int type, int flags, uint32_t index, uint32_t address, uint32_t prefix)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_INET,
	    .ifa_prefixlen = (uint8_t)prefix,
	    .ifa_index = index};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	uint32_t mask = prefix ? ~0U << (32 - prefix) : 0;

	if (!msg || nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, IFA_LOCAL, htonl(address)) < 0 ||
	    nla_put_u32(msg, IFA_ADDRESS, htonl(address)) < 0 ||
	    nla_put_u32(msg, IFA_BROADCAST, htonl(address | ~mask)) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int
netd_address_add(int fd, uint32_t index, uint32_t address, uint32_t prefix,
    uint64_t deadline_us)
{
	return netd_talk(fd,
	    address_msg(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index,
		address, prefix),
	    deadline_us, NULL, NULL);
}

struct others {
	uint32_t index, address, prefix;
	struct {
		uint32_t address, prefix;
	} found[OTHERS_MAX];
	size_t n;
};

static int
on_address(const struct nlmsghdr *h, void *arg)
{
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *ifa;
	struct others *o = arg;
	uint32_t address;

	if (h->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof(*ifa), tb,
		IFA_MAX, NULL) < 0)
		return -EPROTO;
	ifa = NLMSG_DATA(h);
	if (ifa->ifa_index != o->index || ifa->ifa_family != AF_INET ||
	    !tb[IFA_LOCAL])
		return 0;
	address = ntohl(nla_get_u32(tb[IFA_LOCAL]));
	if (address == o->address && ifa->ifa_prefixlen == o->prefix)
		return 0;
	if (o->n < OTHERS_MAX) {
		o->found[o->n].address = address;
		o->found[o->n++].prefix = ifa->ifa_prefixlen;
	}
	return 0;
}

int
netd_address_only(int fd, uint32_t index, uint32_t address, uint32_t prefix)
{
	struct others o = {
	    .index = index, .address = address, .prefix = prefix};
	struct ifaddrmsg ifa = {.ifa_family = AF_INET};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);
	int r;

	if (!msg || nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = netd_talk(fd, msg, netd_soon(), on_address, &o);
	if (r == 0)
		r = netd_address_add(fd, index, address, prefix, netd_soon());
	for (size_t i = 0; r == 0 && i < o.n; i++)
		r = netd_talk(fd,
		    address_msg(RTM_DELADDR, 0, index, o.found[i].address,
			o.found[i].prefix),
		    netd_soon(), NULL, NULL);
	return r;
}

int
netd_route_default(
    int fd, uint32_t index, uint32_t gateway, uint64_t deadline_us)
{
	struct rtmsg rtm = {.rtm_family = AF_INET,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST};
	struct nl_msg *msg =
	    nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);

	if (!msg || nlmsg_append(msg, &rtm, sizeof(rtm), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, RTA_GATEWAY, htonl(gateway)) < 0 ||
	    nla_put_u32(msg, RTA_OIF, index) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return netd_talk(fd, msg, deadline_us, NULL, NULL);
}
