/*
 * The way to nexusd: connect, say hello, take the ends it hands out. To the hub
 * the connection is one more peer, of role switch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/msg.h"
#include "common/wire.h"
#include "proto/switch.rpc.h"

struct nx_wire {
	struct nx_wire_config config;
	struct event *retry;
	struct sockaddr_un address;
	uint64_t generation; /* of the connection to nexusd, ours alone */
	struct nx_call *hello;
};

static void try_later(struct nx_wire *w);

/* Consumes nothing: takes r->fds[0] into the hub. */
static void
on_attach(struct nx_request *r, void *ctx)
{
	struct nx_wire *w = ctx;
	const Nx__Attach *a = nx_as_attach(r->body);
	int result;

	nx_assert(r->n_fds == 1); /* so the table says */
	if (a->peer_role >= NX_ROLE_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "no such role");
		return;
	}
	result = nx_hub_attach(w->config.hub, (enum nx_role)a->peer_role,
	    a->peer_instance, a->generation, nx_take_fd(&r->fds[0]));
	if (result < 0) {
		nx_refuse_errno(r, result, "attach");
		return;
	}
	nx_debug("event=attached peer=%s.%u",
	    nx_role_name((enum nx_role)a->peer_role), a->peer_instance);
	nx_answer_switch_attach(r);
}

static void
on_hello(const struct nx_reply *reply, void *arg)
{
	struct nx_wire *w = arg;
	struct nx_peer *peer;

	nx_assert(w->hello);
	w->hello = NULL;
	if (reply->status == NX__STATUS__OK)
		return;
	if (w->config.on_refused)
		w->config.on_refused(w->config.ctx, reply);
	else
		nx_warn("event=hello-refused reason=\"%s\"", reply->error);
	peer = nx_hub_peer(w->config.hub, NX_ROLE_SWITCH);
	if (peer)
		nx_hub_drop(w->config.hub, peer);
	try_later(w);
}

static int
connect_once(struct nx_wire *w)
{
	/* One that accepts nobody must not hold the loop: EAGAIN then. */
	nx_cleanup_fd int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	Nx__Hello hello = NX__HELLO__INIT;
	int r;

	/* That of the connection before ended with it: it is not idempotent. */
	nx_assert(!w->hello);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&w->address,
		sizeof(w->address)) < 0)
		return -errno;
	r = nx_hub_attach(
	    w->config.hub, NX_ROLE_SWITCH, 0, ++w->generation, nx_take_fd(&fd));
	if (r < 0)
		return r;
	hello.version = NX_PROTO_VERSION;
	hello.wants = w->config.wants;
	w->hello = nx_call(
	    w->config.hub, nx_ask_switch_hello(&hello), NULL, on_hello, w);
	return w->hello ? 0 : -ENOMEM;
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct nx_wire *w = arg;

	(void)fd;
	(void)what;
	if (nx_hub_peer(w->config.hub, NX_ROLE_SWITCH))
		return;
	if (!w->config.reconnect) {
		if (w->config.on_lost)
			w->config.on_lost(w->config.ctx);
		return;
	}
	if (connect_once(w) < 0)
		try_later(w);
	else
		nx_info("event=nexusd-back");
}

static void
try_later(struct nx_wire *w)
{
	struct timeval tv = {.tv_sec = 1};

	(void)evtimer_add(w->retry, &tv);
}

void
nx_wire_peer_down(struct nx_wire *w)
{
	/* Not at once: nexusd may have turned us away. */
	struct timeval tv = {.tv_usec = 200000};

	nx_assert(!nx_hub_peer(w->config.hub, NX_ROLE_SWITCH));
	nx_warn("event=nexusd-lost");
	(void)evtimer_add(w->retry, &tv);
}

void
nx_wire_edge_down(struct nx_wire *w, const struct nx_peer *peer)
{
	Nx__Attach lost = NX__ATTACH__INIT;

	nx_assert(peer->role != NX_ROLE_SWITCH);
	lost.peer_role = (uint32_t)peer->role;
	lost.peer_instance = peer->instance;
	lost.generation = peer->generation;
	nx_notify(nx_hub_peer(w->config.hub, NX_ROLE_SWITCH),
	    nx_ask_switch_edge_lost(&lost));
}

int
nx_wire_new(
    const struct nx_wire_config *config, int wait_ms, struct nx_wire **ret_wire)
{
	uint64_t until = nx_now_us() + (uint64_t)wait_ms * 1000;
	struct nx_wire *w;
	int r;

	if (strlen(config->path) >= sizeof(w->address.sun_path))
		return -ENAMETOOLONG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->config = *config;
	w->address.sun_family = AF_UNIX;
	(void)stpcpy(w->address.sun_path, config->path);
	w->retry = evtimer_new(config->base, on_retry, w);
	if (!w->retry) {
		free(w);
		return -ENOMEM;
	}
	nx_hub_handle(config->hub, NX__METHOD__SWITCH_ATTACH, on_attach, w);
	while ((r = connect_once(w)) < 0 && nx_now_us() < until) {
		struct timespec pause = {.tv_nsec = 20000000};

		(void)nanosleep(&pause, NULL);
	}
	if (r < 0) {
		nx_wire_free(w);
		return r;
	}
	*ret_wire = w;
	return 0;
}

struct nx_wire *
nx_wire_free(struct nx_wire *wire)
{
	if (wire) {
		nx_call_cancel(wire->hello);
		event_free(wire->retry);
	}
	free(wire);
	return NULL;
}
