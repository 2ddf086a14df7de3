/*
 * The node's end, by a socket that the node may hold as well.
 */
#include <errno.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <netlink/attr.h>

#include "common/fd.h"
#include "netd/address.h"
#include "netd/inside.h"

int
netd_inside_check(int sock, int own_net, int own_user)
{
	nx_cleanup_fd int net = netd_netns_of(sock), owner = -1;
	int r;

	if (net < 0)
		return net;
	r = netd_ns_same(net, own_net);
	if (r != 0)
		return r < 0 ? r : -EPERM;
	owner = ioctl(net, NS_GET_USERNS);
	if (owner < 0)
		return -errno;
	r = netd_ns_same(owner, own_user);
	if (r != 0)
		return r < 0 ? r : -EPERM;
	return nx_take_fd(&net);
}

static int
link_up(int sock, const char *name, uint64_t deadline_us)
{
	struct nl_msg *msg = netd_link_msg(RTM_NEWLINK, 0, 0, IFF_UP, IFF_UP);

	if (msg && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return netd_talk(sock, msg, deadline_us, NULL, NULL);
}

int
netd_inside_configure(
    int sock, const struct nx_subnet *s, uint32_t address, uint64_t deadline_us)
{
	struct netd_link eth0;
	int r;

	r = link_up(sock, "lo", deadline_us);
	if (r == 0)
		r = link_up(sock, NETD_INSIDE_NAME, deadline_us);
	if (r == 0)
		r = netd_link_get(sock, NETD_INSIDE_NAME, deadline_us, &eth0);
	if (r == 0)
		r = netd_address_add(
		    sock, eth0.index, address, s->prefix, deadline_us);
	if (r == 0)
		r = netd_route_default(
		    sock, eth0.index, s->address, deadline_us);
	return r;
}
