/*
 * Clients coming and going, hello, status.
 *
 * A client is in b->clients, and counted, exactly as long as the hub has its
 * peer: it is put there before nx_hub_attach, whose on_peer gives it its peer,
 * and taken out by the on_peer that tells the peer's end, which also frees it.
 * So whoever finds one may use c->peer, and nobody keeps a pointer to one across
 * a turn of the loop (introduce.c names it by its connection's generation).
 *
 *	admitted	it has HELLO_WAIT_S to say hello and is introduced to
 *			nobody
 *	ready		it has said hello, now or to the nexusd before us: edges
 *			are made as others become ready
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/msg.h"
#include "nexusd/switchboard.h"
#include "proto/serve_nexusd.h"

static bool
is_numbered(enum nx_role role)
{
	return role == NX_ROLE_ADMIN || role == NX_ROLE_GATEWAY;
}

static unsigned
limit_of(enum nx_role role)
{
	if (role == NX_ROLE_ADMIN)
		return ADMINS_MAX;
	return role == NX_ROLE_GATEWAY ? GATEWAYS_MAX : 1;
}

static struct client *
find(struct switchboard *b, enum nx_role role, uint32_t instance)
{
	struct client *c;

	TAILQ_FOREACH(c, &b->clients, entry)
		if (c->role == role && c->instance == instance)
			return c;
	return NULL;
}

/* A program that was restarted may be faster than the news of its death. */
static bool
is_hung_up(const struct client *c)
{
	struct pollfd p = {.events = POLLIN};

	nx_assert(c->peer);
	p.fd = nx_peer_fd(c->peer);
	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

/* The first free instance number from @first on, or -EBUSY. */
static int
free_instance(struct switchboard *b, enum nx_role role, unsigned first)
{
	unsigned i;

	for (i = first; i < limit_of(role); i++) {
		struct client *c = find(b, role, i);

		if (c && is_hung_up(c)) {
			nx_hub_drop(b->hub, c->peer);
			c = NULL;
		}
		if (!c)
			return (int)i;
	}
	return -EBUSY;
}

static void
on_no_hello(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	nx_assert(!c->ready && c->peer);
	nx_warn(
	    "event=no-hello client=%s.%u", nx_role_name(c->role), c->instance);
	nx_hub_drop(c->board->hub, c->peer);
}

static void
client_free(struct client *c)
{
	if (c->hello_timer)
		event_free(c->hello_timer);
	free(c);
}

static void
refuse(struct switchboard *b, const char *why, uid_t uid, pid_t pid)
{
	static struct nx_log_rate rate;

	/* Anybody may connect, as often as they like. */
	b->refused++;
	if (nx_log_may(&rate, "client-refused"))
		nx_warn("event=client-refused reason=\"%s\" uid=%u pid=%d", why,
		    uid, pid);
}

/* Consumes @fd. 0, and @c has its peer; or -errno, and it is the caller's to
 * free. */
static int
admit(struct switchboard *b, struct client *c, int fd)
{
	struct timeval wait = {.tv_sec = HELLO_WAIT_S};
	int r;

	nx_assert(b->n_clients < CLIENTS_MAX);
	nx_assert(!find(b, c->role, c->instance));
	c->hello_timer = evtimer_new(b->base, on_no_hello, c);
	if (!c->hello_timer) {
		nx_close(&fd);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&b->clients, c, entry);
	b->n_clients++;
	r = nx_hub_attach(b->hub, c->role, c->instance, ++b->generation, fd);
	if (r < 0) {
		TAILQ_REMOVE(&b->clients, c, entry);
		b->n_clients--;
		return r;
	}
	nx_assert(c->peer && c->peer->generation == b->generation);
	if (!c->ready)
		(void)evtimer_add(c->hello_timer, &wait);
	return 0;
}

void
switchboard_accept(struct switchboard *b, int fd, int adopted)
{
	struct client *c;
	pid_t pid = 0;
	uid_t uid = (uid_t)-1;
	enum nx_role role = switchboard_identify(b, fd, &pid, &uid);
	int instance = role == NX_ROLE_NONE
	    ? -EACCES
	    : free_instance(b, role, adopted < 0 ? 0 : (unsigned)adopted);
	const char *why = role == NX_ROLE_NONE ? "unknown uid"
	    : instance < 0                     ? "already connected"
	    : b->n_clients >= CLIENTS_MAX      ? "too many clients"
					       : NULL;

	c = why ? NULL : calloc(1, sizeof(*c));
	if (!c) {
		refuse(b, why ? why : "out of memory", uid, pid);
		nx_close(&fd);
		return;
	}
	c->board = b;
	c->role = role;
	c->instance = (uint32_t)instance;
	c->pid = pid;
	c->uid = uid;
	c->since = nx_wall_us() / 1000000;
	c->ready = adopted >= 0;
	b->connects[role]++;
	if (admit(b, c, fd) < 0) {
		refuse(b, "not attached", uid, pid);
		client_free(c);
		return;
	}
	if (role != NX_ROLE_ADMIN || nx_log_may(&b->admins, "client-up"))
		nx_info("event=client-%s client=%s.%u uid=%u pid=%d",
		    adopted >= 0 ? "adopted" : "up", nx_role_name(role),
		    c->instance, uid, pid);
	if (!is_numbered(role) || role == NX_ROLE_GATEWAY)
		store_keep(c);
}

static void
forget_edges(struct switchboard *b, const struct client *c)
{
	size_t i;

	for (i = 0; i < EDGES_MAX; i++) {
		struct edge_record *e = &b->edges[i];

		if ((e->role_a == c->role && e->instance_a == c->instance) ||
		    (e->role_b == c->role && e->instance_b == c->instance))
			e->used = false;
	}
}

void
switchboard_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct switchboard *b = ctx;
	struct client *c = find(b, peer->role, peer->instance);

	if (!c)
		return;
	if (up) {
		nx_assert(!c->peer);
		c->peer = peer;
		return;
	}
	nx_assert(c->peer == peer && b->n_clients > 0);
	if (c->role != NX_ROLE_ADMIN || nx_log_may(&b->admins, "client-down"))
		nx_info("event=client-down client=%s.%u pid=%d",
		    nx_role_name(c->role), c->instance, c->pid);
	if (c->role != NX_ROLE_ADMIN)
		store_forget(c);
	forget_edges(b, c);
	TAILQ_REMOVE(&b->clients, c, entry);
	b->n_clients--;
	client_free(c);
}

/* --- what clients may say ---------------------------------------------------*/

/* Safe to grant to anyone identified: it only starts what the edge matrix
 * allows that role anyway. */
void
serve_switch_hello(
    struct nx_request *r, const Nx__Hello *hello, struct switchboard *b)
{
	Nx__HelloReply reply = NX__HELLO_REPLY__INIT;
	struct client *c = find(b, r->role, r->instance);

	if (!c || c->ready) {
		nx_refuse(r, NX__STATUS__CONFLICT, "hello was said already");
		return;
	}
	if (hello->version != NX_PROTO_VERSION) {
		nx_refuse(r, NX__STATUS__UNSUPPORTED,
		    "this nexusd speaks version %u of the protocol; restart "
		    "the service that was upgraded",
		    NX_PROTO_VERSION);
		return;
	}
	nx_assert(c->hello_timer && c->outstanding == 0);
	c->ready = true;
	c->wants = hello->wants;
	(void)evtimer_del(c->hello_timer);
	reply.instance = c->instance;
	nx_answer_switch_hello(r, &reply);
	switchboard_introduce(b, c);
}

static void
fill_client(Nx__SwitchClient *out, const struct client *c)
{
	nx__switch_client__init(out);
	out->role = (uint32_t)c->role;
	out->instance = c->instance;
	out->pid = (uint32_t)c->pid;
	out->uid = c->uid;
	out->since = c->since;
	out->connects = c->board->connects[c->role];
	out->edges = c->edges;
}

static void
fill_edge(Nx__SwitchEdge *out, const struct edge_record *e)
{
	nx__switch_edge__init(out);
	out->role_a = (uint32_t)e->role_a;
	out->instance_a = e->instance_a;
	out->role_b = (uint32_t)e->role_b;
	out->instance_b = e->instance_b;
	out->generation = e->generation;
	out->since = e->since;
}

void
serve_switch_status(struct nx_request *r, struct switchboard *b)
{
	static Nx__SwitchClient clients[CLIENTS_MAX];
	static Nx__SwitchClient *client_list[CLIENTS_MAX];
	static Nx__SwitchEdge edges[EDGES_MAX];
	static Nx__SwitchEdge *edge_list[EDGES_MAX];
	Nx__SwitchStatusReply reply = NX__SWITCH_STATUS_REPLY__INIT;
	struct client *c;
	size_t i;

	reply.clients = client_list;
	reply.edges = edge_list;
	TAILQ_FOREACH(c, &b->clients, entry) {
		nx_assert(reply.n_clients < CLIENTS_MAX);
		fill_client(&clients[reply.n_clients], c);
		client_list[reply.n_clients] = &clients[reply.n_clients];
		reply.n_clients++;
	}
	for (i = 0; i < EDGES_MAX; i++) {
		if (!b->edges[i].used)
			continue;
		fill_edge(&edges[reply.n_edges], &b->edges[i]);
		edge_list[reply.n_edges] = &edges[reply.n_edges];
		reply.n_edges++;
	}
	reply.since = b->since;
	reply.refused = b->refused;
	nx_answer_switch_status(r, &reply);
}
