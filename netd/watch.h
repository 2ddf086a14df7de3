/*
 * The firewall's sets follow the kernel: a link that went with its namespace
 * leaves them, a network the host joined comes in. The kernel's notices only
 * say that it is time to look; what there is, is read from it afresh.
 */
#ifndef NETD_WATCH_H
#define NETD_WATCH_H

#include <event2/event.h>

struct netd_watch;

struct netd_watch_config {
	struct event_base *base;
	int rtnl; /* borrowed */
	int nfnl; /* borrowed */
	const char *bridge;
};
/* Looks at once, and from then on soon after each change. 0 or -errno. */
int netd_watch_new(
    const struct netd_watch_config *config, struct netd_watch **ret_watch);
struct netd_watch *netd_watch_free(struct netd_watch *w);

#endif
