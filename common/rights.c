/* Passing descriptors: the only recvmsg and sendmsg with control data. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/rights.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * NX_RIGHTS_MAX)];
};

struct taken {
	int fds[NX_RIGHTS_MAX];
	size_t n;
	bool strange; /* something came that nobody sends */
};

static void
take(struct taken *t, const struct cmsghdr *c)
{
	for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len;
	     at += sizeof(int)) {
		int fd;

		memcpy(&fd, (const uint8_t *)c + at, sizeof(fd));
		if (t->n < NX_RIGHTS_MAX)
			t->fds[t->n++] = fd;
		else {
			nx_close(&fd);
			t->strange = true;
		}
	}
}

/* Of every control message, for the kernel has put all of them into our table,
 * also those that CMSG_SPACE's padding made room for. */
static void
take_all(struct taken *t, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take(t, c);
		else
			t->strange = true;
	}
}

ssize_t
nx_recv_fds(int sock, void *data, size_t len, int *fds, size_t max, int flags,
    size_t *ret_n)
{
	union control control;
	struct iovec iov = {data, len};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * max)};
	struct taken t = {.n = 0};
	ssize_t n;

	nx_assert(max > 0 && max <= NX_RIGHTS_MAX);
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_all(&t, &msg);
	/* MSG_CTRUNC is set without any control message when the receiver is
	 * out of descriptors, so it is tested on its own. */
	if (t.strange || t.n > max || (n == 0 && t.n > 0) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < t.n; i++)
			nx_close(&t.fds[i]);
		return -EPROTO;
	}
	memcpy(fds, t.fds, t.n * sizeof(fds[0]));
	*ret_n = t.n;
	return n;
}

int
nx_send_fds(
    int sock, const void *data, size_t len, const int *fds, size_t n, int flags)
{
	union control control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	nx_assert(n <= NX_RIGHTS_MAX);
	if (n > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == len ? 0 : -EIO;
}
