/*
 * netd: configuration, what needs files and text rules, the drop, the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "netd/bridge.h"
#include "netd/lock.h"
#include "netd/netd.h"
#include "netd/nfnl.h"
#include "netd/sandbox.h"
#include "netd/teardown.h"
#include "proto/serve_netd.h"

#define FORWARD "/proc/sys/net/ipv4/ip_forward"

static void on_stop(void *ctx);

static struct netd netd = {.rtnl = -1, .nfnl = -1};
static struct nx_daemon daemon_ = {
    .name = "netd",
    .role = NX_ROLE_NET,
    .sandbox = &netd_sandbox,
    .ctx = &netd,
    .on_stop = on_stop,
    .conf = &netd.conf,
};

static void
on_stop(void *ctx)
{
	struct netd *n = ctx;
	char error[256];

	if (n->conf.teardown && netd_teardown(n->conf.bridge, error) < 0)
		nx_warn("event=teardown-failed error=\"%s\"", error);
	nx_daemon_quit(&daemon_);
}

/* The one setting of the host that a way out for nodes needs. CAP_NET_ADMIN is
 * enough to change it, where /proc/sys may be written at all. */
static void
forward(void)
{
	nx_cleanup_free char *text = NULL;
	int r;

	r = nx_read_file(AT_FDCWD, FORWARD, 15, &text);
	if (r > 0 && text[0] == '1')
		return;
	r = nx_write_file(AT_FDCWD, FORWARD, "1");
	if (r < 0)
		nx_warn("event=no-forwarding reason=\"%s\" effect=\"nodes do "
			"not reach the outside until net.ipv4.ip_forward is "
			"1\"",
		    strerror(-r));
}

/* Everything that needs a file, a parser, or the whole of the privilege. */
static void
prepare(struct netd *n)
{
	nx_cleanup_free struct netd_binding *there = NULL;
	uint32_t bridge;
	size_t n_there = 0;
	char error[256];
	int r;

	if (!netd_ifname_valid(n->conf.bridge))
		nx_fatal(0, "[netd] bridge = %s is no name for an interface",
		    n->conf.bridge);
	if (nx_subnet_parse(n->conf.common.subnet, &n->subnet) < 0)
		nx_fatal(0, "[nexus] subnet = %s is not " NX_SUBNET_FORM,
		    n->conf.common.subnet);
	n->lock = netd_lock("netd", n->conf.bridge);
	if (n->lock == -EADDRINUSE)
		nx_fatal(0,
		    "another Nexus uses the bridge %s here; give this one "
		    "its own: [netd] bridge and [nexus] subnet",
		    n->conf.bridge);
	if (n->lock < 0)
		nx_fatal(n->lock, "lock %s", n->conf.bridge);
	n->rtnl = netd_rtnl_open();
	n->own_net = n->rtnl < 0 ? n->rtnl : netd_netns_of(n->rtnl);
	n->own_user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (n->own_net < 0 || n->own_user < 0)
		nx_fatal(n->own_net < 0 ? n->own_net : -errno, "rtnetlink");
	r = netd_bridge_ensure(
	    n->rtnl, n->conf.bridge, &n->subnet, &bridge, error);
	if (r < 0)
		nx_fatal(0, "%s", error);
	r = netd_owner_bindings(n->rtnl, n->conf.bridge, &there, &n_there);
	if (r < 0)
		nx_fatal(r, "list the links");
	netd_firewall_setup(&n->conf, &n->subnet, there, n_there, &n->firewall);
	if (n->firewall.nat)
		forward();
	if (n->firewall.filter)
		n->nfnl = netd_nfnl_open();
	nx_info("event=bridge name=%s subnet=%s nat=%d isolated=%d links=%zu",
	    n->conf.bridge, n->subnet.text, n->firewall.nat,
	    n->firewall.routed && n->firewall.filter, n_there);
}

static void
serve(struct netd *n)
{
	const struct netd_links_config config = {.base = daemon_.base,
	    .rtnl = n->rtnl,
	    .nfnl = n->nfnl,
	    .bridge = n->conf.bridge,
	    .own_net = n->own_net,
	    .own_user = n->own_user};
	const struct netd_watch_config watch = {.base = daemon_.base,
	    .rtnl = n->rtnl,
	    .nfnl = n->nfnl,
	    .bridge = n->conf.bridge};
	int r = netd_links_new(&config, &n->links);

	if (r == 0 && n->nfnl >= 0)
		r = netd_watch_new(&watch, &n->watch);
	if (r < 0)
		nx_fatal(r, "links");
}

int
main(int argc, char **argv)
{
	int status;

	daemon_.handlers = netd_handlers;
	daemon_.n_handlers = netd_handlers_count;
	daemon_.conf_keys = netd_conf_keys;
	daemon_.n_conf_keys = netd_conf_count;
	nx_daemon_start(&daemon_, argc, argv);
	prepare(&netd);
	nx_daemon_drop(&daemon_);
	serve(&netd);
	nx_daemon_connect(&daemon_);
	status = nx_daemon_run(&daemon_);
	netd.watch = netd_watch_free(netd.watch);
	netd.links = netd_links_free(netd.links);
	return status;
}
