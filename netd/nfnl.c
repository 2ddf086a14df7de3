/*
 * Netfilter netlink; see nfnl.h. Every change is a batch: begin, the change,
 * end; the kernel commits all of it or nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <poll.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

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
nf_msg(int type, int flags, uint8_t family, uint16_t res_id)
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

static size_t
append(char *buf, size_t used, struct nl_msg *msg, uint32_t seq)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);

	h->nlmsg_seq = seq;
	h->nlmsg_pid = 0;
	memcpy(buf + used, h, h->nlmsg_len);
	return used + NLMSG_ALIGN(h->nlmsg_len);
}

/* The answer to @seq: 0 or -errno. A batch that fails as a whole is answered
 * under the number of its beginning, @seq - 1. */
static int
wait_ack(int fd, uint32_t seq)
{
	union {
		char buf[4096];
		struct nlmsghdr h;
	} in;
	uint64_t end = netd_soon(), now;

	while ((now = nx_now_us()) < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;
		int left;

		if (poll(&p, 1, (int)((end - now) / 1000) + 1) <= 0)
			continue;
		n = recv(fd, in.buf, sizeof(in.buf), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		left = (int)n;
		for (struct nlmsghdr *h = &in.h; nlmsg_ok(h, left);
		     h = nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_type == NLMSG_ERROR &&
			    h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) &&
			    (h->nlmsg_seq == seq ||
				(h->nlmsg_seq == seq - 1 && e->error)))
				return e->error;
		}
	}
	return -ETIMEDOUT;
}

/* Consumes @change. */
static int
commit(int fd, struct nl_msg *change)
{
	static uint32_t sequence;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nl_msg *begin, *end;
	union {
		char buf[1024];
		struct nlmsghdr align;
	} out;
	uint32_t seq;
	size_t len = 0;
	int r = -ENOMEM;

	if (sequence == 0)
		sequence = (uint32_t)nx_wall_us() | 1;
	begin =
	    nf_msg(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end = nf_msg(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	if (begin && end && change) {
		memset(&out, 0, sizeof(out));
		len = append(out.buf, len, begin, ++sequence);
		seq = ++sequence;
		len = append(out.buf, len, change, seq);
		len = append(out.buf, len, end, ++sequence);
		r = sendto(fd, out.buf, len, MSG_DONTWAIT,
			(struct sockaddr *)&kernel, sizeof(kernel)) < 0
		    ? -errno
		    : wait_ack(fd, seq);
	}
	nlmsg_free(begin);
	nlmsg_free(change);
	nlmsg_free(end);
	return r;
}

#define NFT(t) ((NFNL_SUBSYS_NFTABLES << 8) | (t))

/* The set's key: ifname . ether_addr . ipv4_addr, each padded to 4 bytes. */
struct key {
	char ifname[16];
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t address; /* network byte order */
};

static int
put_element(struct nl_msg *msg, const struct netd_binding *b)
{
	struct nlattr *elements, *element, *data;
	struct key key = {.address = htonl(b->address)};

	memcpy(key.ifname, b->ifname, sizeof(key.ifname));
	memcpy(key.mac, b->mac, sizeof(key.mac));
	elements = nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = elements ? nla_nest_start(msg, NFTA_LIST_ELEM) : NULL;
	data = element ? nla_nest_start(msg, NFTA_SET_ELEM_KEY) : NULL;
	if (!data || nla_put(msg, NFTA_DATA_VALUE, sizeof(key), &key) < 0)
		return -ENOMEM;
	nla_nest_end(msg, data);
	nla_nest_end(msg, element);
	nla_nest_end(msg, elements);
	return 0;
}

int
netd_nfnl_bind(
    int fd, const char *table, const struct netd_binding *b, bool add)
{
	struct nl_msg *msg;
	int r;

	msg = add
	    ? nf_msg(NFT(NFT_MSG_NEWSETELEM), NLM_F_CREATE | NLM_F_ACK,
		  NFPROTO_BRIDGE, 0)
	    : nf_msg(NFT(NFT_MSG_DELSETELEM), NLM_F_ACK, NFPROTO_BRIDGE, 0);
	if (!msg || nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, table) < 0 ||
	    nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, "links") < 0 ||
	    put_element(msg, b) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = commit(fd, msg);
	return (add && r == -EEXIST) || (!add && r == -ENOENT) ? 0 : r;
}

int
netd_nfnl_delete_table(int fd, uint8_t family, const char *table)
{
	struct nl_msg *msg;
	int r;

	msg = nf_msg(NFT(NFT_MSG_DELTABLE), NLM_F_ACK, family, 0);
	if (msg && nla_put_string(msg, NFTA_TABLE_NAME, table) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	r = commit(fd, msg);
	return r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}
