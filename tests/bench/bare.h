/*
 * What bare_store and bare_sendfile share: a listener on 127.0.0.1 and as much
 * HTTP as curl needs for one transfer, so that the same client measures Nexus
 * and them. For the bench's own client on loopback only.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"

#define BARE_HEAD_MAX 8192

/* Listens on a free port and prints its number. */
static inline int
bare_listen(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		nx_fatal(-errno, "listen");
	printf("%u\n", ntohs(in.sin_port));
	fflush(stdout);
	return fd;
}

/* Reads exactly the head of a request, so that what follows it is still in the
 * socket: a byte at a time would do, a look ahead is quicker. The value of
 * Content-Length (0: none) or -errno. */
static inline int64_t
bare_request(int fd)
{
	char head[BARE_HEAD_MAX + 1];
	const char *end, *length;
	ssize_t n;

	for (;;) {
		n = recv(fd, head, BARE_HEAD_MAX, MSG_PEEK);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		head[n] = '\0';
		end = strstr(head, "\r\n\r\n");
		if (end)
			break;
		if (n == BARE_HEAD_MAX)
			return -EMSGSIZE;
		usleep(100);
	}
	n = end + 4 - head;
	if (recv(fd, head, (size_t)n, MSG_WAITALL) != n)
		return -ECONNRESET;
	head[n] = '\0';
	length = strcasestr(head, "\r\nContent-Length:");
	return length ? (int64_t)strtoll(length + 17, NULL, 10) : 0;
}

#endif
