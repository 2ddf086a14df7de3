/* Two hubs over a socketpair: calls, answers, deadlines, generations, and the
 * checks between a request and its handler. */
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
#include "proto/storage.rpc.h"

static struct event_base *base;
static struct nx_hub *client, *server;
static struct nx_tickets *tickets;
static struct nx_request *parked;
static struct nx_principal seen;
static unsigned handled, peers_down;
static int fds_before;

static void
on_usage(struct nx_request *r, void *ctx)
{
	Nx__UsageReply reply = NX__USAGE_REPLY__INIT;

	(void)ctx;
	handled++;
	seen = r->who;
	reply.used = 42;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
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
static void
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

static void
on_mkdir(struct nx_request *r, void *ctx)
{
	(void)ctx;
	handled++;
	nx_refuse(r, NX__STATUS__EXISTS, "%s is there already", "/a");
}

static void
on_stat(struct nx_request *r, void *ctx)
{
	(void)ctx;
	handled++;
	parked = r;
}

static void
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
static void
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

static int
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

static int
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

static void
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

static struct result
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

static void
seal(struct nx_ticket *t)
{
	*t = (struct nx_ticket){.audience = NX_ROLE_STORAGE,
	    .user_id = 17,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .rights = NX_RIGHT_READ | NX_RIGHT_WRITE};
	nx_ticket_seal(nx_tickets_key(tickets), t);
}

static struct result
usage_as(const uint8_t *ticket, uint64_t as_user)
{
	Nx__Empty empty = NX__EMPTY__INIT;
	struct nx_call_opts opts = {.ticket = ticket, .as_user = as_user};

	return call_with(NX__METHOD__STORAGE_USAGE, &empty.base, &opts);
}

static void
answers(void **state)
{
	struct nx_ticket t;
	struct result r;

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	seal(&t);
	r = usage_as((uint8_t *)&t, 0);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_int_equal(r.number, 42);
	assert_int_equal(seen.user_id, 17);
	assert_false(seen.admin);
}

static void
needs_a_ticket(void **state)
{
	struct nx_ticket t;
	struct result r;

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	assert_int_equal(usage_as(NULL, 0).status, NX__STATUS__UNAUTHENTICATED);
	seal(&t);
	t.user_id = 18; /* somebody else's */
	r = usage_as((uint8_t *)&t, 0);
	assert_int_equal(r.status, NX__STATUS__UNAUTHENTICATED);
	assert_non_null(strstr(r.error, "forged"));
	seal(&t);
	assert_int_equal(usage_as((uint8_t *)&t, 1).status, NX__STATUS__DENIED);
	nx_tickets_revoke(tickets, 17, NULL);
	r = usage_as((uint8_t *)&t, 0);
	assert_non_null(strstr(r.error, "revoked"));
	assert_int_equal(handled, 0);
}

static void
wants_the_right(void **state)
{
	Nx__OpenUploadRequest up = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct nx_ticket t;
	struct nx_call_opts opts = {.ticket = (uint8_t *)&t};

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	seal(&t);
	t.rights = NX_RIGHT_READ;
	nx_ticket_seal(nx_tickets_key(tickets), &t);
	assert_int_equal(
	    call_with(NX__METHOD__FILE_OPEN_UPLOAD, &up.base, &opts).status,
	    NX__STATUS__DENIED);
	assert_int_equal(handled, 0);
}

static void
believes_an_admin(void **state)
{
	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_int_equal(usage_as(NULL, 5).status, NX__STATUS__OK);
	assert_true(seen.admin);
	assert_int_equal(seen.user_id, 5);
}

static void
denies_other_roles(void **state)
{
	Nx__Empty empty = NX__EMPTY__INIT;

	(void)state;
	join(NX_ROLE_AUTH, 1);
	assert_int_equal(usage_as(NULL, 0).status, NX__STATUS__DENIED);
	assert_int_equal(
	    call_with(NX__METHOD__STORAGE_STATUS, &empty.base, NULL).status,
	    NX__STATUS__DENIED);
	/* a method nobody serves here */
	assert_int_equal(
	    call_with(NX__METHOD__NET_STATUS, &empty.base, NULL).status,
	    NX__STATUS__DENIED);
	assert_int_equal(handled, 0);
}

static void
passes_descriptors(void **state)
{
	Nx__OpenUploadRequest up = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	r = call_with(NX__METHOD__FILE_OPEN_UPLOAD, &up.base, NULL);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_true(nx_fd_is(r.fd, NX_FD_PIPE_WRITE));
	nx_close(&r.fd);
}

static void
refuses_surplus_descriptors(void **state)
{
	Nx__Empty empty = NX__EMPTY__INIT;
	int fd = STDIN_FILENO;
	struct nx_call_opts opts = {.fds = &fd, .n_fds = 1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_int_equal(
	    call_with(NX__METHOD__STORAGE_USAGE, &empty.base, &opts).status,
	    NX__STATUS__INVALID);
	assert_int_equal(handled, 0);
}

static void
carries_refusals(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	m.path = (char *)(uintptr_t) "/a";
	r = call_with(NX__METHOD__FS_MKDIR, &m.base, NULL);
	assert_int_equal(r.status, NX__STATUS__EXISTS);
	assert_string_equal(r.error, "/a is there already");
}

static void
keeps_the_deadline(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct nx_call_opts opts = {.timeout_us = 50000};
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	r = call_with(NX__METHOD__FS_STAT, &m.base, &opts);
	assert_int_equal(r.status, NX__STATUS__DEADLINE);
	assert_non_null(parked);
	/* The late answer goes nowhere, without harm. */
	nx_refuse(parked, NX__STATUS__NOT_FOUND, "late");
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
fails_at_once_without_a_peer(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;

	(void)state;
	assert_int_equal(call_with(NX__METHOD__FS_MKDIR, &m.base, NULL).status,
	    NX__STATUS__UNAVAILABLE);
}

static void
sends_again_on_a_new_generation(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;
	struct result r = {.fd = -1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &m.base},
	    NULL, on_result, &r));
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_hub_drop(server, nx_hub_peer(server, NX_ROLE_ADMIN));
	assert_int_equal(peers_down, 1);
	assert_null(parked->peer);
	nx_refuse(parked, NX__STATUS__INTERNAL, "into the void");
	parked = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(r.came);
	join(NX_ROLE_ADMIN, 2);
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_answer(parked, &entry.base, NULL, 0);
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_int_equal(nx_hub_stats(client).resent, 1);
}

static void
does_not_repeat_what_is_not_idempotent(void **state)
{
	Nx__FileRequest m = NX__FILE_REQUEST__INIT;
	struct result r = {.fd = -1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	m.id = (char *)(uintptr_t) "abcd";
	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FILE_DELETE, &m.base},
	    NULL, on_result, &r));
	nx_hub_drop(server, nx_hub_peer(server, NX_ROLE_ADMIN));
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.status, NX__STATUS__UNAVAILABLE);
}

static void
refuses_an_old_generation(void **state)
{
	int pair[2];

	(void)state;
	join(NX_ROLE_ADMIN, 5);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
	    nx_hub_attach(client, NX_ROLE_STORAGE, 0, 4, pair[0]), -ESTALE);
	close(pair[1]);
}

static void
disconnects_a_malformed_peer(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(server, NX_ROLE_GATEWAY, 3, 1, pair[1]), 0);
	assert_int_equal(send(pair[0], "junk", 4, 0), 4);
	while (!peers_down)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(nx_hub_stats(server).malformed, 1);
	assert_int_equal(recv(pair[0], &byte, 1, 0), 0);
	close(pair[0]);
}

static void
can_be_cancelled(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct result r = {.fd = -1};
	struct nx_call *c;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	c = nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &m.base},
	    NULL, on_result, &r);
	nx_call_cancel(c);
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_refuse(parked, NX__STATUS__NOT_FOUND, "nobody waits");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(r.came);
}

/* More than fits into the socket: queued, in order, all answered. */
static void
queues_for_a_slow_peer(void **state)
{
	enum { N = 900 };
	static struct result results[N];
	Nx__Empty empty = NX__EMPTY__INIT;
	size_t i, came = 0;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	memset(results, 0, sizeof(results));
	for (i = 0; i < N; i++)
		assert_non_null(nx_call(client,
		    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__STORAGE_USAGE,
			&empty.base},
		    NULL, on_result, &results[i]));
	while (came < N) {
		event_base_loop(base, EVLOOP_ONCE);
		for (came = 0; came < N && results[came].came;)
			came++;
	}
	for (i = 0; i < N; i++)
		assert_int_equal(results[i].status, NX__STATUS__OK);
}

/* A client that asks and never reads. */
static int
join_mute(void)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(server, NX_ROLE_ADMIN, 0, 1, pair[1]), 0);
	return pair[0];
}

static void
ask(int sock, Nx__Method method, const ProtobufCMessage *m, size_t times)
{
	static uint8_t body[4096], frame[NX_FRAME_MAX];
	Nx__Envelope e = NX__ENVELOPE__INIT;
	ssize_t len;
	size_t i;

	e.call_id = 1;
	e.method = method;
	e.deadline_us = UINT64_MAX;
	e.body.data = body;
	e.body.len = protobuf_c_message_pack(m, body);
	len = nx_frame_pack(&e, 0, frame);
	assert_true(len > 0);
	for (i = 0; i < times;) {
		int r = nx_frame_send(sock, frame, (size_t)len, NULL, 0);

		assert_true(r == 0 || r == -EAGAIN);
		i += r == 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static void
bounds_what_a_mute_peer_holds(void **state)
{
	Nx__OpenReadRequest read = NX__OPEN_READ_REQUEST__INIT;
	struct rlimit limit;
	int sock, before;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	sock = join_mute();
	before = nx_fd_count();
	ask(sock, NX__METHOD__FILE_OPEN_READ, &read.base, 800);
	assert_int_equal(handled, 800);
	assert_in_range(nx_fd_count() - before, 1, NX_QUEUE_FDS);
	close(sock);
}

static void
bounds_what_waits_for_an_answer(void **state)
{
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;
	Nx__FsPathRequest path = NX__FS_PATH_REQUEST__INIT;
	struct nx_request *all[NX_PENDING_MAX];
	size_t n = 0;
	int sock;

	(void)state;
	sock = join_mute();
	while (n < NX_PENDING_MAX) {
		ask(sock, NX__METHOD__FS_STAT, &path.base, 1);
		if (parked)
			all[n++] = nx_take_ptr(parked);
	}
	ask(sock, NX__METHOD__FS_STAT, &path.base, 3);
	assert_null(parked);
	assert_int_equal(handled, NX_PENDING_MAX);
	/* One answered makes room for one. */
	nx_answer(all[--n], &entry.base, NULL, 0);
	ask(sock, NX__METHOD__FS_STAT, &path.base, 1);
	assert_non_null(parked);
	nx_answer(parked, &entry.base, NULL, 0);
	while (n > 0)
		nx_answer(all[--n], &entry.base, NULL, 0);
	close(sock);
}

/* What a receiver would cut the edge for is not sent. */
static void
keeps_the_edge_whatever_is_said(void **state)
{
	Nx__FsPathRequest path = NX__FS_PATH_REQUEST__INIT;
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;
	char name[] = "bell\a", said[400];
	struct result r[2] = {{.fd = -1}, {.fd = -1}};
	size_t i;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	for (i = 0; i < 2; i++) {
		assert_non_null(nx_call(client,
		    (struct nx_ask){
			NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &path.base},
		    NULL, on_result, &r[i]));
		while (!parked)
			event_base_loop(base, EVLOOP_ONCE);
		entry.name = name;
		/* cut in the middle of its last character */
		memset(said, 'x', sizeof(said) - 1);
		memcpy(said, "\033[2J", 4);
		memcpy(said + 382, "\xc3\xa9", 3);
		if (i == 0)
			nx_answer(nx_take_ptr(parked), &entry.base, NULL, 0);
		else
			nx_refuse(nx_take_ptr(parked), NX__STATUS__INVALID,
			    "%s", said);
		while (!r[i].came)
			event_base_loop(base, EVLOOP_ONCE);
	}
	assert_int_equal(r[0].status, NX__STATUS__INTERNAL);
	assert_int_equal(r[1].status, NX__STATUS__INVALID);
	assert_memory_equal(r[1].error, "?[2Jxx", 6);
	assert_non_null(nx_hub_peer(client, NX_ROLE_STORAGE));
}

/* nexusd is there but does not accept: nobody waits for it in a loop. */
static void
does_not_wait_for_a_deaf_nexusd(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct nx_wire_config config = {
	    .base = base, .hub = client, .path = sun.sun_path};
	uint64_t before = nx_now_us();
	struct nx_wire *wire;
	int fds[8], n = 0, r;

	(void)state;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/nexus-deaf-%d",
	    (int)getpid());
	(void)unlink(sun.sun_path);
	fds[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[n], (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fds[n], 0), 0);
	do {
		fds[++n] = socket(
		    AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = connect(fds[n], (struct sockaddr *)&sun, sizeof(sun));
	} while (r == 0);
	assert_int_equal(errno, EAGAIN);
	alarm(20); /* without an answer the test ends here */
	assert_int_equal(nx_wire_new(&config, 100, &wire), -EAGAIN);
	alarm(0);
	assert_true(nx_now_us() - before < 10000000);
	for (; n >= 0; n--)
		close(fds[n]);
	(void)unlink(sun.sun_path);
}

/* A reply that does not fit is our mistake; it must not end everybody's
 * service. */
static void
survives_an_answer_too_large(void **state)
{
	static char name[NX_FRAME_MAX + 1];
	Nx__FsPathRequest path = NX__FS_PATH_REQUEST__INIT;
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;
	struct result r = {.fd = -1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &path.base},
	    NULL, on_result, &r));
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	memset(name, 'n', sizeof(name) - 1);
	entry.name = name;
	nx_answer(parked, &entry.base, NULL, 0);
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.status, NX__STATUS__INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(answers),
	    T(needs_a_ticket),
	    T(wants_the_right),
	    T(believes_an_admin),
	    T(denies_other_roles),
	    T(passes_descriptors),
	    T(refuses_surplus_descriptors),
	    T(carries_refusals),
	    T(keeps_the_deadline),
	    T(fails_at_once_without_a_peer),
	    T(sends_again_on_a_new_generation),
	    T(does_not_repeat_what_is_not_idempotent),
	    T(refuses_an_old_generation),
	    T(disconnects_a_malformed_peer),
	    T(can_be_cancelled),
	    T(queues_for_a_slow_peer),
	    T(bounds_what_a_mute_peer_holds),
	    T(bounds_what_waits_for_an_answer),
	    T(survives_an_answer_too_large),
	    T(keeps_the_edge_whatever_is_said),
	    T(does_not_wait_for_a_deaf_nexusd),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
