/*
 * Two hubs over a socketpair, on one loop: the server has a handler of each kind,
 * the client whatever role a test joins it as. What is held is counted before
 * and after.
 */
#ifndef COMMON_HUB_LAB_H
#define COMMON_HUB_LAB_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub.h"
#include "common/hub_internal.h"
#include "common/id.h"
#include "common/wire.h"
#include "proto/auth.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/care.rpc.h"
#include "proto/storage.rpc.h"

static struct event_base *base;
static struct nx_hub *client, *server;
static struct nx_tickets *tickets;
static struct nx_request *parked;
static struct nx_principal seen;
static unsigned handled, peers_down;
static int fds_before;

static inline void
on_usage(struct nx_request *r, void *ctx)
{
	Nx__UsageReply reply = NX__USAGE_REPLY__INIT;

	(void)ctx;
	handled++;
	seen = r->who;
	reply.used = 42;
	nx_answer(r, &reply.base, NULL, 0);
}

static inline void
on_upload(struct nx_request *r, void *ctx)
{
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	int ends[2];

	(void)ctx;
	handled++;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	reply.upload = 9;
	nx_answer(r, &reply.base, &ends[1], 1);
}

/* As many descriptors as a reply can carry. */
static inline void
on_open_read(struct nx_request *r, void *ctx)
{
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	int fds[NX_FRAME_FDS], i;

	(void)ctx;
	handled++;
	for (i = 0; i < (int)NX_FRAME_FDS; i++)
		fds[i] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	nx_answer(r, &reply.base, fds, NX_FRAME_FDS);
}

static inline void
on_mkdir(struct nx_request *r, void *ctx)
{
	(void)ctx;
	handled++;
	nx_refuse(r, NX__STATUS__EXISTS, "%s is there already", "/a");
}

static inline void
on_stat(struct nx_request *r, void *ctx)
{
	(void)ctx;
	handled++;
	parked = r;
}

static inline void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	(void)peer;
	(void)ctx;
	peers_down += !up;
}

static const struct nx_handler handlers[] = {
    {NX__METHOD__STORAGE_USAGE, on_usage},
    {NX__METHOD__FILE_OPEN_UPLOAD, on_upload},
    {NX__METHOD__FILE_OPEN_READ, on_open_read},
    {NX__METHOD__FS_MKDIR, on_mkdir},
    {NX__METHOD__FS_STAT, on_stat},
    {NX__METHOD__STORAGE_STATUS, on_usage},
};

/* Connects the hubs; the server sees the client as @role. */
static inline void
join(enum nx_role role, uint64_t generation)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(client, NX_ROLE_STORAGE, 0, generation, pair[0]), 0);
	assert_int_equal(
	    nx_hub_attach(server, role, 0, generation, pair[1]), 0);
}

static inline int
setup(void **state)
{
	struct nx_hub_config c = {.self = NX_ROLE_GATEWAY};
	struct nx_hub_config s = {.self = NX_ROLE_STORAGE,
	    .handlers = handlers,
	    .n_handlers = NX_ARRAY_SIZE(handlers),
	    .on_peer = on_peer};

	(void)state;
	fds_before = nx_fd_count();
	base = c.base = s.base = event_base_new();
	tickets = nx_tickets_new(NX_ROLE_STORAGE);
	s.tickets = tickets;
	parked = NULL;
	handled = peers_down = 0;
	memset(&seen, 0, sizeof(seen));
	return nx_hub_new(&c, &client) || nx_hub_new(&s, &server);
}

static inline int
teardown(void **state)
{
	(void)state;
	client = nx_hub_free(client);
	server = nx_hub_free(server);
	event_base_free(base);
	tickets = nx_tickets_free(tickets);
	return nx_fd_count() - fds_before;
}

struct result {
	bool came;
	Nx__Status status;
	char error[256];
	uint64_t number;
	int fd;
};

static inline void
on_result(const struct nx_reply *reply, void *arg)
{
	struct result *r = arg;

	assert_false(r->came);
	r->came = true;
	r->status = reply->status;
	(void)snprintf(r->error, sizeof(r->error), "%s", reply->error);
	if (reply->body &&
	    reply->body->descriptor == &nx__usage_reply__descriptor)
		r->number = nx_as_usage_reply(reply->body)->used;
	r->fd = reply->n_fds ? nx_take_fd(&reply->fds[0]) : -1;
}

static inline struct result
call_with(Nx__Method method, const ProtobufCMessage *m,
    const struct nx_call_opts *opts)
{
	struct result r = {.fd = -1};

	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, method, m}, opts, on_result, &r));
	assert_false(r.came);
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	return r;
}

static inline void
seal(struct nx_ticket *t)
{
	*t = (struct nx_ticket){.audience = NX_ROLE_STORAGE,
	    .user_id = 17,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .rights = NX_RIGHT_READ | NX_RIGHT_WRITE};
	nx_ticket_seal(nx_tickets_key(tickets), t);
}

static inline struct result
usage_as(const uint8_t *ticket, uint64_t as_user)
{
	Nx__Empty empty = NX__EMPTY__INIT;
	struct nx_call_opts opts = {.ticket = ticket, .as_user = as_user};

	return call_with(NX__METHOD__STORAGE_USAGE, &empty.base, &opts);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
