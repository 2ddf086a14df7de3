/*
 * Taking the network away, as far as it is ours.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h> /* before the kernel has its own */
#include <linux/netfilter.h>

#include "common/err.h"
#include "common/fd.h"
#include "netd/bridge.h"
#include "netd/lock.h"
#include "netd/nfnl.h"
#include "netd/rtnl.h"
#include "netd/teardown.h"

static int
remove_tables(const char *name)
{
	static const uint8_t families[] = {NFPROTO_INET, NFPROTO_BRIDGE};
	nx_cleanup_fd int fd = netd_nfnl_open();
	int r = 0;

	if (fd < 0) /* no netfilter, no tables */
		return 0;
	for (size_t i = 0; r == 0 && i < NX_ARRAY_SIZE(families); i++)
		r = netd_nfnl_delete_table(fd, families[i], name);
	return r;
}

int
netd_teardown(const char *name, char error[256])
{
	nx_cleanup_fd int fd = netd_rtnl_open();
	int r, r2;

	r = fd < 0 ? fd : netd_bridge_remove(fd, name);
	if (r < 0)
		snprintf(error, 256, "cannot remove the bridge %s: %s", name,
		    strerror(-r));
	r2 = remove_tables(name);
	if (r2 < 0 && r == 0) {
		snprintf(error, 256, "cannot remove the firewall table %s: %s",
		    name, strerror(-r2));
		r = r2;
	}
	return r;
}

int
netd_teardown_unused(const char *name, char error[256])
{
	nx_cleanup_fd int lock = netd_lock("netd", name);

	if (lock == -EADDRINUSE) {
		snprintf(error, 256, "the bridge %s is another Nexus's", name);
		return lock;
	}
	return netd_teardown(name, error);
}
