/*
 * Accepting. Beyond a cap a connection is accepted and closed at once: left in
 * the backlog it would only make others wait.
 */
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
#define PER_TURN 64 /* connections accepted before others get their turn */
#define PAUSE_US 200000
#define WARN_US  10000000

struct listener {
	struct http_server *server;
	struct event *event[SOCKETS];
	size_t n;
	struct event *again; /* accepting goes on after a pause */
	uint64_t warned_us;
	uint64_t turned_away;
};

static void
turned_away(struct listener *l, const struct address *from)
{
	uint64_t now = nx_now_us();
	char peer[ADDRESS_TEXT];

	address_text(from, peer);
	l->turned_away++;
	if (now - l->warned_us < WARN_US && l->warned_us != 0)
		return;
	l->warned_us = now;
	nx_warn("event=too-many-connections peer=%s connections=%zu "
		"turned_away=%llu",
	    peer, l->server->count, (unsigned long long)l->turned_away);
}

/* Only TCP has these; other sockets refuse them, and need none. */
static void
set_options(int fd)
{
	unsigned unread = CONN_WINDOW_FILE * 1000; /* milliseconds */
	int one = 1;

	/* Replies are written whole: nothing to wait for. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* Who takes nothing of it is given up by the kernel, too, which else
	 * would keep what is unsent after our close for long. */
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread, sizeof(unread));
}

static void
take_connection(struct listener *l, int fd, const struct sockaddr_storage *ss)
{
	struct address from;
	int result;

	address_of(&from, ss);
	if (l->server->count >= l->server->config.limits->max_connections) {
		nx_close(&fd);
		turned_away(l, &from);
		return;
	}
	if (from.known)
		set_options(fd);
	result = conn_new(l->server, fd, &from);
	if (result == -EUSERS)
		turned_away(l, &from);
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
