/*
 * Bytes in and out of one connection, and the two buffers it may hold.
 *
 * In: c->in[in_off .. in_off + in_len) is unread. The buffer comes with the
 * first byte and goes when all is read between requests, so an idle connection
 * holds none. It grows to CONN_IN_MAX, for uploads at once to CONN_STREAM_MAX.
 *
 * Out: what the socket did not take of a reply, c->out[out_off .. out_off +
 * out_len). While it is there everything goes behind it, and it is on somebody's
 * account (c->kept) until the last byte is with the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/http/conn.h"

#define IN_FIRST 8192U /* a head, and 4 KiB behind it */
#define IN_ROOM  2048U /* worth a system call */

void
conn_in_free(struct conn *c)
{
	free(c->in);
	c->in = NULL;
	c->in_off = c->in_len = c->in_cap = 0;
}

void
conn_in_drop(struct conn *c, uint32_t n)
{
	nx_assert(n <= c->in_len);
	c->in_off += n;
	c->in_len -= n;
	if (c->in_len == 0)
		c->in_off = 0;
}

/* Room at the end of the buffer, without growing it beyond @max. */
static bool
make_room(struct conn *c, uint32_t max)
{
	uint32_t cap = c->in_cap ? c->in_cap : IN_FIRST;
	char *in;

	nx_assert(c->in_off + c->in_len <= c->in_cap);
	/* Only when it saves a further buffer: moving costs, too. */
	if (c->in_off > 0 && c->in_cap - c->in_off - c->in_len < IN_ROOM) {
		memmove(c->in, c->in + c->in_off, c->in_len);
		c->in_off = 0;
	}
	if (c->in && c->in_cap - c->in_off - c->in_len >= IN_ROOM)
		return true;
	while (cap < max && cap - c->in_len < IN_ROOM)
		cap *= 2;
	if (max == CONN_STREAM_MAX || cap > max)
		cap = max;
	if (cap <= c->in_cap)
		return true;
	in = realloc(c->in, cap);
	if (!in)
		return false;
	c->in = in;
	c->in_cap = cap;
	return true;
}

ssize_t
conn_fill(struct conn *c, uint32_t max)
{
	uint32_t end;
	ssize_t n;

	if (c->eof)
		return -EPIPE;
	if (c->in_len >= max)
		return 0;
	if (!make_room(c, max))
		return -ENOMEM;
	end = c->in_off + c->in_len;
	if (end == c->in_cap)
		return 0;
	do
		n = recv(c->fd, c->in + end, c->in_cap - end, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		c->eof = true;
		return -EPIPE;
	}
	c->in_len += (uint32_t)n;
	c->moved += (uint64_t)n;
	return n;
}

/* --- out -------------------------------------------------------------------*/

bool
conn_out_pending(const struct conn *c)
{
	return c->out_len > 0;
}

void
conn_want_write(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	if (c->deadline_us == 0)
		conn_rate_window(c);
	if (event_add(&c->write, NULL) < 0)
		conn_close(c);
}

void
conn_out_free(struct conn *c)
{
	struct shares *shares = c->server->config.shares;

	c->server->kept -= c->out_off + c->out_len;
	share_give(shares, c->kept, SHARE_KEPT, c->out_off + c->out_len);
	shares_put(shares, nx_take_ptr(c->kept));
	free(c->out);
	c->out = NULL;
	c->out_off = c->out_len = 0;
}

/* On whose account is what is kept from now on? The user's who asked, if it is
 * known, else the address's. */
static void
charge(struct conn *c, size_t n)
{
	struct shares *shares = c->server->config.shares;
	const struct share *of = !c->x ? NULL
	    : c->x->user               ? c->x->user
				       : c->x->share;

	if (of && !c->kept)
		c->kept = shares_get(shares, of->family, of->key);
	share_take(shares, c->kept, SHARE_KEPT, n);
	c->server->kept += n;
}

/* Keeps what of @iov lies behind the first @sent bytes. */
static bool
keep_rest(struct conn *c, const struct iovec *iov, int n, size_t sent)
{
	size_t total = 0, at;
	char *out;
	int i;

	for (i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (total == sent)
		return true;
	if (total - sent > CONN_KEPT_MAX)
		return false;
	out = realloc(c->out, c->out_off + c->out_len + total - sent);
	if (!out)
		return false;
	c->out = out;
	charge(c, total - sent);
	at = c->out_off + c->out_len;
	for (i = 0; i < n; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;

		sent -= skip;
		if (iov[i].iov_len == skip)
			continue;
		memcpy(out + at, (char *)iov[i].iov_base + skip,
		    iov[i].iov_len - skip);
		at += iov[i].iov_len - skip;
	}
	c->out_len = at - c->out_off;
	return true;
}

static ssize_t
send_some(struct conn *c, struct iovec *iov, size_t n, int flags)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent;

	do
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | flags);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? 0 : -errno;
	c->moved += (uint64_t)sent;
	return sent;
}

bool
conn_write(struct conn *c, const struct iovec *iov, int n, bool more)
{
	struct iovec copy[4];
	ssize_t sent = 0;

	if (c->phase == CONN_DEAD)
		return false;
	nx_assert(n >= 0 && (size_t)n <= NX_ARRAY_SIZE(copy));
	if (!conn_out_pending(c)) {
		memcpy(copy, iov, (size_t)n * sizeof(*iov));
		sent = send_some(c, copy, (size_t)n, more ? MSG_MORE : 0);
	}
	if (sent < 0 || !keep_rest(c, iov, n, (size_t)sent)) {
		conn_close(c);
		return false;
	}
	if (c->server->kept > CONN_KEPT_MAX)
		server_shed(c->server); /* perhaps this one */
	if (c->phase == CONN_DEAD)
		return false;
	if (conn_out_pending(c))
		conn_want_write(c);
	return c->phase != CONN_DEAD;
}

bool
conn_flush(struct conn *c)
{
	struct iovec iov = {c->out + c->out_off, c->out_len};
	ssize_t sent;

	if (!conn_out_pending(c))
		return true;
	nx_assert(c->phase != CONN_DEAD && c->out);
	sent = send_some(c, &iov, 1, 0);
	if (sent < 0) {
		conn_close(c);
		return false;
	}
	c->out_off += (size_t)sent;
	c->out_len -= (size_t)sent;
	if (conn_out_pending(c)) {
		conn_want_write(c);
		return c->phase != CONN_DEAD;
	}
	conn_out_free(c);
	if (c->phase == CONN_REPLY)
		c->deadline_us = 0;
	return true;
}
