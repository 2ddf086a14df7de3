/*
 * A host's network and nodes to go with it, all in namespaces of the test's
 * own: a "node" is a process in a user and network namespace of its own, which
 * has opened an rtnetlink socket there and does what it is told.
 */
#ifndef NETD_LAB_H
#define NETD_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netlink/attr.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/rights.h"
#include "netd/address.h"
#include "netd/bridge.h"
#include "netd/firewall.h"
#include "netd/inside.h"
#include "netd/links.h"
#include "netd/nfnl.h"
#include "netd/teardown.h"

#define NODE_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NODE_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ADDR(n) (0x0a002a00U + (n))

struct node {
	pid_t pid;
	int sock;    /* rtnetlink, opened inside */
	int command; /* SEQPACKET to it */
};

enum order {
	STEAL,   /* read whatever comes on the socket, for ever */
	PING,    /* the host from address arg: answers 0 or -errno */
	CONNECT, /* to address arg: likewise */
	LISTEN,  /* where others connect to */
	ROUTE,   /* to address arg by way of the host */
	SET_MAC, /* of eth0, to that which goes with address arg */
	ADD,     /* address arg to eth0 */
};
struct message {
	enum order order;
	uint32_t arg;
	int result;
};

#define PORT 4242

/* An answer to anything else that comes meanwhile does not matter here. */
static int
lab_ping(uint32_t from)
{
	const uint8_t echo[8] = {8, 0, 0xf7, 0xff}; /* with its checksum */
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
	nx_cleanup_fd int fd = socket(
	    AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		return -errno;
	in.sin_addr.s_addr = htonl(ADDR(1));
	if (sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&in,
		sizeof(in)) < 0)
		return -errno;
	return poll(&p, 1, 500) == 0 ? -ETIMEDOUT : 0;
}

static int
lab_listen(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_port = htons(PORT)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
		listen(fd, 16) < 0
	    ? -errno
	    : 0;
}

static int
lab_connect(uint32_t to)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(to),
	    .sin_port = htons(PORT)};
	nx_cleanup_fd int fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return 0;
	if (poll(&p, 1, 500) == 0)
		return -ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

static int
lab_set_mac(int sock, uint32_t address)
{
	struct netd_link eth0;
	struct nl_msg *msg;
	uint8_t mac[6];

	netd_mac(address, mac);
	if (netd_link_get(sock, "eth0", netd_soon(), &eth0) < 0)
		return -1;
	msg = netd_link_msg(16 /* RTM_NEWLINK */, 0, eth0.index, 0, 0);
	nla_put(msg, 1 /* IFLA_ADDRESS */, 6, mac);
	return netd_talk(sock, msg, netd_soon(), NULL, NULL);
}

static int
lab_route(int sock, uint32_t address)
{
	struct rtmsg rtm = {.rtm_family = AF_INET,
	    .rtm_dst_len = 32,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_type = RTN_UNICAST};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE);

	nlmsg_append(msg, &rtm, sizeof(rtm), NLMSG_ALIGNTO);
	nla_put_u32(msg, RTA_DST, htonl(address));
	nla_put_u32(msg, RTA_GATEWAY, htonl(ADDR(1)));
	return netd_talk(sock, msg, netd_soon(), NULL, NULL);
}

static int
lab_obey(int sock, const struct message *m)
{
	char buf[4096];

	switch (m->order) {
	case STEAL:
		for (;;)
			(void)recv(sock, buf, sizeof(buf), 0);
	case PING: return lab_ping(m->arg);
	case CONNECT: return lab_connect(m->arg);
	case LISTEN: return lab_listen();
	case ROUTE: return lab_route(sock, m->arg);
	case SET_MAC: return lab_set_mac(sock, m->arg);
	case ADD: {
		struct netd_link eth0;
		int r = netd_link_get(sock, "eth0", netd_soon(), &eth0);

		return r < 0 ? r
			     : netd_address_add(
				   sock, eth0.index, m->arg, 24, netd_soon());
	}
	default: return -EINVAL;
	}
}

static _Noreturn void
lab_node(int command, int flags)
{
	struct message m;
	int sock, own;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(flags) < 0)
		_exit(1);
	sock = netd_rtnl_open();
	own = netd_rtnl_open();
	if (sock < 0 || nx_send_fds(command, "", 1, &sock, 1, 0) < 0)
		_exit(1);
	while (recv(command, &m, sizeof(m), 0) == sizeof(m)) {
		m.result = lab_obey(m.order == STEAL ? sock : own, &m);
		(void)send(command, &m, sizeof(m), 0);
	}
	_exit(0);
}

static struct node
node_new(int flags)
{
	struct node n;
	int pair[2];
	size_t n_fds;
	char byte;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	n.pid = fork();
	if (n.pid == 0) {
		close(pair[0]);
		lab_node(pair[1], flags);
	}
	close(pair[1]);
	n.command = pair[0];
	assert_int_equal(
	    nx_recv_fds(n.command, &byte, 1, &n.sock, 1, 0, &n_fds), 1);
	assert_int_equal(n_fds, 1);
	return n;
}

static int
node_order(struct node *n, enum order order, uint32_t arg)
{
	struct message m = {.order = order, .arg = arg};

	assert_int_equal(send(n->command, &m, sizeof(m), 0), sizeof(m));
	if (order == STEAL)
		return 0;
	assert_int_equal(recv(n->command, &m, sizeof(m), 0), sizeof(m));
	return m.result;
}

static void
node_end(struct node *n)
{
	kill(n->pid, SIGKILL);
	waitpid(n->pid, NULL, 0);
	nx_close(&n->sock);
	nx_close(&n->command);
}

#endif
