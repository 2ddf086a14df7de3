/*
 * Batches to nf_tables: begin, the changes, end. What the kernel refuses is
 * answered under the number of the change, or, where the batch fails as a
 * whole, under that of its beginning.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <netlink/attr.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "netd/nfnl.h"
#include "netd/rtnl.h"

int
netd_nfnl_open(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
	nx_cleanup_fd int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

static struct nl_msg *
message(int type, int flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg nf = {.nfgen_family = family,
	    .version = NFNETLINK_V0,
	    .res_id = htons(res_id)};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_REQUEST);

	if (msg && nlmsg_append(msg, &nf, sizeof(nf), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *
netd_nfnl_msg(int type, int flags, uint8_t family)
{
	return message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0);
}

/* --- a batch ------------------------------------------------------------------*/

struct batch {
	char *buf;
	size_t len, size;
	uint32_t first, last; /* numbers of its begin and its last change */
};

/* Consumes @msg. */
static int
append(struct batch *b, struct nl_msg *msg, uint32_t seq)
{
	struct nlmsghdr *h;
	size_t len;
	void *more;

	if (!msg)
		return -ENOMEM;
	h = nlmsg_hdr(msg);
	len = NLMSG_ALIGN(h->nlmsg_len);
	h->nlmsg_seq = seq;
	h->nlmsg_pid = 0;
	if (b->len + len > b->size) {
		more = realloc(b->buf, (b->len + len) * 2);
		if (!more) {
			nlmsg_free(msg);
			return -ENOMEM;
		}
		b->buf = more;
		b->size = (b->len + len) * 2;
	}
	memset(b->buf + b->len, 0, len);
	memcpy(b->buf + b->len, h, h->nlmsg_len);
	b->len += len;
	nlmsg_free(msg);
	return 0;
}

/* MORE, or the batch's fate. */
enum { MORE = 1 };
static int
take(const struct batch *b, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	if (h->nlmsg_type != NLMSG_ERROR ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ||
	    h->nlmsg_seq - b->first > b->last - b->first)
		return MORE;
	return e->error || h->nlmsg_seq == b->last ? e->error : MORE;
}

static int
wait_ack(int fd, const struct batch *b)
{
	union {
		char buf[8192];
		struct nlmsghdr h;
	} in;
	uint64_t end = netd_soon(), now;

	while ((now = nx_now_us()) < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;
		int left, r;

		if (poll(&p, 1, (int)((end - now) / 1000) + 1) <= 0)
			continue;
		n = recv(fd, in.buf, sizeof(in.buf), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		left = (int)n;
		for (struct nlmsghdr *h = &in.h; nlmsg_ok(h, left);
		     h = nlmsg_next(h, &left))
			if ((r = take(b, h)) != MORE)
				return r;
	}
	return -ETIMEDOUT;
}

/* Consumes @changes, also when it fails. */
static int
build(struct batch *b, struct nl_msg **changes, size_t n)
{
	static uint32_t sequence;
	int r;

	if (sequence == 0)
		sequence = (uint32_t)nx_wall_us() | 1;
	b->first = ++sequence;
	r = append(b,
	    message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES),
	    b->first);
	for (size_t i = 0; i < n; i++) {
		if (changes[i] && i == n - 1)
			nlmsg_hdr(changes[i])->nlmsg_flags |= NLM_F_ACK;
		if (r == 0)
			r = append(b, changes[i], b->last = ++sequence);
		else
			nlmsg_free(changes[i]);
	}
	if (r == 0)
		r = append(b,
		    message(
			NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES),
		    ++sequence);
	return r;
}

int
netd_nfnl_commit(int fd, struct nl_msg **changes, size_t n)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct batch b = {0};
	int r;

	nx_assert(n >= 1 && n <= NETD_BATCH_MAX);
	r = build(&b, changes, n);
	if (r == 0)
		r = sendto(fd, b.buf, b.len, MSG_DONTWAIT,
			(struct sockaddr *)&kernel, sizeof(kernel)) < 0
		    ? -errno
		    : wait_ack(fd, &b);
	free(b.buf);
	return r;
}

int
netd_nfnl_delete_table(int fd, uint8_t family, const char *table)
{
	struct nl_msg *msg;
	int r;

	msg = netd_nfnl_msg(NFT_MSG_DELTABLE, 0, family);
	if (msg && nla_put_string(msg, NFTA_TABLE_NAME, table) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = netd_nfnl_commit(fd, &msg, 1);
	return r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}
