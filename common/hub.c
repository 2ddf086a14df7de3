/*
 * Peers: their sockets, their queues, their coming and going.
 *
 * A peer that sends what it must not is disconnected, counted and logged; its
 * calls end with UNAVAILABLE, the requests it made are answered into nothing.
 *
 * The life of a peer:
 *
 *	made	by nx_hub_attach, which owns the descriptor from then on. It
 *		ends here when it is older than what was seen, or no socket.
 *	here	in hub->peers, found by (role, instance), of which there is one
 *		at a time; readable all the time, writable while its queue is
 *		not empty. Everything that was said to it is sent or queued, in
 *		order; there is no third place.
 *	gone	out of hub->peers, so that nobody finds it, while those it
 *		leaves behind are told. Nothing is sent to it and nothing of it
 *		is read any more. Its memory ends with on_peer(up = false).
 *
 * Any callback may drop any peer, its own among them: whoever has called one
 * looks the peer up again before it goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub_internal.h"
#include "common/log.h"

#define FRAMES_PER_TURN 32

/* --- packets ----------------------------------------------------------------*/

/* What a descriptor keeps in memory as long as it waits to be read. */
static size_t
memory_of(int fd)
{
	struct stat st;

	/* A file of memory without a name; those on disks have no seals. */
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
		fcntl(fd, F_GET_SEALS) >= 0
	    ? (size_t)st.st_size
	    : 0;
}

/* Packed once, however often it is sent; with descriptors of its own, so that
 * what the caller does with its ones no longer matters. NULL when it does not
 * fit into a frame, memory is out, or the table of descriptors is full. */
struct packet *
nx_packet_new(Nx__Envelope *envelope, const int *fds, size_t n_fds)
{
	static uint8_t buf[NX_FRAME_MAX];
	ssize_t len = nx_frame_pack(envelope, n_fds, buf);
	struct packet *p;

	if (len < 0 || n_fds > NX_FRAME_FDS)
		return NULL;
	p = malloc(sizeof(*p) + (size_t)len);
	if (!p)
		return NULL;
	p->refs = 1;
	p->len = (size_t)len;
	p->n_fds = 0;
	p->held = 0;
	memcpy(p->data, buf, (size_t)len);
	while (p->n_fds < n_fds) {
		int fd = fcntl(fds[p->n_fds], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return nx_packet_unref(p);
		p->fds[p->n_fds++] = fd;
		p->held += memory_of(fd);
	}
	return p;
}

struct packet *
nx_packet_unref(struct packet *p)
{
	if (!p)
		return NULL;
	nx_assert(p->refs > 0 && p->n_fds <= NX_FRAME_FDS);
	if (--p->refs > 0)
		return NULL;
	for (size_t i = 0; i < p->n_fds; i++)
		nx_close(&p->fds[i]);
	free(p);
	return NULL;
}

/* Who asks and does not read costs no more memory and descriptors than this. */
static bool
has_room(const struct peer *peer, const struct packet *p)
{
	return peer->queued < NX_QUEUE_MAX &&
	    peer->queued_bytes + p->len <= NX_QUEUE_BYTES &&
	    peer->queued_fds + p->n_fds <= NX_QUEUE_FDS &&
	    peer->queued_held + p->held <= NX_QUEUE_HELD;
}

/* What waits already goes first: a frame is sent at once only past an empty
 * queue. A full queue refuses the frame, not the peer, which may be slow for a
 * reason; whose frame it was is told (-ENOBUFS). */
int
nx_peer_send(struct peer *peer, struct packet *p)
{
	int r = -EAGAIN;

	nx_assert(p && p->refs > 0);
	nx_assert(TAILQ_EMPTY(&peer->queue) == (peer->queued == 0));
	if (peer->gone)
		return -EPIPE;
	if (TAILQ_EMPTY(&peer->queue))
		r = nx_frame_send(peer->fd, p->data, p->len, p->fds, p->n_fds);
	if (r != -EAGAIN)
		return r;
	if (!has_room(peer, p))
		return -ENOBUFS;
	nx_assert(p->refs == 1 || p->refs == 2); /* in no other queue */
	p->refs++;
	TAILQ_INSERT_TAIL(&peer->queue, p, entry);
	peer->queued++;
	peer->queued_bytes += p->len;
	peer->queued_fds += p->n_fds;
	peer->queued_held += p->held;
	return event_add(peer->writable, NULL) < 0 ? -ENOMEM : 0;
}

/* --- coming and going -------------------------------------------------------*/

struct peer *
nx_hub_find(
    struct nx_hub *hub, enum nx_role role, bool any_instance, uint32_t instance)
{
	struct peer *p, *best = NULL;

	TAILQ_FOREACH(p, &hub->peers, entry) {
		if (p->gone || p->pub.role != role)
			continue;
		if (!any_instance && p->pub.instance != instance)
			continue;
		if (!best || p->pub.instance < best->pub.instance)
			best = p;
	}
	return best;
}

struct nx_peer *
nx_hub_peer(struct nx_hub *hub, enum nx_role role)
{
	struct peer *p = nx_hub_find(hub, role, true, 0);

	return p ? &p->pub : NULL;
}

int
nx_peer_fd(const struct nx_peer *peer)
{
	return ((const struct peer *)(const void *)peer)->fd;
}

/* Sent, or never to be: the queue's reference ends. The sums are of what is in
 * the queue, so none of them can get below what leaves it. */
static void
unqueue(struct peer *p, struct packet *packet)
{
	TAILQ_REMOVE(&p->queue, packet, entry);
	nx_assert(p->queued > 0 && p->queued_bytes >= packet->len &&
	    p->queued_fds >= packet->n_fds && p->queued_held >= packet->held);
	p->queued--;
	p->queued_bytes -= packet->len;
	p->queued_fds -= packet->n_fds;
	p->queued_held -= packet->held;
	nx_packet_unref(packet);
}

/* The last step of a peer that is gone, or of one that has never been here.
 * Nothing may be left that points at it. */
static void
peer_free(struct peer *p)
{
	nx_assert(TAILQ_EMPTY(&p->queue) && TAILQ_EMPTY(&p->requests));
	nx_assert(p->queued == 0 && p->n_requests == 0);
	/* event_del before close: epoll keeps a descriptor that lives on in a
	 * copy somewhere else. */
	if (p->readable)
		event_free(p->readable);
	if (p->writable)
		event_free(p->writable);
	nx_close(&p->fd);
	free(p);
}

/*
 * From here to gone. Each step may run callbacks, and those may make calls, drop
 * others or attach the next generation; in this order none of them meets half a
 * peer:
 *
 *	out of the list	nobody finds it, nobody sends to it
 *	the queue	a packet is in one queue at most, and its call may want
 *			to go into another one
 *	its requests	whoever works on one may still answer, into nothing
 *	our calls	fail, or wait for the next generation
 *	on_peer		the daemon lets go of what it kept for it
 *
 * Once: a callback that drops it again finds it gone.
 */
static void
peer_down(struct peer *p)
{
	struct nx_hub *hub = p->hub;

	if (p->gone)
		return;
	p->gone = true;
	TAILQ_REMOVE(&hub->peers, p, entry);
	while (!TAILQ_EMPTY(&p->queue))
		unqueue(p, TAILQ_FIRST(&p->queue));
	nx_requests_orphan(p);
	nx_calls_peer_down(hub, p);
	if (hub->config.on_peer)
		hub->config.on_peer(&p->pub, false, hub->config.ctx);
	peer_free(p);
}

void
nx_hub_drop(struct nx_hub *hub, struct nx_peer *peer)
{
	struct peer *p = (struct peer *)(void *)peer;

	nx_assert(p->hub == hub);
	peer_down(p);
}

/* 0, or -errno that costs the edge: only what no honest peer sends. */
static int
handle_frame(struct peer *p, struct nx_frame *frame)
{
	return frame->envelope->reply ? nx_calls_reply(p->hub, p, frame)
				      : nx_dispatch(p->hub, p, frame);
}

/* A bounded number of frames, or one loud peer would hold the loop. What this
 * peer is is kept aside: it may be freed by the time a frame is handled, and
 * another may have been attached in its place, at the same address even. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct nx_hub *hub = p->hub;
	uint64_t generation = p->pub.generation;
	enum nx_role role = p->pub.role;
	uint32_t instance = p->pub.instance;
	int i, r = 1;

	(void)what;
	nx_assert(!p->gone && p->fd == fd);
	for (i = 0; i < FRAMES_PER_TURN && r > 0; i++) {
		struct nx_frame frame;

		r = nx_frame_recv(fd, &frame);
		if (r <= 0)
			break;
		r = handle_frame(p, &frame);
		nx_frame_fini(&frame);
		/* The handler may have dropped this very peer. */
		if (nx_hub_find(hub, role, false, instance) != p ||
		    p->pub.generation != generation)
			return;
		if (r == 0)
			r = 1;
	}
	if (r >= 0)
		return;
	if (r != -EPIPE) {
		hub->stats.malformed++;
		nx_warn("event=peer-dropped peer=%s.%u generation=%" PRIu64
			" reason=\"%s\"",
		    nx_role_name(role), instance, generation, strerror(-r));
	}
	peer_down(p);
}

/* Watched while something waits, and no longer. A peer that cannot be written to
 * is down: what it did not get it can no longer get in order. */
static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct packet *packet;

	(void)what;
	nx_assert(!p->gone && p->fd == fd);
	while ((packet = TAILQ_FIRST(&p->queue))) {
		int r = nx_frame_send(
		    fd, packet->data, packet->len, packet->fds, packet->n_fds);

		if (r == -EAGAIN)
			break;
		if (r < 0) {
			peer_down(p);
			return;
		}
		unqueue(p, packet);
	}
	nx_assert(packet || p->queued == 0);
	if (packet)
		(void)event_add(p->writable, NULL);
}

/*
 * Generations of an edge only grow, whoever is in between: an end that was made
 * earlier and comes later (nexusd restarted, a slow program) must not replace
 * one that works. Roles with one instance are remembered beyond their peer's
 * end; of the numbered ones only those that are here. -ESTALE, or 0.
 */
static int
generation_check(struct nx_hub *hub, enum nx_role role, struct peer *old,
    uint64_t generation)
{
	bool numbered = role == NX_ROLE_ADMIN || role == NX_ROLE_GATEWAY;

	nx_assert((unsigned)role < NX_ROLE_MAX);
	if (old && old->pub.generation >= generation)
		return -ESTALE;
	if (!numbered && hub->seen[role] >= generation && generation != 0)
		return -ESTALE;
	hub->seen[role] = generation;
	return 0;
}

int
nx_hub_attach(struct nx_hub *hub, enum nx_role role, uint32_t instance,
    uint64_t generation, int fd)
{
	struct peer *old = nx_hub_find(hub, role, false, instance);
	nx_cleanup_fd int owned = fd;
	struct peer *p;
	int r = generation_check(hub, role, old, generation);

	if (r < 0)
		return r;
	if (!nx_fd_is(fd, NX_FD_SEQPACKET))
		return -EPROTO;
	r = nx_fd_nonblock(fd, true);
	if (r < 0)
		return r;
	if (old)
		peer_down(old);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->hub = hub;
	p->pub.role = role;
	p->pub.instance = instance;
	p->pub.generation = generation;
	p->fd = nx_take_fd(&owned);
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->requests);
	p->readable = event_new(
	    hub->config.base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
	p->writable =
	    event_new(hub->config.base, p->fd, EV_WRITE, on_writable, p);
	if (!p->readable || !p->writable || event_add(p->readable, NULL) < 0) {
		peer_free(p);
		return -ENOMEM;
	}
	nx_assert(!nx_hub_find(hub, role, false, instance));
	TAILQ_INSERT_TAIL(&hub->peers, p, entry);
	if (hub->config.on_peer)
		hub->config.on_peer(&p->pub, true, hub->config.ctx);
	/* on_peer may have dropped it again. */
	if (nx_hub_find(hub, role, false, instance) == p)
		nx_calls_peer_up(hub, p);
	return 0;
}

/* --- the hub ----------------------------------------------------------------*/

void
nx_hub_handle(
    struct nx_hub *hub, Nx__Method method, nx_handler_fn *fn, void *ctx)
{
	nx_assert((unsigned)method < NX_METHOD_SPAN);
	hub->handlers[method] = (struct handler){fn, ctx};
}

int
nx_hub_new(const struct nx_hub_config *config, struct nx_hub **ret_hub)
{
	struct nx_hub *hub = calloc(1, sizeof(*hub));
	size_t i;

	if (!hub)
		return -ENOMEM;
	hub->config = *config;
	hub->next_id = 1;
	TAILQ_INIT(&hub->peers);
	for (i = 0; i < NX_CALL_BUCKETS; i++)
		TAILQ_INIT(&hub->calls[i]);
	for (i = 0; i < config->n_handlers; i++) {
		nx_assert(nx_method_find(config->handlers[i].method));
		nx_hub_handle(hub, config->handlers[i].method,
		    config->handlers[i].fn, config->ctx);
	}
	*ret_hub = hub;
	return 0;
}

/* Peers first, whose calls end or wait; then what waits ends too. So every call
 * has been answered, and no request can be: their peers are gone. */
struct nx_hub *
nx_hub_free(struct nx_hub *hub)
{
	struct peer *p;

	if (!hub)
		return NULL;
	while ((p = TAILQ_FIRST(&hub->peers)))
		peer_down(p);
	nx_calls_free(hub);
	free(hub);
	return NULL;
}

struct nx_hub_stats
nx_hub_stats(const struct nx_hub *hub)
{
	return hub->stats;
}
