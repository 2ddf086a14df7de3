/*
 * Calls: requests going out. Every call ends exactly once, from the event
 * loop: with its reply, with UNAVAILABLE when its peer went away, or with
 * DEADLINE. An idempotent one waits for the peer's next generation instead and
 * is sent again there; nobody waits longer than three seconds for a peer that
 * is not there at all.
 *
 * From nx_call() to its end a call is in its bucket with its timer armed, in one
 * of three states:
 *
 *	sent	peer is set, failed is OK; the timer is the deadline.
 *		-> the end	its reply came from that very peer, or the timer
 *		-> waiting	the peer went, and it may be sent twice
 *		-> failed	the peer went, or would not take it
 *	waiting	peer is NULL, failed is OK, packet is kept; the timer is three
 *		seconds, or the deadline if that is earlier.
 *		-> sent		such a peer came
 *		-> the end	the timer: UNAVAILABLE
 *	failed	peer is NULL, failed says why; the timer is now.
 *		-> the end	the timer, in the loop's next turn
 *
 * The end is deliver(): the call is freed first, then its callback runs, which
 * may do anything. Cancelled, it is freed and nobody is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hub_internal.h"
#include "common/id.h"
#include "common/log.h"

#define DEFAULT_TIMEOUT_US (10ULL * 1000000)

static struct calls *
bucket(struct nx_hub *hub, uint64_t id)
{
	return &hub->calls[id % NX_CALL_BUCKETS];
}

static void
call_free(struct nx_call *c)
{
	TAILQ_REMOVE(bucket(c->hub, c->id), c, entry);
	if (c->timer)
		event_free(c->timer);
	nx_packet_unref(c->packet);
	free(c);
}

/* Once for each call: there is no call any more when the callback runs. */
static void
deliver(struct nx_call *c, const struct nx_reply *reply)
{
	nx_reply_fn *fn = c->fn;
	void *arg = c->arg;

	nx_assert(fn && reply->error);
	call_free(c);
	fn(reply, arg);
}

static void
arm(struct nx_call *c, uint64_t at_us)
{
	uint64_t now = nx_now_us();
	uint64_t wait = at_us > now ? at_us - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(wait / 1000000),
	    .tv_usec = (suseconds_t)(wait % 1000000)};

	(void)evtimer_add(c->timer, &tv);
}

/* Ends @c from the loop's next turn: whoever asks is not answered from within
 * its own question. */
static void
fail_later(struct nx_call *c, Nx__Status status)
{
	nx_assert(status != NX__STATUS__OK && c->failed == NX__STATUS__OK);
	c->peer = NULL;
	c->failed = status;
	arm(c, 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct nx_call *c = arg;
	bool absent = !c->peer && c->failed == NX__STATUS__OK;
	Nx__Status status = c->failed;
	char sentence[128];
	struct nx_reply reply = {.error = sentence};

	(void)fd;
	(void)what;
	nx_assert(status == NX__STATUS__OK || !c->peer);
	if (status == NX__STATUS__OK)
		status =
		    absent ? NX__STATUS__UNAVAILABLE : NX__STATUS__DEADLINE;
	(void)snprintf(sentence, sizeof(sentence), "the %s service %s",
	    nx_role_name(c->role),
	    status == NX__STATUS__DEADLINE ? "did not answer in time"
					   : "is not available, try again");
	reply.status = status;
	deliver(c, &reply);
}

/*
 * Sends @c to @peer, or leaves it waiting when @peer is NULL. A call that may
 * not be sent twice comes here once and gives its packet up; the others keep it
 * for another generation.
 */
static void
place(struct nx_call *c, struct peer *peer)
{
	uint64_t now = nx_now_us();
	int r;

	nx_assert(c->packet && c->failed == NX__STATUS__OK);
	nx_assert(!peer || !peer->gone);
	c->peer = peer;
	if (!peer) {
		uint64_t patience = now + NX_ABSENT_WAIT_US;

		if (!c->method->idempotent)
			fail_later(c, NX__STATUS__UNAVAILABLE);
		else
			arm(c,
			    c->deadline_us < patience ? c->deadline_us
						      : patience);
		return;
	}
	arm(c, c->deadline_us);
	r = nx_peer_send(peer, c->packet);
	if (!c->method->idempotent)
		c->packet = nx_packet_unref(c->packet);
	if (r < 0)
		fail_later(c, NX__STATUS__UNAVAILABLE);
}

/* Packs the request, which is borrowed for as long; NULL when it cannot be sent at all. */
static struct packet *
pack_request(struct nx_call *c, const ProtobufCMessage *request,
    const struct nx_call_opts *opts)
{
	static uint8_t body[NX_BODY_MAX];
	Nx__Envelope e = NX__ENVELOPE__INIT;

	nx_assert(request->descriptor == c->method->request);
	if (protobuf_c_message_get_packed_size(request) > sizeof(body))
		return NULL;
	e.call_id = c->id;
	e.method = c->method->method;
	e.deadline_us = c->deadline_us;
	e.as_user = opts->as_user;
	if (opts->ticket) {
		e.ticket.data = (uint8_t *)(uintptr_t)opts->ticket;
		e.ticket.len = nx_ticket_len(opts->ticket);
	}
	e.body.data = body;
	e.body.len = protobuf_c_message_pack(request, body);
	return nx_packet_new(&e, opts->fds, opts->n_fds);
}

struct nx_call *
nx_call(struct nx_hub *hub, struct nx_ask ask, const struct nx_call_opts *opts,
    nx_reply_fn *fn, void *arg)
{
	static const struct nx_call_opts defaults;
	struct nx_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (!opts)
		opts = &defaults;
	hub->stats.calls++;
	c->hub = hub;
	c->id = hub->next_id++;
	c->method = nx_method_find(ask.method);
	nx_assert(c->method && fn);
	nx_assert(!opts->peer || opts->peer->role == ask.to);
	c->role = ask.to;
	c->any_instance = !opts->peer;
	c->instance = opts->peer ? opts->peer->instance : 0;
	c->deadline_us = nx_now_us() +
	    (opts->timeout_us ? opts->timeout_us : DEFAULT_TIMEOUT_US);
	c->fn = fn;
	c->arg = arg;
	TAILQ_INSERT_TAIL(bucket(hub, c->id), c, entry);
	c->timer = evtimer_new(hub->config.base, on_timer, c);
	c->packet = c->timer ? pack_request(c, ask.body, opts) : NULL;
	if (!c->timer) {
		call_free(c);
		return NULL;
	}
	if (!c->packet)
		fail_later(c, NX__STATUS__TOO_LARGE);
	else
		place(
		    c, nx_hub_find(hub, c->role, c->any_instance, c->instance));
	return c;
}

void
nx_call_cancel(struct nx_call *call)
{
	if (call)
		call_free(call);
}

void
nx_notify(struct nx_peer *peer, struct nx_ask ask)
{
	static uint8_t body[NX_BODY_MAX];
	Nx__Envelope e = NX__ENVELOPE__INIT;
	struct packet *p;

	if (!peer ||
	    protobuf_c_message_get_packed_size(ask.body) > sizeof(body))
		return;
	nx_assert(peer->role == ask.to);
	e.method = ask.method;
	e.body.data = body;
	e.body.len = protobuf_c_message_pack(ask.body, body);
	p = nx_packet_new(&e, NULL, 0);
	if (p)
		(void)nx_peer_send((struct peer *)(void *)peer, p);
	nx_packet_unref(p);
}

/* --- what happens to calls --------------------------------------------------*/

/* waiting -> sent, in the order they were asked within a bucket; across buckets
 * nothing is promised, nor is it by peers that answer when they can. */
void
nx_calls_peer_up(struct nx_hub *hub, struct peer *peer)
{
	size_t i;

	for (i = 0; i < NX_CALL_BUCKETS; i++) {
		struct nx_call *c;

		TAILQ_FOREACH(c, &hub->calls[i], entry) {
			if (c->peer || c->failed != NX__STATUS__OK ||
			    c->role != peer->pub.role)
				continue;
			if (!c->any_instance &&
			    c->instance != peer->pub.instance)
				continue;
			hub->stats.resent++;
			place(c, peer);
		}
	}
}

/* sent -> waiting or failed, for all that were sent to @peer, which is out of
 * the hub's list. Nothing is delivered from here. */
void
nx_calls_peer_down(struct nx_hub *hub, struct peer *peer)
{
	for (size_t i = 0; i < NX_CALL_BUCKETS; i++) {
		struct nx_call *c;

		TAILQ_FOREACH(c, &hub->calls[i], entry) {
			if (c->peer != peer)
				continue;
			/* It may have been done: no other instance gets it. */
			if (c->method->idempotent)
				place(c,
				    nx_hub_find(hub, c->role, c->any_instance,
					c->instance));
			else
				fail_later(c, NX__STATUS__UNAVAILABLE);
			nx_assert(c->peer != peer);
		}
	}
}

/* The call that @e answers: asked of this peer, with this method. Anything else
 * under a number of ours is a stranger's guess, and nobody's reply. */
static struct nx_call *
find_call(struct nx_hub *hub, struct peer *peer, const Nx__Envelope *e)
{
	struct nx_call *c;

	TAILQ_FOREACH(c, bucket(hub, e->call_id), entry)
		if (c->id == e->call_id && c->peer == peer &&
		    c->method->method == e->method)
			return c;
	return NULL;
}

static bool
reply_fds_fit(const struct nx_method *m, const struct nx_frame *frame)
{
	size_t i;

	if (frame->n_fds > m->reply_fds_max)
		return false;
	for (i = 0; i < frame->n_fds; i++)
		if (!nx_fd_is(frame->fds[i], m->reply_fd_kind))
			return false;
	return true;
}

int
nx_calls_reply(struct nx_hub *hub, struct peer *peer, struct nx_frame *frame)
{
	const Nx__Envelope *e = frame->envelope;
	struct nx_call *c = find_call(hub, peer, e);
	ProtobufCMessage *body = NULL;
	struct nx_reply reply = {.status = e->status,
	    .error = e->error,
	    .retry_s = e->retry_s,
	    .fds = frame->fds,
	    .n_fds = frame->n_fds};

	/* Cancelled or past its deadline: nobody waits. */
	if (!c)
		return 0;
	nx_assert(c->failed == NX__STATUS__OK);
	if (!reply_fds_fit(c->method, frame))
		return -EPROTO;
	if (e->status == NX__STATUS__OK) {
		body = nx_message_unpack(
		    c->method->reply, e->body.data, e->body.len, NULL);
		if (!body)
			return -EPROTO;
	}
	reply.body = body;
	deliver(c, &reply);
	nx_message_free(body);
	return 0;
}

/* Callbacks may ask again while the hub ends: those calls end here as well. */
void
nx_calls_free(struct nx_hub *hub)
{
	size_t i;

	for (i = 0; i < NX_CALL_BUCKETS; i++) {
		struct nx_call *c;

		while ((c = TAILQ_FIRST(&hub->calls[i]))) {
			struct nx_reply reply = {
			    .status = NX__STATUS__UNAVAILABLE,
			    .error = "this program is stopping"};

			deliver(c, &reply);
		}
	}
}
