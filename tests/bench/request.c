/*
 * An HTTP client that costs next to nothing, to be asked by timer.c: for every
 * line on stdin it sends the same request and answers "ok" when the reply was
 * complete and as expected, else what was wrong with it.
 *
 *	request PORT FILE [TEXT]
 *
 * FILE holds the request as it goes over the wire. The reply has to be a 200
 * with a Content-Length, and TEXT, if given, has to be in its first 64 KiB. The
 * connection to 127.0.0.1 is kept as long as the server keeps it. What comes
 * from the server is bounded and only searched.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"

#define HEAD_MAX    65536U
#define PIECE       (1U << 20)
#define REQUEST_MAX (1U << 20)

struct client {
	struct sockaddr_in to;
	int fd;
	char *request;
	size_t request_len;
	const char *expected;
	char *buf; /* PIECE bytes */
};

static int
connect_to(struct client *c)
{
	int on = 1;

	if (c->fd >= 0)
		return 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    connect(c->fd, (struct sockaddr *)&c->to, sizeof(c->to)) < 0) {
		int error = -errno;

		nx_close(&c->fd);
		return error;
	}
	return 0;
}

/* Reads until the head is complete; returns the bytes read, which may go
 * beyond it, or -errno. *ret_body: where the body begins. */
static ssize_t
read_head(struct client *c, char **ret_body)
{
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = recv(c->fd, c->buf + len, HEAD_MAX - 1 - len, 0);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		len += (size_t)n;
		c->buf[len] = '\0';
		*ret_body = strstr(c->buf, "\r\n\r\n");
		if (*ret_body)
			break;
		if (len == HEAD_MAX - 1)
			return -EMSGSIZE;
	}
	*ret_body += 4;
	return (ssize_t)len;
}

static int
skip_body(struct client *c, uint64_t left)
{
	while (left > 0) {
		size_t want = left < PIECE ? (size_t)left : PIECE;
		ssize_t n = recv(c->fd, c->buf, want, 0);

		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		left -= (uint64_t)n;
	}
	return 0;
}

/* One request and its reply: NULL, or what was wrong. */
static const char *
exchange(struct client *c)
{
	const char *length, *wrong = NULL;
	uint64_t size, have;
	bool closes;
	ssize_t n;
	char *body;
	int r;

	r = connect_to(c);
	if (r == 0)
		r = nx_write_full(c->fd, c->request, c->request_len);
	n = r < 0 ? r : read_head(c, &body);
	if (n < 0) {
		nx_close(&c->fd);
		return strerror((int)-n);
	}
	length = strcasestr(c->buf, "\r\nContent-Length:");
	if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0 || !length ||
	    length > body) {
		nx_close(&c->fd);
		c->buf[strcspn(c->buf, "\r\n")] = '\0';
		return c->buf;
	}
	size = strtoull(length + 17, NULL, 10);
	have = (uint64_t)(c->buf + n - body);
	closes = strcasestr(c->buf, "\r\nConnection: close") != NULL;
	while (c->expected && have < size && n < (ssize_t)HEAD_MAX - 1) {
		ssize_t more =
		    recv(c->fd, c->buf + n, HEAD_MAX - 1 - (size_t)n, 0);

		if (more <= 0)
			break;
		n += more;
		have += (uint64_t)more;
	}
	c->buf[n] = '\0';
	if (c->expected && !strstr(body, c->expected))
		wrong = "the reply lacks what was expected";
	r = have < size ? skip_body(c, size - have) : 0;
	if (r < 0 || closes)
		nx_close(&c->fd);
	return r < 0 ? strerror(-r) : wrong;
}

int
main(int argc, char **argv)
{
	struct client c = {.fd = -1};
	char line[16];
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: request PORT FILE [TEXT]\n");
		return 2;
	}
	c.to = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(argv[1])),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	c.expected = argc > 3 ? argv[3] : NULL;
	c.buf = malloc(PIECE + 1);
	r = nx_read_file(AT_FDCWD, argv[2], REQUEST_MAX, &c.request);
	if (!c.buf || r < 0) {
		fprintf(stderr, "request: cannot read %s\n", argv[2]);
		return 1;
	}
	c.request_len = (size_t)r;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		const char *wrong = exchange(&c);

		printf("%s\n", wrong ? wrong : "ok");
	}
	nx_close(&c.fd);
	free(c.request);
	free(c.buf);
	return 0;
}
