/* Bytes in one direction. Reads only what it has written. */
#include <errno.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/pump.h"

static void
end(struct ctl_pump *p)
{
	(void)event_del(p->readable);
	(void)event_del(p->writable);
	p->over = true;
	p->at = p->len = 0;
	if (p->on_over)
		p->on_over(p);
}

/* A terminal whose other end was closed says EIO. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_pump *p = arg;
	ssize_t n = read(p->from, p->buffer, sizeof(p->buffer));

	(void)fd;
	(void)what;
	nx_assert(p->len == 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		(void)event_add(p->readable, NULL);
	} else if (n <= 0) {
		end(p);
	} else {
		p->at = 0;
		p->len = (size_t)n;
		(void)event_add(p->writable, NULL);
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_pump *p = arg;
	ssize_t n = write(p->to, p->buffer + p->at, p->len - p->at);

	(void)fd;
	(void)what;
	nx_assert(p->at < p->len);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		p->broken = true;
		end(p);
		return;
	}
	p->at += n > 0 ? (size_t)n : 0;
	if (p->at < p->len) {
		(void)event_add(p->writable, NULL);
		return;
	}
	p->at = p->len = 0;
	(void)event_add(p->readable, NULL);
}

int
ctl_pump_start(struct ctl_pump *p, struct event_base *base, int from, int to)
{
	p->from = from;
	p->to = to;
	p->len = 0;
	p->over = p->broken = false;
	p->readable = event_new(base, from, EV_READ, on_readable, p);
	p->writable = event_new(base, to, EV_WRITE, on_writable, p);
	if (!p->readable || !p->writable || event_add(p->readable, NULL) < 0) {
		ctl_pump_stop(p);
		return -ENOMEM;
	}
	return 0;
}

void
ctl_pump_drain(struct ctl_pump *p, size_t max)
{
	size_t moved = 0;
	ssize_t n;

	if (p->over || !p->readable)
		return;
	do {
		nx_assert(p->at <= p->len);
		if (nx_write_full(p->to, p->buffer + p->at, p->len - p->at) < 0)
			return;
		moved += p->len;
		p->at = p->len = 0;
		n = read(p->from, p->buffer, sizeof(p->buffer));
		p->len = n > 0 ? (size_t)n : 0;
	} while (p->len > 0 && moved < max);
}

void
ctl_pump_stop(struct ctl_pump *p)
{
	if (p->readable)
		event_free(p->readable);
	if (p->writable)
		event_free(p->writable);
	p->readable = p->writable = NULL;
}
