/*
 * Elements of the firewall's sets. A key of several parts is its parts one
 * after the other, each padded to four bytes; every key that is a link's begins
 * with the link's name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "common/err.h"
#include "netd/nfnl.h"
#include "netd/rtnl.h"
#include "netd/sets.h"

#define KEY_MAX 32

struct key {
	size_t len;
	uint8_t bytes[KEY_MAX];
};

static void
key_add(struct key *k, const void *part, size_t len)
{
	nx_assert(k->len + (len + 3) / 4 * 4 <= sizeof(k->bytes));
	memcpy(k->bytes + k->len, part, len);
	k->len += (len + 3) / 4 * 4;
}

static void
key_link(const struct netd_binding *b, struct key *k)
{
	uint32_t address = htonl(b->address);

	key_add(k, b->ifname, sizeof(b->ifname));
	key_add(k, b->mac, sizeof(b->mac));
	key_add(k, &address, sizeof(address));
}

static void
key_owner(const struct netd_binding *b, struct key *k)
{
	key_add(k, b->ifname, sizeof(b->ifname));
}

/* A mark is in the host's byte order. */
static void
key_owned(const struct netd_binding *b, struct key *k)
{
	key_add(k, b->ifname, sizeof(b->ifname));
	key_add(k, &b->user, sizeof(b->user));
}

static const struct set {
	const char *name;
	void (*key)(const struct netd_binding *b, struct key *k);
	bool map; /* to the user */
} sets[] = {
    {"links", key_link, false},
    {"owners", key_owner, true},
    {"owned", key_owned, false},
};

static struct key
key_of(const struct set *set, const struct netd_binding *b)
{
	struct key k = {0};

	set->key(b, &k);
	return k;
}

/* --- messages -----------------------------------------------------------------*/

static int
put_data(struct nl_msg *msg, int type, const void *data, size_t len)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	if (!nest || nla_put(msg, NFTA_DATA_VALUE, (int)len, data) < 0)
		return -ENOMEM;
	nla_nest_end(msg, nest);
	return 0;
}

static int
put_element(struct nl_msg *msg, const struct key *k, const uint32_t *value,
    uint32_t flags)
{
	struct nlattr *element = nla_nest_start(msg, NFTA_LIST_ELEM);

	if (!element ||
	    put_data(msg, NFTA_SET_ELEM_KEY, k->bytes, k->len) < 0 ||
	    (value &&
		put_data(msg, NFTA_SET_ELEM_DATA, value, sizeof(*value)) < 0) ||
	    (flags && nla_put_u32(msg, NFTA_SET_ELEM_FLAGS, htonl(flags)) < 0))
		return -ENOMEM;
	nla_nest_end(msg, element);
	return 0;
}

static struct nl_msg *
elements_msg(
    int type, int flags, uint8_t family, const char *table, const char *set)
{
	struct nl_msg *msg = netd_nfnl_msg(type, flags, family);

	if (!msg || nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, table) < 0 ||
	    nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, set) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* One element of a link's set in, or out. */
static struct nl_msg *
change(const char *table, const struct set *set, const struct key *k,
    const uint32_t *value, bool add)
{
	struct nl_msg *msg =
	    elements_msg(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
		add ? NLM_F_CREATE : 0, NFPROTO_BRIDGE, table, set->name);
	struct nlattr *list =
	    msg ? nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS) : NULL;

	if (!list || put_element(msg, k, value, 0) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, list);
	return msg;
}

/* --- links --------------------------------------------------------------------*/

static int
bind_all(int fd, const char *table, const struct netd_binding *b, bool add)
{
	struct nl_msg *changes[NX_ARRAY_SIZE(sets)];
	struct key k;

	for (size_t i = 0; i < NX_ARRAY_SIZE(sets); i++) {
		k = key_of(&sets[i], b);
		changes[i] = change(table, &sets[i], &k,
		    add && sets[i].map ? &b->user : NULL, add);
	}
	return netd_nfnl_commit(fd, changes, NX_ARRAY_SIZE(sets));
}

int
netd_sets_bind(
    int fd, const char *table, const struct netd_binding *b, bool add)
{
	int r = bind_all(fd, table, b, add);

	/* The name is still somebody else's, who is gone: it changes hands. */
	if (add && r == -EEXIST) {
		struct key k = key_of(&sets[1], b);
		struct nl_msg *out = change(table, &sets[1], &k, NULL, false);

		r = netd_nfnl_commit(fd, &out, 1);
		if (r == 0 || r == -ENOENT)
			r = bind_all(fd, table, b, true);
	}
	return !add && r == -ENOENT ? 0 : r;
}

/* What one set holds that no link has. */
struct stale {
	const struct set *set;
	const struct netd_binding *links;
	size_t n_links;
	struct key keys[NETD_BATCH_MAX];
	size_t n;
};

static bool
is_live(const struct stale *s, const struct key *k)
{
	for (size_t i = 0; i < s->n_links; i++) {
		struct key l = key_of(s->set, &s->links[i]);

		if (l.len == k->len && !memcmp(l.bytes, k->bytes, l.len))
			return true;
	}
	return false;
}

static int
on_element(struct nlattr *element, struct stale *s)
{
	struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *data[NFTA_DATA_MAX + 1];
	struct key k = {0};

	if (nla_parse_nested(tb, NFTA_SET_ELEM_MAX, element, NULL) < 0 ||
	    !tb[NFTA_SET_ELEM_KEY] ||
	    nla_parse_nested(data, NFTA_DATA_MAX, tb[NFTA_SET_ELEM_KEY], NULL) <
		0 ||
	    !data[NFTA_DATA_VALUE] ||
	    nla_len(data[NFTA_DATA_VALUE]) > (int)sizeof(k.bytes))
		return -EPROTO;
	key_add(&k, nla_data(data[NFTA_DATA_VALUE]),
	    (size_t)nla_len(data[NFTA_DATA_VALUE]));
	if (s->n < NETD_BATCH_MAX && !is_live(s, &k))
		s->keys[s->n++] = k;
	return 0;
}

static int
on_elements(const struct nlmsghdr *h, void *arg)
{
	const int header = (int)NLMSG_ALIGN(4); /* struct nfgenmsg */
	struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1], *element;
	int left, r = 0;

	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)h, header, tb,
		NFTA_SET_ELEM_LIST_MAX, NULL) < 0)
		return -EPROTO;
	if (!tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	nla_for_each_nested(element, tb[NFTA_SET_ELEM_LIST_ELEMENTS],
	    left) if (r == 0) r = on_element(element, arg);
	return r;
}

/* At most a batch at a time: the rest goes with the next sweep. */
static int
keep(int fd, const char *table, struct stale *s)
{
	struct nl_msg *changes[NETD_BATCH_MAX];
	int r;

	r = netd_talk(fd,
	    elements_msg(NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_BRIDGE, table,
		s->set->name),
	    netd_soon(), on_elements, s);
	if (r < 0 || s->n == 0)
		return r;
	for (size_t i = 0; i < s->n; i++)
		changes[i] = change(table, s->set, &s->keys[i], NULL, false);
	r = netd_nfnl_commit(fd, changes, s->n);
	return r < 0 ? r : (int)s->n;
}

int
netd_sets_keep(
    int fd, const char *table, const struct netd_binding *links, size_t n)
{
	struct stale *s = malloc(sizeof(*s));
	int r = s ? 0 : -ENOMEM, gone = 0;

	for (size_t i = 0; r >= 0 && i < NX_ARRAY_SIZE(sets); i++) {
		s->set = &sets[i];
		s->links = links;
		s->n_links = n;
		s->n = 0;
		r = keep(fd, table, s);
		gone += r;
	}
	free(s);
	return r < 0 ? r : gone;
}

/* --- networks -----------------------------------------------------------------*/

/* A range is where it begins, and, marked as an end, what comes after it. */
static int
put_range(struct nl_msg *msg, const struct netd_range *range)
{
	uint32_t first = htonl(range->first), after = htonl(range->last + 1);
	struct key k = {0};
	int r;

	key_add(&k, &first, sizeof(first));
	r = put_element(msg, &k, NULL, 0);
	if (r < 0 || after == 0)
		return r;
	k.len = 0;
	key_add(&k, &after, sizeof(after));
	return put_element(msg, &k, NULL, NFT_SET_ELEM_INTERVAL_END);
}

int
netd_sets_connected(
    int fd, const char *table, const struct netd_range *ranges, size_t n)
{
	struct nl_msg *changes[NETD_RANGES_MAX + 1];
	size_t n_changes = 0;

	nx_assert(n <= NETD_RANGES_MAX);
	/* Without elements: all of them. */
	changes[n_changes++] = elements_msg(
	    NFT_MSG_DELSETELEM, 0, NFPROTO_INET, table, "connected");
	for (size_t i = 0; i < n; i++) {
		struct nl_msg *msg = elements_msg(NFT_MSG_NEWSETELEM,
		    NLM_F_CREATE, NFPROTO_INET, table, "connected");
		struct nlattr *list = msg
		    ? nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS)
		    : NULL;

		if (!list || put_range(msg, &ranges[i]) < 0) {
			nlmsg_free(msg);
			msg = NULL;
		} else {
			nla_nest_end(msg, list);
		}
		changes[n_changes++] = msg;
	}
	return netd_nfnl_commit(fd, changes, n_changes);
}
