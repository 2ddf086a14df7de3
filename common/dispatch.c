/*
 * Requests coming in. The order of the checks is the security of the system:
 * known method, handler here, caller's role, number of descriptors, their
 * kinds, message, written limits, ticket. Default deny.
 *
 * From the frame to its answer a request is a struct pending. While its peer is
 * here it is in peer->requests and counted there; when the peer goes it is
 * neither (pub.peer is NULL), and its handler, which may be waiting for a disk,
 * does not notice. nx_answer() or nx_refuse() ends it, once, in either state:
 * after that the pointer is nobody's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub_internal.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/place.h"
#include "common/status.h"

const Nx__Empty nx_empty = NX__EMPTY__INIT;

/* Sends, or drops what cannot be sent: whoever asked runs into its deadline, and
 * no handler has to care. A request without a number (nx_notify) wants none. */
static void
send_reply(struct pending *p, Nx__Status status, const char *error,
    const ProtobufCMessage *body, const int *fds, size_t n_fds)
{
	static char unfit[] = "the answer is too long, or not plain text";
	static uint8_t buf[NX_BODY_MAX];
	struct peer *peer = (struct peer *)(void *)p->pub.peer;
	Nx__Envelope e = NX__ENVELOPE__INIT;
	const char *field = NULL;
	struct packet *packet;

	if (!peer || p->call_id == 0)
		return;
	nx_assert(!peer->gone && peer->n_requests > 0);
	e.call_id = p->call_id;
	e.reply = true;
	e.method = p->pub.method->method;
	e.status = status;
	e.error = (char *)(uintptr_t)error;
	e.retry_s = status == NX__STATUS__OK ? 0 : p->pub.retry_s;
	/* Our mistake, and no reason to fail everybody else: what a receiver
	 * finds wrong costs the edge. */
	if (body &&
	    (nx_message_check(body, &field) < 0 ||
		protobuf_c_message_get_packed_size(body) > sizeof(buf))) {
		nx_err("event=reply-unfit method=%s field=%s",
		    p->pub.method->name, field ? field : "all");
		e.status = NX__STATUS__INTERNAL;
		e.error = unfit;
		n_fds = 0;
	} else if (body) {
		e.body.data = buf;
		e.body.len = protobuf_c_message_pack(body, buf);
	}
	packet = nx_packet_new(&e, fds, n_fds);
	if (packet && nx_peer_send(peer, packet) < 0)
		nx_debug("event=reply-lost method=%s", p->pub.method->name);
	nx_packet_unref(packet);
}

/* The end of a request: descriptors that nobody took are closed. */
static void
pending_free(struct pending *p)
{
	struct peer *peer = (struct peer *)(void *)p->pub.peer;
	size_t i;

	if (peer) {
		nx_assert(peer->n_requests > 0);
		TAILQ_REMOVE(&peer->requests, p, entry);
		peer->n_requests--;
	}
	for (i = 0; i < p->pub.n_fds; i++)
		nx_close(&p->pub.fds[i]);
	nx_message_free(p->body);
	free(p);
}

void
nx_answer(struct nx_request *r, const ProtobufCMessage *body, const int *fds,
    size_t n_fds)
{
	struct pending *p = (struct pending *)(void *)r;
	size_t i;

	nx_assert(!body || body->descriptor == r->method->reply);
	nx_assert(n_fds <= r->method->reply_fds_max);
	send_reply(p, NX__STATUS__OK, "", body, fds, n_fds);
	for (i = 0; i < n_fds; i++) {
		int fd = fds[i];

		nx_close(&fd);
	}
	pending_free(p);
}

void
nx_refuse(struct nx_request *r, Nx__Status status, const char *fmt, ...)
{
	struct pending *p = (struct pending *)(void *)r;
	char sentence[384];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	/* It may tell what somebody else's program said, or be cut anywhere. */
	nx_text_repair(sentence);
	nx_assert(status != NX__STATUS__OK);
	r->hub->stats.refused++;
	nx_debug("event=refused method=%s peer=%s.%u status=%s",
	    r->method->name, nx_role_name(r->role), r->instance,
	    nx_status_name(status));
	send_reply(p, status, sentence, NULL, NULL, 0);
	pending_free(p);
}

void
nx_refuse_errno(struct nx_request *r, int error, const char *doing)
{
	Nx__Status status = nx_status_of_errno(error);

	if (status == NX__STATUS__INTERNAL)
		nx_warn("event=failed method=%s doing=\"%s\" error=\"%s\"",
		    r->method->name, doing, strerror(-error));
	nx_refuse(r, status, "%s: %s", doing, strerror(-error));
}

/* --- the checks -------------------------------------------------------------
 *
 * Each is true, or has refused the request, which is gone then.
 */

/* Whose edge it came on decides, as nexusd introduced it; no field of it does. */
static bool
check_role(struct nx_request *r)
{
	if (r->method->callers & NX_ROLE_BIT(r->role))
		return true;
	nx_warn("event=denied method=%s peer=%s.%u", r->method->name,
	    nx_role_name(r->role), r->instance);
	nx_refuse(r, NX__STATUS__DENIED, "%s may not call %s",
	    nx_role_name(r->role), r->method->name);
	return false;
}

/* Before anything is read from them: a handler may take the kind for granted. */
static bool
check_fds(struct nx_request *r)
{
	size_t i;

	if (r->n_fds < r->method->fds_min || r->n_fds > r->method->fds_max) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "%s takes %u descriptors, not %zu", r->method->name,
		    r->method->fds_max, r->n_fds);
		return false;
	}
	for (i = 0; i < r->n_fds; i++) {
		if (nx_fd_is(r->fds[i], r->method->fd_kind))
			continue;
		nx_refuse(r, NX__STATUS__INVALID,
		    "%s got a descriptor of the wrong kind", r->method->name);
		return false;
	}
	return true;
}

/* From here on every field is within its written limits. */
static bool
check_body(struct pending *p, const Nx__Envelope *e)
{
	const char *field = NULL;

	nx_assert(!p->body);
	p->body = nx_message_unpack(
	    p->pub.method->request, e->body.data, e->body.len, &field);
	p->pub.body = p->body;
	if (p->body)
		return true;
	nx_refuse(&p->pub, NX__STATUS__INVALID,
	    "%s%s is not acceptable: too long, too many, or not plain text",
	    field ? "the field " : "the request", field ? field : "");
	return false;
}

/* Whoever keeps a repository of backups takes locks there and gives them back. */
static bool
is_lock(const struct nx_request *r)
{
	char locks[NX_PLACE_MAX + sizeof("/locks")];

	if (!r->method->unlocks || (r->who.rights & NX_RIGHT_REPOSITORY) == 0 ||
	    r->who.place[0] != '/')
		return false;
	(void)snprintf(locks, sizeof(locks), "%s/locks", r->who.place);
	return nx_place_admits(locks, r->method, r->body);
}

static bool
check_rights(struct nx_request *r)
{
	if ((r->method->rights & ~r->who.rights) == 0 ||
	    (r->method->creates && (r->who.rights & NX_RIGHT_CREATE) != 0) ||
	    is_lock(r))
		return true;
	nx_refuse(r, NX__STATUS__DENIED, "this login has no right to do that");
	return false;
}

static bool
check_place(struct nx_request *r)
{
	if (nx_place_admits(r->who.place, r->method, r->body))
		return true;
	nx_refuse(
	    r, NX__STATUS__DENIED, "this key is for %s alone", r->who.place);
	return false;
}

/* Who asks through a gateway is whom authd's seal names, with the rights it
 * names, and no gateway's word counts. */
static bool
check_ticket(struct nx_request *r, const Nx__Envelope *e)
{
	static const char *const why[] = {
	    [NX_TICKET_MALFORMED] = "malformed",
	    [NX_TICKET_FORGED] = "forged",
	    [NX_TICKET_EXPIRED] = "expired",
	    [NX_TICKET_REVOKED] = "revoked",
	};
	struct nx_ticket ticket;
	enum nx_ticket_result result;

	result = r->hub->config.tickets
	    ? nx_tickets_check(r->hub->config.tickets, e->ticket.data,
		  e->ticket.len, &ticket)
	    : NX_TICKET_MALFORMED;
	if (result != NX_TICKET_OK) {
		if (result == NX_TICKET_FORGED)
			nx_warn("event=ticket-forged method=%s peer=%s.%u",
			    r->method->name, nx_role_name(r->role),
			    r->instance);
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED,
		    "the ticket is %s; sign in again", why[result]);
		return false;
	}
	r->who.user_id = ticket.user_id;
	r->who.rights = ticket.rights;
	memcpy(r->who.session, ticket.session, NX_SESSION_LEN);
	memcpy(r->who.place, ticket.place, ticket.place_len);
	return check_rights(r) && check_place(r);
}

/* Who asks: an admin by the kernel's word, anybody else by a ticket. */
static bool
check_principal(struct nx_request *r, const Nx__Envelope *e)
{
	if (r->role == NX_ROLE_ADMIN) {
		r->who.admin = true;
		r->who.user_id = e->as_user;
		r->who.rights = NX_RIGHT_ALL;
		return true;
	}
	if (e->as_user != 0) {
		nx_refuse(r, NX__STATUS__DENIED,
		    "only an administrator may act for others");
		return false;
	}
	return r->method->ticket == NX_NO_TICKET || check_ticket(r, e);
}

/* Takes the descriptors out of @frame, all of them: what is refused below is
 * closed with the request. */
static struct pending *
pending_new(
    struct peer *peer, const struct nx_method *method, struct nx_frame *frame)
{
	const Nx__Envelope *e = frame->envelope;
	struct pending *p = calloc(1, sizeof(*p));
	size_t i;

	if (!p)
		return NULL;
	nx_assert(!peer->gone && !e->reply && frame->n_fds <= NX_METHOD_FDS);
	p->call_id = e->call_id;
	p->pub.hub = peer->hub;
	p->pub.peer = &peer->pub;
	p->pub.role = peer->pub.role;
	p->pub.instance = peer->pub.instance;
	p->pub.method = method;
	p->pub.deadline_us = e->deadline_us;
	for (i = 0; i < frame->n_fds; i++)
		p->pub.fds[i] = nx_take_fd(&frame->fds[i]);
	p->pub.n_fds = frame->n_fds;
	TAILQ_INSERT_TAIL(&peer->requests, p, entry);
	peer->n_requests++;
	return p;
}

/* 0 whatever becomes of the request, or -errno that costs the edge: no method of
 * ours, which no honest peer sends, or no memory. */
int
nx_dispatch(struct nx_hub *hub, struct peer *peer, struct nx_frame *frame)
{
	const Nx__Envelope *e = frame->envelope;
	const struct nx_method *method = nx_method_find((uint32_t)e->method);
	const struct handler *handler;
	struct pending *p;

	if (!method)
		return -EPROTO;
	p = pending_new(peer, method, frame);
	if (!p)
		return -ENOMEM;
	hub->stats.requests++;
	nx_assert((unsigned)method->method < NX_METHOD_SPAN);
	handler = &hub->handlers[method->method];
	if (!check_role(&p->pub))
		return 0;
	if (peer->n_requests > NX_PENDING_MAX) {
		nx_refuse(&p->pub, NX__STATUS__LIMIT,
		    "too many requests wait for an answer");
		return 0;
	}
	if (!handler->fn) {
		nx_refuse(&p->pub, NX__STATUS__DENIED, "%s is not served here",
		    method->name);
		return 0;
	}
	if (check_fds(&p->pub) && check_body(p, e) &&
	    check_principal(&p->pub, e)) {
		nx_assert(p->body->descriptor == method->request);
		handler->fn(&p->pub, handler->ctx);
	}
	return 0;
}

/* The peer goes; its requests stay with whoever works on them. */
void
nx_requests_orphan(struct peer *peer)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&peer->requests))) {
		TAILQ_REMOVE(&peer->requests, p, entry);
		p->pub.peer = NULL;
		nx_assert(peer->n_requests > 0);
		peer->n_requests--;
	}
}
