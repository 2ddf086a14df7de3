/*
 * The host's name servers, read once, before netd gives up files: after a
 * change of them netd is restarted, which no node notices.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "netd/resolvers.h"

size_t
netd_resolvers_parse(char *text, uint32_t ret_servers[NETD_RESOLVERS_MAX])
{
	char server[INET_ADDRSTRLEN], *save = NULL;
	struct in_addr in;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &save);
	     line && n < NETD_RESOLVERS_MAX; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "nameserver %15s", server) == 1 &&
		    inet_pton(AF_INET, server, &in) == 1 &&
		    ntohl(in.s_addr) >> 24 != 127)
			ret_servers[n++] = ntohl(in.s_addr);
	return n;
}

size_t
netd_resolvers_read(uint32_t ret_servers[NETD_RESOLVERS_MAX])
{
	static const char *const paths[] = {
	    "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", NULL};
	size_t n = 0;

	for (const char *const *path = paths; n == 0 && *path; path++) {
		nx_cleanup_free char *text = NULL;

		if (nx_read_file(AT_FDCWD, *path, 65536, &text) >= 0)
			n = netd_resolvers_parse(text, ret_servers);
	}
	return n;
}
