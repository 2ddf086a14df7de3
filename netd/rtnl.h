/*
 * Requests to the kernel over a netlink socket, ours or one that a node holds
 * as well. Messages are built with libnl; sending and waiting is done here,
 * because a socket somebody else can read from and write to needs care: only
 * what the kernel sent, under the sequence number of this request, counts, and
 * nothing is waited for beyond a deadline.
 */
#ifndef NETD_RTNL_H
#define NETD_RTNL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <netlink/msg.h>

#include "netd/conf.h"

/* AF_NETLINK, CLOEXEC, of this network namespace. The fd or -errno. */
int netd_rtnl_open(void);

/* One message of an answer. Not 0: stop, and return that. */
typedef int netd_answer_fn(const struct nlmsghdr *h, void *arg);

/*
 * Sends @msg and waits for its acknowledgement, giving what else the kernel
 * answers to @fn (may be NULL). Consumes @msg; NULL is -ENOMEM, so that builders
 * need not be checked twice. @deadline_us is of CLOCK_MONOTONIC. 0, -errno of
 * the kernel, -ETIMEDOUT, or what @fn returned.
 */
int netd_talk(int fd, struct nl_msg *msg, uint64_t deadline_us,
    netd_answer_fn *fn, void *arg);
/* The usual deadline for a request: one second from now. */
uint64_t netd_soon(void);

/* --- links ------------------------------------------------------------------*/

#define NETD_ALIAS_LEN 79

struct netd_link {
	uint32_t index;
	uint32_t peer;   /* IFLA_LINK: a veth's other end, in its namespace */
	uint32_t master; /* index of the bridge; 0: none */
	uint32_t group;
	bool up;
	bool running; /* operational: what is sent through it arrives */
	char name[NETD_IFNAME_LEN + 1];
	char kind[16]; /* "veth", "bridge", "" for real devices */
	char alias[NETD_ALIAS_LEN + 1]; /* cut there */
	uint8_t mac[6];
};

/* By name. 0, -ENODEV when there is none, or -errno. */
int netd_link_get(
    int fd, const char *name, uint64_t deadline_us, struct netd_link *ret_link);
/*
 * Waits until link @name is operational. Bringing one up is only half of it:
 * the kernel tells the queue and the bridge from a work queue, and drops what
 * is sent before. (Since 6.8 asking for a link makes it catch up at once; older
 * ones are asked again for at most 50 ms.) 0, -EAGAIN: not yet, or -errno.
 */
int netd_link_settle(int fd, const char *name, uint64_t deadline_us);
/* All of them; @fn as netd_answer_fn. */
int netd_link_each(
    int fd, int (*fn)(const struct netd_link *link, void *arg), void *arg);
/* A message about link @index (0: named by an attribute still to be put) with
 * the flags @change set to @flags. NULL: memory. */
struct nl_msg *netd_link_msg(
    int type, int nl_flags, uint32_t index, unsigned change, unsigned flags);
int netd_link_delete(int fd, uint32_t index);

/* --- namespaces -------------------------------------------------------------*/

/* The network namespace a socket lives in (SIOCGSKNS). The fd or -errno. */
int netd_netns_of(int sock);
/* 1 when the two descriptors are of one namespace, 0 when not, or -errno. */
int netd_ns_same(int a, int b);

#endif
