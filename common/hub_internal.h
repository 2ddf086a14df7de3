/*
 * What hub.c (peers and their sockets), call.c (requests going out) and
 * dispatch.c (requests coming in) share. Nobody else includes it.
 */
#ifndef NX_HUB_INTERNAL_H
#define NX_HUB_INTERNAL_H

#include <sys/queue.h>

#include "common/hub.h"
#include "common/msg.h"

#define NX_QUEUE_MAX      1024        /* frames waiting for a slow peer, */
#define NX_QUEUE_BYTES    (4U << 20)  /* their sizes together */
#define NX_QUEUE_FDS      1024        /* and the descriptors they hold, */
#define NX_QUEUE_HELD     (64U << 20) /* and the memory those hold */
#define NX_PENDING_MAX    4096 /* requests of one peer not answered yet */
#define NX_CALL_BUCKETS   64
#define NX_ABSENT_WAIT_US (3ULL * 1000000)

/*
 * A packed frame that owns its descriptors. A call that may have to be sent
 * again keeps one, and so does the queue of the peer it waits for: it is in one
 * queue at most, because a call has one peer at a time and a peer that goes
 * empties its queue first.
 */
struct packet {
	TAILQ_ENTRY(packet) entry;
	unsigned refs;
	size_t len, n_fds;
	size_t held; /* bytes of memory files among its descriptors */
	int fds[NX_FRAME_FDS];
	uint8_t data[];
};
TAILQ_HEAD(packets, packet);

struct pending { /* a request that came in and is not answered yet */
	struct nx_request pub;
	TAILQ_ENTRY(pending) entry;
	uint64_t call_id;
	ProtobufCMessage *body;
};
TAILQ_HEAD(pendings, pending);

struct peer {
	struct nx_peer pub;
	TAILQ_ENTRY(peer) entry;
	struct nx_hub *hub;
	int fd;
	struct event *readable, *writable;
	struct packets queue;
	size_t queued, queued_bytes, queued_fds, queued_held;
	struct pendings requests;
	size_t n_requests;
	bool gone; /* being torn down */
};
TAILQ_HEAD(peers, peer);

struct nx_call {
	TAILQ_ENTRY(nx_call) entry;
	struct nx_hub *hub;
	uint64_t id;
	const struct nx_method *method;
	enum nx_role role;
	bool any_instance;
	uint32_t instance;
	struct peer *peer;     /* NULL: waiting for one, or finished */
	struct packet *packet; /* kept for sending (again) */
	uint64_t deadline_us;
	struct event *timer;
	Nx__Status failed; /* to be delivered by the timer; OK: none */
	nx_reply_fn *fn;
	void *arg;
};
TAILQ_HEAD(calls, nx_call);

struct handler {
	nx_handler_fn *fn;
	void *ctx;
};

struct nx_hub {
	struct nx_hub_config config;
	struct peers peers;
	struct calls calls[NX_CALL_BUCKETS];
	uint64_t next_id;
	struct handler handlers[NX_METHOD_SPAN];
	uint64_t seen[NX_ROLE_MAX]; /* newest generation of single roles */
	struct nx_hub_stats stats;
};

/* hub.c */
struct packet *nx_packet_new(Nx__Envelope *envelope, const int *fds,
    size_t n_fds);                                /* borrows: duplicates fds */
struct packet *nx_packet_unref(struct packet *p); /* returns NULL */
/* Sends @p, or queues it with a reference of its own. 0 or -errno; -ENOBUFS when
 * the peer lets too much wait. */
int nx_peer_send(struct peer *peer, struct packet *p);
struct peer *nx_hub_find(struct nx_hub *hub, enum nx_role role,
    bool any_instance, uint32_t instance);

/* call.c */
void nx_calls_peer_up(struct nx_hub *hub, struct peer *peer);
void nx_calls_peer_down(struct nx_hub *hub, struct peer *peer);
int nx_calls_reply(struct nx_hub *hub, struct peer *peer,
    struct nx_frame *frame); /* -EPROTO: disconnect */
void nx_calls_free(struct nx_hub *hub);

/* dispatch.c */
int nx_dispatch(struct nx_hub *hub, struct peer *peer, struct nx_frame *frame);
void nx_requests_orphan(struct peer *peer);

#endif
