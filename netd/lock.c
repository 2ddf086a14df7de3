/*
 * The lock on a bridge's name. Any user of the host could take the
 * name and keep Nexus from starting, and that is all there is to gain.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/fd.h"
#include "netd/lock.h"

int
netd_lock(const char *who, const char *bridge)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	nx_cleanup_fd int fd = -1;
	int len;

	len = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "nexus/%s/%s",
	    who, bridge);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&un,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) +
		    (socklen_t)len) < 0)
		return -errno;
	return nx_take_fd(&fd);
}
