/*
 * Requests to rtnetlink and their answers, one at a time.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <netlink/attr.h>

#include "common/fd.h"
#include "common/id.h"
#include "netd/rtnl.h"

/* The kernel fills at most 32 KiB per datagram of a dump. */
static union {
	char buf[32768];
	struct nlmsghdr align;
} answer;

int
netd_rtnl_open(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
	nx_cleanup_fd int fd = -1;

	fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

uint64_t
netd_soon(void)
{
	return nx_now_us() + 1000000;
}

/* --- transport --------------------------------------------------------------*/

/* 0: a datagram of the kernel, *ret_len long; -EAGAIN: one of somebody else. */
static int
receive(int fd, uint64_t deadline_us, size_t *ret_len)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {
	    .iov_base = answer.buf, .iov_len = sizeof(answer.buf)};
	struct msghdr msg = {.msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &iov,
	    .msg_iovlen = 1};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = nx_now_us();
	ssize_t n;

	if (now >= deadline_us)
		return -ETIMEDOUT;
	n = poll(&p, 1, (int)((deadline_us - now) / 1000) + 1);
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : errno == EINTR ? -EAGAIN : -errno;
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return -EAGAIN;
	*ret_len = (size_t)n;
	return 0;
}

enum { MORE = 1 };

/* MORE, 0 for the end, or -errno. */
static int
take_datagram(size_t len, uint32_t seq, netd_answer_fn *fn, void *arg)
{
	struct nlmsghdr *h = &answer.align;
	int left = (int)len, r;

	for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			return h->nlmsg_len < NLMSG_LENGTH(sizeof(*e))
			    ? -EPROTO
			    : e->error;
		}
		r = fn ? fn(h, arg) : 0;
		if (r != 0)
			return r;
	}
	return MORE;
}

int
netd_talk(int fd, struct nl_msg *msg, uint64_t deadline_us, netd_answer_fn *fn,
    void *arg)
{
	static uint32_t sequence;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *h;
	size_t len = 0;
	uint32_t seq;
	int r;

	if (!msg)
		return -ENOMEM;
	if (sequence == 0)
		sequence = (uint32_t)nx_wall_us() | 1;
	seq = ++sequence;
	h = nlmsg_hdr(msg);
	h->nlmsg_seq = seq;
	h->nlmsg_pid = 0;
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = sendto(fd, h, h->nlmsg_len, MSG_DONTWAIT,
		(struct sockaddr *)&kernel, sizeof(kernel)) < 0
	    ? -errno
	    : MORE;
	nlmsg_free(msg);
	while (r == MORE) {
		r = receive(fd, deadline_us, &len);
		if (r == -EAGAIN)
			r = MORE;
		else if (r == 0)
			r = take_datagram(len, seq, fn, arg);
	}
	return r;
}

/* --- links ------------------------------------------------------------------*/

static void
copy_text(char *dst, size_t size, struct nlattr *a)
{
	if (a)
		(void)nla_strlcpy(dst, a, size);
}

static int
parse_link(const struct nlmsghdr *h, struct netd_link *ret_link)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = {0};
	struct netd_link link = {0};
	const struct ifinfomsg *ifi;

	/* libnl's parsers do not change what they read. */
	if (h->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, sizeof(*ifi), tb,
		IFLA_MAX, NULL) < 0)
		return -EPROTO;
	ifi = NLMSG_DATA(h);
	link.index = (uint32_t)ifi->ifi_index;
	link.up = ifi->ifi_flags & IFF_UP;
	link.running =
	    tb[IFLA_OPERSTATE] && nla_get_u8(tb[IFLA_OPERSTATE]) == IF_OPER_UP;
	if (tb[IFLA_LINK])
		link.peer = nla_get_u32(tb[IFLA_LINK]);
	if (tb[IFLA_MASTER])
		link.master = nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_GROUP])
		link.group = nla_get_u32(tb[IFLA_GROUP]);
	copy_text(link.name, sizeof(link.name), tb[IFLA_IFNAME]);
	copy_text(link.alias, sizeof(link.alias), tb[IFLA_IFALIAS]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == 6)
		memcpy(link.mac, nla_data(tb[IFLA_ADDRESS]), 6);
	if (tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) == 0)
		copy_text(link.kind, sizeof(link.kind), info[IFLA_INFO_KIND]);
	*ret_link = link;
	return 0;
}

struct nl_msg *
netd_link_msg(
    int type, int nl_flags, uint32_t index, unsigned change, unsigned flags)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC,
	    .ifi_index = (int)index,
	    .ifi_change = change,
	    .ifi_flags = flags};
	struct nl_msg *msg = nlmsg_alloc_simple(type, nl_flags);

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int
on_link(const struct nlmsghdr *h, void *arg)
{
	return parse_link(h, arg);
}

int
netd_link_get(
    int fd, const char *name, uint64_t deadline_us, struct netd_link *ret_link)
{
	struct nl_msg *msg = netd_link_msg(RTM_GETLINK, 0, 0, 0, 0);
	struct netd_link link = {0};
	int r;

	if (msg && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = netd_talk(fd, msg, deadline_us, on_link, &link);
	if (r == 0 && link.index == 0)
		r = -EPROTO;
	if (r == 0)
		*ret_link = link;
	return r;
}

int
netd_link_settle(int fd, const char *name, uint64_t deadline_us)
{
	struct netd_link link;
	int r;

	for (int tries = 50; tries > 0; tries--) {
		r = netd_link_get(fd, name, deadline_us, &link);
		if (r < 0 || link.running)
			return r;
		usleep(1000);
	}
	return -EAGAIN;
}

struct each {
	int (*fn)(const struct netd_link *link, void *arg);
	void *arg;
};

static int
on_each(const struct nlmsghdr *h, void *arg)
{
	struct each *each = arg;
	struct netd_link link;
	int r = parse_link(h, &link);

	return r < 0 ? r : each->fn(&link, each->arg);
}

int
netd_link_each(
    int fd, int (*fn)(const struct netd_link *link, void *arg), void *arg)
{
	struct each each = {.fn = fn, .arg = arg};

	return netd_talk(fd, netd_link_msg(RTM_GETLINK, NLM_F_DUMP, 0, 0, 0),
	    netd_soon(), on_each, &each);
}

int
netd_link_delete(int fd, uint32_t index)
{
	return netd_talk(fd, netd_link_msg(RTM_DELLINK, 0, index, 0, 0),
	    netd_soon(), NULL, NULL);
}

/* --- namespaces -------------------------------------------------------------*/

int
netd_netns_of(int sock)
{
	int fd = ioctl(sock, SIOCGSKNS);

	return fd < 0 ? -errno : fd;
}

int
netd_ns_same(int a, int b)
{
	struct stat sa, sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
		return -errno;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}
