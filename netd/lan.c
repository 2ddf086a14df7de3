/*
 * Which networks the host is a part of, as its routes tell.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "netd/lan.h"
#include "netd/rtnl.h"

#define WIDEST    8
#define FOUND_MAX 1024 /* of a host with as many networks, before joining */

struct found {
	uint32_t bridge;
	size_t n;
	struct netd_range ranges[FOUND_MAX];
};

static int
on_route(const struct nlmsghdr *h, void *arg)
{
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm;
	struct found *f = arg;
	uint32_t mask;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof(*rtm), tb,
		RTA_MAX, NULL) < 0)
		return -EPROTO;
	rtm = NLMSG_DATA(h);
	if (rtm->rtm_family != AF_INET || rtm->rtm_table != RT_TABLE_MAIN ||
	    rtm->rtm_type != RTN_UNICAST || rtm->rtm_scope != RT_SCOPE_LINK ||
	    rtm->rtm_dst_len < WIDEST || rtm->rtm_dst_len > 32 ||
	    !tb[RTA_DST] || nla_len(tb[RTA_DST]) != 4 || tb[RTA_GATEWAY] ||
	    (tb[RTA_OIF] && nla_get_u32(tb[RTA_OIF]) == f->bridge))
		return 0;
	if (f->n == FOUND_MAX)
		return -E2BIG;
	mask = ~0U << (32 - rtm->rtm_dst_len);
	f->ranges[f->n].first = ntohl(nla_get_u32(tb[RTA_DST])) & mask;
	f->ranges[f->n].last = f->ranges[f->n].first | ~mask;
	f->n++;
	return 0;
}

static int
by_first(const void *a, const void *b)
{
	const struct netd_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

size_t
netd_lan_join(struct netd_range *ranges, size_t n)
{
	size_t kept = 0;

	qsort(ranges, n, sizeof(*ranges), by_first);
	for (size_t i = 0; i < n; i++) {
		struct netd_range *last = kept ? &ranges[kept - 1] : NULL;

		if (!last ||
		    (last->last != UINT32_MAX &&
			ranges[i].first > last->last + 1))
			ranges[kept++] = ranges[i];
		else if (ranges[i].last > last->last)
			last->last = ranges[i].last;
	}
	return kept;
}

int
netd_lan_connected(
    int rtnl, uint32_t bridge, struct netd_range ret_ranges[NETD_RANGES_MAX])
{
	struct rtmsg rtm = {.rtm_family = AF_INET};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	struct found *f = calloc(1, sizeof(*f));
	size_t n = 0;
	int r = -ENOMEM;

	if (f && msg && nlmsg_append(msg, &rtm, sizeof(rtm), 0) == 0) {
		f->bridge = bridge;
		r = netd_talk(rtnl, msg, netd_soon(), on_route, f);
		msg = NULL;
	}
	nlmsg_free(msg);
	if (r == 0 || r == -E2BIG) {
		n = netd_lan_join(f->ranges, f->n);
		for (size_t i = 0; i < n && i < NETD_RANGES_MAX; i++)
			ret_ranges[i] = f->ranges[i];
		r = r < 0 || n > NETD_RANGES_MAX ? -E2BIG : (int)n;
	}
	free(f);
	return r;
}
