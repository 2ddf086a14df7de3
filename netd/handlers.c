/*
 * What others may ask of netd.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "netd/bridge.h"
#include "netd/netd.h"
#include "proto/serve_netd.h"

#define STATUS_LINKS 500 /* written limit of the reply */

static void
refuse(struct nx_request *r, int error, const char *text)
{
	Nx__Status status = error == -EEXIST         ? NX__STATUS__CONFLICT
	    : error == -EPERM                        ? NX__STATUS__INVALID
	    : error == -EBUSY || error == -ETIMEDOUT ? NX__STATUS__UNAVAILABLE
						     : NX__STATUS__INTERNAL;

	nx_warn("event=refused method=%s error=\"%s\"", r->method->name, text);
	nx_refuse(r, status, "%s", text);
}

/*
 * Safe to grant: only nodemgr may ask. The namespace is taken from the socket
 * itself and must belong to a user namespace other than the host's, so that
 * neither the host's own network nor one an administrator made can be changed
 * this way. What is made on the host is one veth in our own link group, on our
 * own bridge, under a name made of checked digits; the address has to be within
 * the subnet and not the bridge's. Inside, the node could do all this itself.
 */
void
serve_net_attach(
    struct nx_request *r, const Nx__NetAttachRequest *q, struct netd *n)
{
	Nx__NetAttachReply reply = NX__NET_ATTACH_REPLY__INIT;
	struct netd_owner owner = {
	    .address = q->address, .user = (uint32_t)q->owner};
	char ifname[NETD_IFNAME_LEN + 1], mac[18], error[256];
	uint32_t bridge = 0;
	uint8_t m[6];
	int e;

	if (!nx_id_valid(q->node)) {
		nx_refuse(r, NX__STATUS__INVALID, "not the id of a node");
		return;
	}
	if (q->prefix != n->subnet.prefix ||
	    !nx_subnet_holds(&n->subnet, q->address)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the address is not a node's in %s", n->subnet.text);
		return;
	}
	if (q->owner > UINT32_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "not the number of a user");
		return;
	}
	memcpy(owner.node, q->node, NX_ID_LEN + 1);
	/* Somebody may have removed the bridge; then it comes back. */
	e = netd_bridge_ensure(
	    n->rtnl, n->conf.bridge, &n->subnet, &bridge, error);
	if (e == 0)
		e = netd_links_attach(n->links, bridge, &n->subnet, &owner,
		    r->fds[0], ifname, error);
	if (e < 0) {
		refuse(r, e, error);
		return;
	}
	netd_mac(q->address, m);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
	    m[2], m[3], m[4], m[5]);
	reply.ifname = ifname;
	reply.mac = mac;
	nx_info("event=attached node=%s link=%s", owner.node, ifname);
	nx_answer_net_attach(r, &reply);
}

/*
 * Safe to grant: only nodemgr may ask, and only links of our own link group,
 * named after the node, can go.
 */
void
serve_net_detach(
    struct nx_request *r, const Nx__NetDetachRequest *q, struct netd *n)
{
	int e;

	if (!nx_id_valid(q->node)) {
		nx_refuse(r, NX__STATUS__INVALID, "not the id of a node");
		return;
	}
	e = netd_links_detach(n->links, q->node);
	if (e < 0) {
		nx_refuse_errno(r, e, "detach the node");
		return;
	}
	nx_answer_net_detach(r);
}

struct listing {
	uint32_t group;
	size_t n;
	struct {
		Nx__NetLink link;
		char name[NETD_IFNAME_LEN + 1];
	} links[STATUS_LINKS];
	Nx__NetLink *pointers[STATUS_LINKS];
};

static int
on_link(const struct netd_link *link, void *arg)
{
	struct listing *l = arg;
	size_t i = l->n;

	if (link->group != l->group || strcmp(link->kind, "veth") != 0 ||
	    i == STATUS_LINKS)
		return 0;
	nx__net_link__init(&l->links[i].link);
	memcpy(l->links[i].name, link->name, sizeof(l->links[i].name));
	l->links[i].link.ifname = l->links[i].name;
	l->links[i].link.up = link->up;
	l->pointers[i] = &l->links[i].link;
	l->n++;
	return 0;
}

/* Tells what the kernel says; changes nothing. */
void
serve_net_status(struct nx_request *r, struct netd *n)
{
	Nx__NetStatusReply reply = NX__NET_STATUS_REPLY__INIT;
	struct listing *l = calloc(1, sizeof(*l));
	int e = -ENOMEM;

	if (l) {
		l->group = netd_group(n->conf.bridge);
		e = netd_link_each(n->rtnl, on_link, l);
	}
	if (e < 0) {
		nx_refuse_errno(r, e, "list the links");
	} else {
		reply.bridge = n->conf.bridge;
		reply.subnet = n->subnet.text;
		reply.nat = n->firewall.nat;
		reply.isolated = n->firewall.routed && n->firewall.filter;
		reply.links = l->pointers;
		reply.n_links = l->n;
		nx_answer_net_status(r, &reply);
	}
	free(l);
}
