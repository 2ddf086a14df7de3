/*
 * Looking again when the kernel says that links or routes have changed. All
 * notices of a moment are one look; one that was lost (ENOBUFS) is a notice,
 * too. The socket is read by nobody else, and what it says is not believed.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "netd/lan.h"
#include "netd/owner.h"
#include "netd/rtnl.h"
#include "netd/watch.h"

#define LOOK_MS  100
#define A_TURN   32 /* datagrams; the rest of the loop waits meanwhile */
#define DATAGRAM 16384

struct netd_watch {
	struct netd_watch_config c;
	int fd;
	struct event *notice, *timer;
	bool links, routes; /* changed since we looked */
};

static void
look_at_links(struct netd_watch *w)
{
	nx_cleanup_free struct netd_binding *there = NULL;
	size_t n = 0;
	int r;

	r = netd_owner_bindings(w->c.rtnl, w->c.bridge, &there, &n);
	if (r == 0)
		r = netd_sets_keep(w->c.nfnl, w->c.bridge, there, n);
	if (r < 0)
		nx_warn("event=sets-not-swept errno=%d", -r);
	else if (r > 0)
		nx_debug("event=sets-swept elements=%d", r);
}

static void
look_at_routes(struct netd_watch *w)
{
	struct netd_range ranges[NETD_RANGES_MAX];
	struct netd_link bridge = {0};
	int n, r;

	/* Without the bridge there are no nodes to keep from anything. */
	r = netd_link_get(w->c.rtnl, w->c.bridge, netd_soon(), &bridge);
	n = r < 0 ? r : netd_lan_connected(w->c.rtnl, bridge.index, ranges);
	if (n == -E2BIG) {
		nx_warn("event=networks-many max=%d effect=\"nodes reach the "
			"rest of the networks this host is a part of\"",
		    NETD_RANGES_MAX);
		n = NETD_RANGES_MAX;
	}
	r = n < 0
	    ? n
	    : netd_sets_connected(w->c.nfnl, w->c.bridge, ranges, (size_t)n);
	if (r < 0 && r != -ENODEV)
		nx_warn("event=networks-not-known errno=%d", -r);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct netd_watch *w = arg;
	bool links = w->links, routes = w->routes;

	(void)fd, (void)what;
	w->links = w->routes = false;
	if (links)
		look_at_links(w);
	if (routes)
		look_at_routes(w);
}

static void
note(struct netd_watch *w, const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_DELLINK: w->links = true; break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE: w->routes = true; break;
	default: break;
	}
}

static void
on_notice(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {0, LOOK_MS * 1000};
	struct netd_watch *w = arg;
	union {
		char buf[DATAGRAM];
		struct nlmsghdr h;
	} in;

	(void)what;
	for (int i = 0; i < A_TURN; i++) {
		ssize_t n = recv(fd, in.buf, sizeof(in.buf), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0 && errno != ENOBUFS)
			break;
		if (n < 0)
			w->links = w->routes = true;
		for (struct nlmsghdr *h = &in.h; nlmsg_ok(h, left);
		     h = nlmsg_next(h, &left))
			note(w, h);
	}
	if ((w->links || w->routes) && !evtimer_pending(w->timer, NULL))
		(void)evtimer_add(w->timer, &soon);
}

static int
listen_to_kernel(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE};
	nx_cleanup_fd int fd = -1;

	fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

int
netd_watch_new(
    const struct netd_watch_config *config, struct netd_watch **ret_watch)
{
	struct netd_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->c = *config;
	w->fd = r = listen_to_kernel();
	if (r >= 0) {
		w->timer = evtimer_new(config->base, on_timer, w);
		w->notice = event_new(
		    config->base, w->fd, EV_READ | EV_PERSIST, on_notice, w);
		r = w->timer && w->notice && event_add(w->notice, NULL) == 0
		    ? 0
		    : -ENOMEM;
	}
	if (r < 0) {
		netd_watch_free(w);
		return r;
	}
	look_at_links(w);
	look_at_routes(w);
	*ret_watch = w;
	return 0;
}

struct netd_watch *
netd_watch_free(struct netd_watch *w)
{
	if (!w)
		return NULL;
	if (w->notice)
		event_free(w->notice);
	if (w->timer)
		event_free(w->timer);
	nx_close(&w->fd);
	free(w);
	return NULL;
}
