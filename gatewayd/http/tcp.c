/*
 * What the kernel says of TCP, in a file of its own: linux/tcp.h does not go
 * with netinet's.
 */
#include <linux/tcp.h>
#include <sys/socket.h>

#include "gatewayd/http/tcp.h"

bool
tcp_owes(int fd, uint64_t *ret_acked)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, 6 /* IPPROTO_TCP */, TCP_INFO, &info, &len) < 0)
		return false;
	*ret_acked = info.tcpi_bytes_acked;
	return info.tcpi_notsent_bytes > 0 || info.tcpi_unacked > 0;
}

void
tcp_reset_on_close(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
