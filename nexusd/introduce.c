/*
 * Introductions: one socketpair per edge whose two ends are present, one end to
 * each side. The edge matrix (common/role.c) decides, no name from a client.
 *
 * An edge is remembered as used from the moment both ends were sent to the end
 * of either client, or until one of them says that it lost it. Whatever goes
 * wrong in between (an end not taken, a client that dies with it on the way)
 * closes that end, and the other side's news of it makes the edge anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "nexusd/switchboard.h"
#include "proto/serve_nexusd.h"

/* Names the client without pointing at it: it may be gone by the time. */
struct acknowledgement {
	struct switchboard *board;
	uint64_t connection; /* the peer's generation */
};

static struct client *
by_connection(struct switchboard *b, uint64_t connection)
{
	struct client *c;

	TAILQ_FOREACH(c, &b->clients, entry)
		if (c->peer && c->peer->generation == connection)
			return c;
	return NULL;
}

static void
on_taken(const struct nx_reply *reply, void *arg)
{
	nx_cleanup_free struct acknowledgement *a = arg;
	struct client *c = by_connection(a->board, a->connection);

	if (!c)
		return;
	nx_assert(c->outstanding > 0);
	c->outstanding--;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=introduction-refused client=%s.%u reason=\"%s\"",
		    nx_role_name(c->role), c->instance, reply->error);
	/* There may be some that had to wait. */
	switchboard_introduce(a->board, c);
}

/* Borrows @fd. */
static bool
hand_over(
    struct client *to, const struct client *other, uint64_t generation, int fd)
{
	struct acknowledgement *a = malloc(sizeof(*a));
	struct nx_call_opts opts = {.peer = to->peer, .fds = &fd, .n_fds = 1};
	Nx__Attach attach = NX__ATTACH__INIT;

	nx_assert(to->peer && to->outstanding < INTRODUCTIONS_MAX);
	if (!a)
		return false;
	a->board = to->board;
	a->connection = to->peer->generation;
	attach.peer_role = (uint32_t)other->role;
	attach.peer_instance = other->instance;
	attach.generation = generation;
	if (!nx_call(to->board->hub, nx_ask_switch_attach(to->role, &attach),
		&opts, on_taken, a)) {
		free(a);
		return false;
	}
	to->outstanding++;
	to->edges++;
	return true;
}

static struct edge_record *
record_of(struct switchboard *b, const struct client *x, const struct client *y)
{
	struct edge_record *unused = NULL;
	size_t i;

	for (i = 0; i < EDGES_MAX; i++) {
		struct edge_record *e = &b->edges[i];

		if (!e->used) {
			unused = unused ? unused : e;
			continue;
		}
		if ((e->role_a == x->role && e->instance_a == x->instance &&
			e->role_b == y->role && e->instance_b == y->instance) ||
		    (e->role_a == y->role && e->instance_a == y->instance &&
			e->role_b == x->role && e->instance_b == x->instance))
			return e;
	}
	return unused;
}

static bool
is_introduced(
    struct switchboard *b, const struct client *x, const struct client *y)
{
	const struct edge_record *e = record_of(b, x, y);

	return e && e->used;
}

static void
introduce(struct switchboard *b, struct client *x, struct client *y)
{
	struct edge_record *e = record_of(b, x, y);
	uint64_t generation = ++b->generation;
	int pair[2];
	bool sent;

	nx_assert(x != y && x->ready && y->ready);
	nx_assert(nx_role_edge(x->role, y->role));
	if (!e)
		return;
	nx_assert(!e->used);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) < 0) {
		nx_warn("event=socketpair error=\"%s\"", strerror(errno));
		return;
	}
	/* When one side does not take its end, the other sees it closed. */
	sent = hand_over(x, y, generation, pair[0]) &&
	    hand_over(y, x, generation, pair[1]);
	nx_close(&pair[0]);
	nx_close(&pair[1]);
	if (!sent)
		return;
	*e = (struct edge_record){.role_a = x->role,
	    .instance_a = x->instance,
	    .role_b = y->role,
	    .instance_b = y->instance,
	    .generation = generation,
	    .since = nx_wall_us() / 1000000,
	    .used = true};
	nx_info("event=introduced a=%s.%u b=%s.%u", nx_role_name(x->role),
	    x->instance, nx_role_name(y->role), y->instance);
}

static bool
wanted(const struct client *c, const struct client *other)
{
	return c->wants == 0 || (c->wants & NX_ROLE_BIT(other->role));
}

void
switchboard_introduce(struct switchboard *b, struct client *c)
{
	struct client *other;

	if (!c->ready)
		return;
	TAILQ_FOREACH(other, &b->clients, entry) {
		if (other == c || !other->ready ||
		    !nx_role_edge(c->role, other->role) || !wanted(c, other) ||
		    !wanted(other, c) || is_introduced(b, c, other))
			continue;
		/* One stuck client must not use up all descriptors in
		 * flight: on_taken comes back here. */
		if (c->outstanding >= INTRODUCTIONS_MAX ||
		    other->outstanding >= INTRODUCTIONS_MAX)
			continue;
		introduce(b, c, other);
	}
}

/* --- edges that were cut ----------------------------------------------------*/

static void
on_repair(evutil_socket_t fd, short what, void *arg)
{
	struct switchboard *b = arg;
	struct client *c;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(c, &b->clients, entry)
		switchboard_introduce(b, c);
}

/*
 * An edge is cut when one end breaks a rule, or runs out of descriptors. It is
 * made again, but not at once: whoever breaks rules gets one a second. Safe to
 * grant: a client names only edges of its own, and gets what the matrix gives.
 */
void
serve_switch_edge_lost(
    struct nx_request *r, const Nx__Attach *lost, struct switchboard *b)
{
	struct timeval wait = {.tv_sec = REPAIR_WAIT_S};
	size_t i;

	for (i = 0; i < EDGES_MAX; i++) {
		struct edge_record *e = &b->edges[i];
		bool a = e->role_a == r->role && e->instance_a == r->instance &&
		    e->role_b == lost->peer_role &&
		    e->instance_b == lost->peer_instance;
		bool z = e->role_b == r->role && e->instance_b == r->instance &&
		    e->role_a == lost->peer_role &&
		    e->instance_a == lost->peer_instance;

		/* An adopted edge has no generation we know. */
		if (e->used && (a || z) &&
		    (e->generation == 0 || e->generation == lost->generation))
			e->used = false;
	}
	if (!b->repair)
		b->repair = evtimer_new(b->base, on_repair, b);
	if (b->repair && !evtimer_pending(b->repair, NULL))
		(void)evtimer_add(b->repair, &wait);
	nx_answer_switch_edge_lost(r);
}
