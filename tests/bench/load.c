/*
 * Many small requests over HTTP at once, from one thread that costs little:
 * what `wrk` cannot do, a file of its own for each.
 *
 *	load PORT TOKEN create|read CONNECTIONS SECONDS SIZE PREFIX [REPLICAS]
 *
 * create: PUT /api/fs/file?path=PREFIX<number>, SIZE bytes of content, each a
 * new file. read: GET the files of that name, 0 to 999, which must be there and
 * have SIZE bytes. Prints a line of JSON: good replies a second, those refused
 * (429, 503), times in ms. Any other reply ends it with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/id.h"

#define HEAD_MAX  2048U
#define REPLY_MAX (1U << 20)
#define FILES     1000U /* that are read in turn */
#define TIMES_MAX (1U << 22)

struct link {
	int fd;
	char *in; /* of the reply so far; REPLY_MAX */
	size_t len;
	uint64_t began;
};

static struct {
	const char *token, *prefix;
	bool create;
	size_t size;
	char *out; /* head and content of one request */
	uint64_t number, good, refused, until;
	uint32_t *times; /* microseconds */
	size_t n_times;
	unsigned busy;
} load;

static void
give_up(const char *why, const char *what)
{
	fprintf(stderr, "load: %s%s%.200s\n", why, what ? ": " : "",
	    what ? what : "");
	exit(1);
}

static void
ask(struct link *l)
{
	uint64_t n = load.number++;
	int head;

	if (load.create)
		head = snprintf(load.out, HEAD_MAX,
		    "PUT /api/fs/file?path=%s%llu HTTP/1.1\r\nHost: b\r\n"
		    "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n",
		    load.prefix, (unsigned long long)n, load.token, load.size);
	else
		head = snprintf(load.out, HEAD_MAX,
		    "GET /api/fs/download?path=%s%llu HTTP/1.1\r\nHost: b\r\n"
		    "Authorization: Bearer %s\r\n\r\n",
		    load.prefix, (unsigned long long)(n % FILES), load.token);
	if (head < 0 || head >= (int)HEAD_MAX)
		give_up("the token is too long", NULL);
	if (load.create) {
		memset(load.out + head, (int)(n & 0x7f), load.size);
		head += (int)load.size;
	}
	l->len = 0;
	l->began = nx_now_us();
	/* Small enough for an empty socket's buffer. */
	if (send(l->fd, load.out, (size_t)head, MSG_NOSIGNAL) != head)
		give_up("sending", strerror(errno));
	load.busy++;
}

/* Bytes the whole reply has; 0: not known yet. */
static size_t
reply_length(struct link *l)
{
	const char *end, *length;

	l->in[l->len] = '\0';
	end = strstr(l->in, "\r\n\r\n");
	if (!end)
		return 0;
	length = strcasestr(l->in, "\r\ncontent-length:");
	if (!length || length > end)
		give_up("a reply without length", l->in);
	return (size_t)(end + 4 - l->in) + strtoul(length + 17, NULL, 10);
}

static void
count(struct link *l)
{
	int status = atoi(l->in + 9);

	load.busy--;
	if (status == 200 || status == 201) {
		load.good++;
		if (load.n_times < TIMES_MAX)
			load.times[load.n_times++] =
			    (uint32_t)(nx_now_us() - l->began);
	} else if (status == 429 || status == 503)
		load.refused++;
	else
		give_up("unexpected", l->in);
}

static void
hear(struct link *l)
{
	ssize_t n = recv(l->fd, l->in + l->len, REPLY_MAX - l->len - 1, 0);
	size_t whole;

	if (n <= 0)
		give_up("the connection ended", n < 0 ? strerror(errno) : NULL);
	l->len += (size_t)n;
	whole = reply_length(l);
	if (whole == 0 || l->len < whole)
		return;
	if (!load.create && whole < load.size)
		give_up("a short reply", l->in);
	count(l);
	if (nx_now_us() < load.until)
		ask(l);
}

static void
open_link(struct link *l, unsigned port, int epoll)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
	int on = 1, room = 1 << 20;

	l->in = malloc(REPLY_MAX);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!l->in || l->fd < 0 ||
	    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0 ||
	    connect(l->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &e) < 0)
		give_up("connecting", strerror(errno));
}

static int
by_time(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double
percentile(unsigned percent)
{
	if (load.n_times == 0)
		return 0;
	return load.times[(load.n_times - 1) * percent / 100] / 1e3;
}

static void
report(uint64_t began)
{
	double seconds = (double)(nx_now_us() - began) / 1e6;

	qsort(load.times, load.n_times, sizeof(load.times[0]), by_time);
	printf("{\"rate\": %.1f, \"good\": %llu, \"refused\": %llu, "
	       "\"p50\": %.3f, \"p99\": %.3f}\n",
	    (double)load.good / seconds, (unsigned long long)load.good,
	    (unsigned long long)load.refused, percentile(50), percentile(99));
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), n, links;
	struct epoll_event events[64];
	uint64_t began;
	struct link *all;

	if (argc != 8)
		give_up("usage: load PORT TOKEN create|read CONNECTIONS "
			"SECONDS SIZE PREFIX",
		    NULL);
	load.token = argv[2];
	load.create = strcmp(argv[3], "create") == 0;
	links = atoi(argv[4]);
	load.size = strtoul(argv[6], NULL, 10);
	load.prefix = argv[7];
	load.out = malloc(HEAD_MAX + load.size);
	load.times = malloc(TIMES_MAX * sizeof(load.times[0]));
	all = calloc((size_t)links, sizeof(*all));
	if (!load.out || !load.times || !all || epoll < 0 || links < 1)
		give_up("out of memory", NULL);
	for (int i = 0; i < links; i++)
		open_link(&all[i], (unsigned)atoi(argv[1]), epoll);
	began = nx_now_us();
	load.until = began + strtoul(argv[5], NULL, 10) * 1000000;
	for (int i = 0; i < links; i++)
		ask(&all[i]);
	while (load.busy > 0) {
		n = epoll_wait(epoll, events, NX_ARRAY_SIZE(events), 10000);
		if (n <= 0)
			give_up("no reply in ten seconds", NULL);
		for (int i = 0; i < n; i++)
			hear(events[i].data.ptr);
	}
	report(began);
	return 0;
}
