/*
 * /etc/hosts and /etc/resolv.conf of a node; see hosts.h.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fd.h"
#include "nodemgr/nodes/hosts.h"

char *
hosts_text(const struct node *n)
{
	struct in_addr addr = {.s_addr = htonl(n->address)};
	char ip[INET_ADDRSTRLEN], *text;

	(void)inet_ntop(AF_INET, &addr, ip, sizeof(ip));
	if (asprintf(&text,
		"127.0.0.1\tlocalhost\n"
		"::1\tlocalhost ip6-localhost ip6-loopback\n"
		"%s\t%s\n",
		ip, n->name) < 0)
		return NULL;
	return text;
}

static bool
wanted(const char *line)
{
	const char *server = line + strlen("nameserver");

	if (strncmp(line, "nameserver", 10) != 0)
		return !strncmp(line, "search", 6) ||
		    !strncmp(line, "options", 7);
	server += strspn(server, " \t");
	return strncmp(server, "127.", 4) != 0 && strncmp(server, "::1", 3);
}

/* Keeps the wanted lines of @path; the number of servers among them. */
static unsigned
collect(const char *path, FILE *out)
{
	nx_cleanup_free char *text = NULL;
	char *line, *save = NULL;
	unsigned servers = 0;

	if (nx_read_file(AT_FDCWD, path, 65536, &text) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!wanted(line))
			continue;
		fprintf(out, "%s\n", line);
		servers += line[0] == 'n';
	}
	return servers;
}

char *
resolv_text(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	/* behind systemd-resolved's stub are the real ones */
	if (!collect("/etc/resolv.conf", out))
		(void)collect("/run/systemd/resolve/resolv.conf", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
