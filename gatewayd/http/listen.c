/*
 * Listening sockets, and how many connections an address has. An address is
 * counted by what one client is likely to hold: an IPv4 address or an IPv6 /64. Beyond a cap a connection is accepted and closed
 * at once: left in the backlog it would only make others wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/event.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/http/conn.h"
#include "gatewayd/http/listen.h"

#define SOCKETS  8
#define BUCKETS  1024U
#define PER_TURN 64 /* connections accepted before others get their turn */
#define PAUSE_US 200000
#define WARN_US  10000000

struct address {
	struct address *next;
	uint8_t key[8];
	bool v6;
	uint64_t count;
};

struct listener {
	struct http_server *server;
	struct event *event[SOCKETS];
	size_t n;
	struct event *again; /* accepting goes on after a pause */
	struct address *bucket[BUCKETS];
	uint64_t warned_us;
	uint64_t turned_away;
};

static struct address **
address_slot(struct listener *l, const uint8_t key[8], bool v6)
{
	struct address **slot;
	uint64_t hash;

	memcpy(&hash, key, sizeof(hash));
	hash = (hash ^ v6) * 0x9e3779b97f4a7c15ULL;
	slot = &l->bucket[hash >> 32 & (BUCKETS - 1)];
	while (
	    *slot && ((*slot)->v6 != v6 || memcmp((*slot)->key, key, 8) != 0))
		slot = &(*slot)->next;
	return slot;
}

void
listener_gone(struct listener *l, struct address *address)
{
	struct address **slot;

	if (!address || --address->count > 0)
		return;
	slot = address_slot(l, address->key, address->v6);
	nx_assert(*slot == address);
	*slot = address->next;
	free(address);
}

/* The address's entry with one connection more; NULL: too many, or no memory. */
static struct address *
address_take(struct listener *l, const uint8_t key[8], bool v6)
{
	struct address **slot = address_slot(l, key, v6);

	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return NULL;
		memcpy((*slot)->key, key, 8);
		(*slot)->v6 = v6;
	}
	if ((*slot)->count >= l->server->config.limits->max_per_address)
		return NULL;
	(*slot)->count++;
	return *slot;
}

/* The key an address is counted under, and its text for logs and limits. */
static bool
address_of(const struct sockaddr_storage *ss, uint8_t key[8], char peer[46],
    bool *ret_v6)
{
	memset(key, 0, 8);
	*ret_v6 = false;
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		memcpy(key, &in->sin_addr, 4);
		return inet_ntop(AF_INET, &in->sin_addr, peer, 46) != NULL;
	}
	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)ss;
		const uint8_t *a = in6->sin6_addr.s6_addr;

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			memcpy(key, a + 12, 4);
			return inet_ntop(AF_INET, a + 12, peer, 46) != NULL;
		}
		memcpy(key, a, 8);
		*ret_v6 = true;
		return inet_ntop(AF_INET6, a, peer, 46) != NULL;
	}
	return false;
}

static void
turn_away(struct listener *l, int fd, const char *peer)
{
	uint64_t now = nx_now_us();

	nx_close(&fd);
	l->turned_away++;
	if (now - l->warned_us < WARN_US && l->warned_us != 0)
		return;
	l->warned_us = now;
	nx_warn("event=too-many-connections peer=%s connections=%zu "
		"turned_away=%llu",
	    peer, l->server->count, (unsigned long long)l->turned_away);
}

static void
take_connection(struct listener *l, int fd, const struct sockaddr_storage *ss)
{
	struct address *address = NULL;
	char peer[46] = "?";
	uint8_t key[8];
	unsigned unread = CONN_WINDOW_FILE * 1000; /* milliseconds */
	int one = 1;
	bool v6;

	if (l->server->count >= l->server->config.limits->max_connections) {
		turn_away(l, fd, peer);
		return;
	}
	if (address_of(ss, key, peer, &v6)) {
		address = address_take(l, key, v6);
		if (!address) {
			turn_away(l, fd, peer);
			return;
		}
		/* Replies are written whole: nothing to wait for. */
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		/* Who takes nothing of it is given up by the kernel, too, which
		 * else would keep what is unsent after our close for long. */
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread, sizeof(unread));
	}
	if (conn_new(l->server, fd, address, peer) < 0)
		listener_gone(l, address);
}

static void
pause_accepting(struct listener *l)
{
	struct timeval tv = {0, PAUSE_US};
	size_t i;

	for (i = 0; i < l->n; i++)
		event_del(l->event[i]);
	event_add(l->again, &tv);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	size_t i;

	(void)fd;
	(void)what;
	for (i = 0; i < l->n; i++)
		event_add(l->event[i], NULL);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct sockaddr_storage ss;
	socklen_t len;
	int i, s;

	(void)what;
	for (i = 0; i < PER_TURN; i++) {
		len = sizeof(ss);
		s = accept4(fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s >= 0) {
			take_connection(l, s, &ss);
			continue;
		}
		/* No descriptors or memory: the backlog stays readable, so
		 * look again later instead of spinning. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accepting(l);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

struct listener *
listener_new(struct http_server *server)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->server = server;
	l->again = event_new(server->config.base, -1, 0, on_again, l);
	return l->again ? l : listener_free(l);
}

int
listener_add(struct listener *l, int fd)
{
	int result = nx_fd_nonblock(fd, true);
	struct event *e;

	if (result == 0 && l->n == SOCKETS)
		result = -ENFILE;
	if (result < 0) {
		nx_close(&fd);
		return result;
	}
	e = event_new(
	    l->server->config.base, fd, EV_READ | EV_PERSIST, on_accept, l);
	if (!e || event_add(e, NULL) < 0) {
		if (e)
			event_free(e);
		nx_close(&fd);
		return -ENOMEM;
	}
	l->event[l->n++] = e;
	return 0;
}

void
listener_stop(struct listener *l)
{
	int fd;

	event_del(l->again);
	while (l->n > 0) {
		fd = event_get_fd(l->event[--l->n]);
		event_free(l->event[l->n]);
		nx_close(&fd);
	}
}

struct listener *
listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	if (l->again) {
		listener_stop(l);
		event_free(l->again);
	}
	free(l);
	return NULL;
}
