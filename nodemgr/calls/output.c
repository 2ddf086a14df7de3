/*
 * What a function writes; see output.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "nodemgr/calls/output.h"

#define PIECE 65536

static int
make_room(struct output *o, size_t n)
{
	size_t room = o->room ? o->room : 4096;
	char *data;

	while (room < o->len + n)
		room *= 2;
	if (room == o->room)
		return 0;
	data = realloc(o->data, room);
	if (!data)
		return -ENOMEM;
	o->data = data;
	o->room = room;
	return 0;
}

static void
keep(struct output *o, const char *piece, size_t n)
{
	size_t fits = o->max - o->len < n ? o->max - o->len : n;

	if (fits > 0 && make_room(o, fits) == 0) {
		memcpy(o->data + o->len, piece, fits);
		o->len += fits;
	} else {
		fits = 0;
	}
	if (fits < n) {
		o->dropped += n - fits;
		o->on_drop(o->arg);
	}
}

/* 1: there may be more. */
static int
take(struct output *o)
{
	static char piece[PIECE];
	ssize_t n = read(o->fd, piece, sizeof(piece));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		if (o->event)
			event_free(o->event);
		o->event = NULL;
		nx_close(&o->fd);
		return 0;
	}
	keep(o, piece, (size_t)n);
	return 1;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)take(arg);
}

int
output_open(struct output *o, struct event_base *base, size_t max,
    void (*on_drop)(void *arg), void *arg, int *ret_write)
{
	int pair[2], r;

	*o = (struct output){
	    .fd = -1, .max = max, .on_drop = on_drop, .arg = arg};
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	o->fd = pair[0];
	r = nx_fd_nonblock(o->fd, true);
	o->event = event_new(base, o->fd, EV_READ | EV_PERSIST, on_readable, o);
	if (r < 0 || !o->event || event_add(o->event, NULL) < 0) {
		nx_close(&pair[1]);
		output_fini(o);
		return r < 0 ? r : -ENOMEM;
	}
	*ret_write = pair[1];
	return 0;
}

void
output_drain(struct output *o)
{
	while (o->fd >= 0 && take(o))
		;
}

void
output_fini(struct output *o)
{
	if (o->event)
		event_free(o->event);
	o->event = NULL;
	nx_close(&o->fd);
	free(o->data);
	o->data = NULL;
}
