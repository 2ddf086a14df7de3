/*
 * The hub: this process's ends of its edges, calls going out on them and
 * requests coming in. One hub per process, on one event loop, in one thread.
 *
 * Out: nx_call() sends a request to a role and answers through a callback,
 * exactly once: with the reply, or UNAVAILABLE when the peer is away, or
 * DEADLINE. Idempotent methods outlive a peer's restart: they are sent again
 * on the next generation of the edge, until their deadline.
 *
 * In: one table per daemon, method -> handler. Everything else about a method
 * (who may call it, its messages, descriptors, ticket) is in common/method.h
 * and is checked here before the handler runs, in this order: role, number of
 * descriptors, kind of descriptors, unpack, written limits, ticket. Default
 * deny. A peer that sends a malformed frame is disconnected, counted, logged.
 */
#ifndef NX_HUB_H
#define NX_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <protobuf-c/protobuf-c.h>

#include "common/err.h"
#include "common/method.h"
#include "common/role.h"
#include "common/ticket.h"

struct nx_hub;
struct nx_call;

/* A peer: one end of one edge in its present generation. Valid until its
 * on_peer(up = false) returns. @user is the daemon's own to use. */
struct nx_peer {
	enum nx_role role;
	uint32_t instance;
	uint64_t generation;
	void *user;
};

/* On whose behalf a request runs. */
struct nx_principal {
	uint64_t user_id; /* 0: an admin who named no user; sees all */
	bool admin;
	uint32_t rights; /* enum nx_right; all of them for an admin */
	uint8_t session[NX_SESSION_LEN];
	char place[NX_PLACE_MAX + 1]; /* empty: anywhere; dispatch asks */
};

/* May @who see or change what belongs to user @owner? */
static inline bool
nx_principal_owns(const struct nx_principal *who, uint64_t owner)
{
	return (who->admin && who->user_id == 0) || who->user_id == owner;
}

/* May @who replace and delete, or only add what is not there? A method with
 * `creates` must ask. */
static inline bool
nx_principal_adds_only(const struct nx_principal *who)
{
	return (who->rights & NX_RIGHT_WRITE) == 0;
}

/* A request being handled. The handler answers exactly once with nx_answer or
 * nx_refuse, now or later; that frees it. Descriptors: take what you keep with
 * nx_take_fd(&r->fds[i]), the rest is closed. */
struct nx_request {
	struct nx_hub *hub;
	struct nx_peer *peer; /* NULL once the peer is gone; answering is then
			       * allowed and does nothing */
	enum nx_role role;    /* the caller's, as nexusd introduced it */
	uint32_t instance;
	const struct nx_method *method;
	uint64_t deadline_us; /* CLOCK_MONOTONIC */
	struct nx_principal who;
	const ProtobufCMessage *body; /* of the method's request type */
	uint32_t retry_s; /* seconds to wait, told by nx_refuse; 0: unsaid */
	int fds[NX_METHOD_FDS];
	size_t n_fds;
};

/* Daemons do not write these: the build makes them from proto/ (serve_P.c),
 * and each calls serve_METHOD(r, message, context) with its own types. */
typedef void nx_handler_fn(struct nx_request *r, void *ctx);

struct nx_handler {
	Nx__Method method;
	nx_handler_fn *fn;
};

struct nx_hub_config {
	struct event_base *base;
	enum nx_role self;
	const struct nx_handler *handlers;
	size_t n_handlers;
	void *ctx;                  /* given to handlers and on_peer */
	struct nx_tickets *tickets; /* borrowed; NULL: none are checked and
					 * methods that need one are refused */
	/* A peer came (@up) or went. May be NULL. */
	void (*on_peer)(struct nx_peer *peer, bool up, void *ctx);
};

int nx_hub_new(const struct nx_hub_config *config, struct nx_hub **ret_hub);
struct nx_hub *nx_hub_free(struct nx_hub *hub); /* returns NULL */

/* A handler beside the table, with a context of its own (common/wire.c). */
void nx_hub_handle(
    struct nx_hub *hub, Nx__Method method, nx_handler_fn *fn, void *ctx);

/*
 * A new generation of the edge to (role, instance). Consumes @fd, which must be
 * a non-blocking SEQPACKET socket. The generation before it is dropped; an
 * older one than the present is refused with -ESTALE.
 */
int nx_hub_attach(struct nx_hub *hub, enum nx_role role, uint32_t instance,
    uint64_t generation, int fd);
/* The peer of a role (its lowest instance), or NULL. */
struct nx_peer *nx_hub_peer(struct nx_hub *hub, enum nx_role role);
/* Disconnects a peer; on_peer(up = false) runs before this returns. */
void nx_hub_drop(struct nx_hub *hub, struct nx_peer *peer);
/* The descriptor of a peer's end, for SO_PEERCRED; borrowed. */
int nx_peer_fd(const struct nx_peer *peer);

/* --- answering --------------------------------------------------------------*/

/* Answers OK with @body, of the method's reply type (NULL: nothing set in it). Consumes @fds (closes them
 * once sent). Handlers say nx_answer_METHOD(), which knows that type. */
void nx_answer(struct nx_request *r, const ProtobufCMessage *body,
    const int *fds, size_t n_fds);
/* Answers with @status (not OK) and a sentence that says what to do, fit to be
 * put into form where people read it (common/sentence.h). */
void nx_refuse(struct nx_request *r, Nx__Status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Refuses with the status that fits -errno: "<doing>: <strerror>". */
void nx_refuse_errno(struct nx_request *r, int error, const char *doing);

/* --- calling ----------------------------------------------------------------*/

/* One question: made by nx_ask_METHOD(), which knows the request's type.
 * Borrows the message. */
struct nx_ask {
	enum nx_role to;
	Nx__Method method;
	const ProtobufCMessage *body;
};

/* What came back. @body is of the method's reply type when status is OK, else
 * NULL; nx_as_MESSAGE(reply->body) is how it is looked at. Valid during the
 * callback; take descriptors with nx_take_fd. */
struct nx_reply {
	Nx__Status status;
	const char *error; /* a sentence, "" when OK */
	uint32_t retry_s;  /* seconds until it may go well; 0: unsaid */
	const ProtobufCMessage *body;
	int *fds;
	size_t n_fds;
};
typedef void nx_reply_fn(const struct nx_reply *reply, void *arg);

struct nx_call_opts {
	uint64_t timeout_us;   /* 0: 10 s */
	struct nx_peer *peer;  /* NULL: the role's lowest instance */
	const uint8_t *ticket; /* a whole one, or NULL */
	uint64_t as_user;      /* admin only */
	const int *fds;        /* borrowed (duplicated when queued) */
	size_t n_fds;
};

/*
 * Asks the peer of the role @ask.to. @fn is called exactly once, never from
 * within nx_call itself. Returns the call, which nx_call_cancel() accepts until
 * @fn has been called; NULL only when memory is out, and then @fn never runs.
 */
struct nx_call *nx_call(struct nx_hub *hub, struct nx_ask ask,
    const struct nx_call_opts *opts, nx_reply_fn *fn, void *arg);
/* @fn will not be called; a reply that still comes is dropped. NULL is fine. */
void nx_call_cancel(struct nx_call *call);
/* Says it once and wants no answer; lost when the peer is away. */
void nx_notify(struct nx_peer *peer, struct nx_ask ask);

/* --- messages ---------------------------------------------------------------*/

extern const Nx__Empty nx_empty;

/* An own mistake to ask for another type than the table's: nx_as_MESSAGE(). */
static inline void
nx_message_is(
    const ProtobufCMessage *body, const ProtobufCMessageDescriptor *type)
{
	nx_assert(!body || body->descriptor == type);
}

struct nx_hub_stats {
	uint64_t calls, requests, refused, malformed, resent;
};
struct nx_hub_stats nx_hub_stats(const struct nx_hub *hub);

#endif
