/* The switchboard with a real listener and clients of different uids: exactly
 * the edges of the matrix come to be, and nobody gets in who is not known. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/msg.h"
#include "common/wire.h"
#include "nexusd/switchboard.h"
#include "proto/serve_nexusd.h"

#define UID_OF(role) (61000U + (uid_t)(role))

struct program {
	struct nx_hub *hub;
	struct nx_wire *wire;
	uint64_t generation[NX_ROLE_MAX]; /* of the edge to a role, 0: none */
	unsigned ups, downs;
};

static struct event_base *base;
static struct switchboard board;
static struct event *acceptor;
static int listener, fds_before;
static char dir[64], path[96];

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	if (client >= 0)
		switchboard_accept(&board, client, -1);
}

static int
setup(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct nx_hub_config hub = {.self = NX_ROLE_SWITCH,
	    .handlers = nexusd_handlers,
	    .n_handlers = nexusd_handlers_count,
	    .ctx = &board,
	    .on_peer = switchboard_peer};
	int role;

	(void)state;
	fds_before = nx_fd_count();
	base = hub.base = event_base_new();
	memset(&board, 0, sizeof(board));
	board.base = base;
	board.admin_group = (gid_t)-1;
	TAILQ_INIT(&board.clients);
	for (role = 0; role < NX_ROLE_MAX; role++)
		board.uids[role] =
		    nx_role_user((enum nx_role)role) ? UID_OF(role) : (uid_t)-1;
	if (nx_hub_new(&hub, &board.hub) < 0)
		return -1;
	(void)snprintf(dir, sizeof(dir), "/tmp/nexusd-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/nexus.sock", dir);
	(void)stpcpy(sun.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    chmod(path, 0666) < 0 || listen(listener, 64) < 0)
		return -1;
	acceptor =
	    event_new(base, listener, EV_READ | EV_PERSIST, on_accept, NULL);
	return event_add(acceptor, NULL);
}

static int
teardown(void **state)
{
	(void)state;
	board.hub = nx_hub_free(board.hub);
	event_free(acceptor);
	if (board.repair)
		event_free(board.repair);
	close(listener);
	event_base_free(base);
	unlink(path);
	rmdir(dir);
	return nx_fd_count() - fds_before;
}

static void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct program *p = ctx;

	if (peer->role == NX_ROLE_SWITCH && !up && p->wire)
		nx_wire_peer_down(p->wire);
	if (peer->role == NX_ROLE_SWITCH)
		return;
	if (!up && p->wire)
		nx_wire_edge_down(p->wire, peer);
	p->ups += up;
	p->downs += !up;
	p->generation[peer->role] = up ? peer->generation : 0;
}

static int
start(struct program *p, uid_t uid, uint32_t wants)
{
	struct nx_hub_config hub = {.base = base, .on_peer = on_peer, .ctx = p};
	struct nx_wire_config wire = {
	    .base = base, .path = path, .wants = wants, .reconnect = true};
	int r;

	memset(p, 0, sizeof(*p));
	assert_int_equal(nx_hub_new(&hub, &p->hub), 0);
	wire.hub = p->hub;
	assert_int_equal(seteuid(uid), 0);
	r = nx_wire_new(&wire, 0, &p->wire);
	assert_int_equal(seteuid(0), 0);
	return r;
}

static void
stop(struct program *p)
{
	p->wire = nx_wire_free(p->wire);
	p->hub = nx_hub_free(p->hub);
}

/* Until nothing has happened for a while. */
static void
settle(void)
{
	int quiet;

	for (quiet = 0; quiet < 20; quiet++) {
		usleep(1000);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static void
makes_exactly_the_edges(void **state)
{
	struct program p[NX_ROLE_MAX];
	int a, b;

	(void)state;
	for (a = NX_ROLE_GATEWAY; a < NX_ROLE_MAX; a++)
		assert_int_equal(
		    start(&p[a], a == NX_ROLE_ADMIN ? 0 : UID_OF(a), 0), 0);
	settle();
	for (a = NX_ROLE_GATEWAY; a < NX_ROLE_MAX; a++)
		for (b = NX_ROLE_GATEWAY; b < NX_ROLE_MAX; b++) {
			bool has = p[a].generation[b] != 0;

			assert_int_equal(has,
			    nx_role_edge((enum nx_role)a, (enum nx_role)b));
			/* both ends are of the same pair */
			assert_int_equal(
			    p[a].generation[b], p[b].generation[a]);
		}
	for (a = NX_ROLE_GATEWAY; a < NX_ROLE_MAX; a++)
		stop(&p[a]);
	settle();
	assert_int_equal(board.n_clients, 0);
}

static void
swaps_after_a_restart(void **state)
{
	struct program storage, node;
	uint64_t first;

	(void)state;
	assert_int_equal(start(&storage, UID_OF(NX_ROLE_STORAGE), 0), 0);
	assert_int_equal(start(&node, UID_OF(NX_ROLE_NODE), 0), 0);
	settle();
	first = node.generation[NX_ROLE_STORAGE];
	assert_true(first > 0);
	stop(&storage);
	/* At once: faster than the news of the death. */
	assert_int_equal(start(&storage, UID_OF(NX_ROLE_STORAGE), 0), 0);
	settle();
	assert_true(node.generation[NX_ROLE_STORAGE] > first);
	assert_int_equal(node.downs, 1);
	assert_int_equal(board.connects[NX_ROLE_STORAGE], 2);
	stop(&storage);
	stop(&node);
	settle();
}

/* One end cuts the pair; both programs live on and get another. */
static void
makes_a_cut_edge_again(void **state)
{
	struct program storage, node;
	uint64_t first;
	int waits;

	(void)state;
	assert_int_equal(start(&storage, UID_OF(NX_ROLE_STORAGE), 0), 0);
	assert_int_equal(start(&node, UID_OF(NX_ROLE_NODE), 0), 0);
	settle();
	first = node.generation[NX_ROLE_STORAGE];
	nx_hub_drop(node.hub, nx_hub_peer(node.hub, NX_ROLE_STORAGE));
	settle();
	assert_int_equal(storage.downs, 1);
	for (waits = 0; waits < 500 && storage.ups < 2; waits++)
		settle();
	assert_true(node.generation[NX_ROLE_STORAGE] > first);
	assert_int_equal(
	    node.generation[NX_ROLE_STORAGE], storage.generation[NX_ROLE_NODE]);
	assert_int_equal(node.ups, 2);
	stop(&storage);
	stop(&node);
	settle();
}

static void
refuses_a_second_of_a_role(void **state)
{
	struct program one, two, node;

	(void)state;
	assert_int_equal(start(&one, UID_OF(NX_ROLE_STORAGE), 0), 0);
	assert_int_equal(start(&node, UID_OF(NX_ROLE_NODE), 0), 0);
	settle();
	assert_int_equal(start(&two, UID_OF(NX_ROLE_STORAGE), 0), 0);
	settle();
	assert_true(board.refused >= 1);
	assert_int_equal(board.n_clients, 2);
	assert_int_equal(two.ups, 0);
	assert_int_equal(node.downs, 0);
	stop(&one);
	stop(&two);
	stop(&node);
	settle();
}

static void
numbers_gateways(void **state)
{
	struct program one, two, auth;

	(void)state;
	assert_int_equal(start(&auth, UID_OF(NX_ROLE_AUTH), 0), 0);
	assert_int_equal(start(&one, UID_OF(NX_ROLE_GATEWAY), 0), 0);
	assert_int_equal(start(&two, UID_OF(NX_ROLE_GATEWAY), 0), 0);
	settle();
	assert_int_equal(auth.ups, 2);
	assert_int_equal(one.ups, 1);
	assert_int_equal(two.ups, 1);
	stop(&one);
	stop(&two);
	stop(&auth);
	settle();
}

static void
refuses_strangers(void **state)
{
	struct program p;

	(void)state;
	assert_int_equal(start(&p, 65000, 0), 0);
	settle();
	assert_int_equal(board.n_clients, 0);
	assert_true(board.refused >= 1);
	stop(&p);
	settle();
}

/* Tools come and go, strangers as well: the log does not grow with each. */
static void
says_little_of_many(void **state)
{
	static char lines[1 << 16];
	int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	int pair[2], said = 0;
	ssize_t n;

	(void)state;
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
		    0);
		switchboard_accept(&board, pair[0], -1);
		close(pair[1]);
	}
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	n = pread(log, lines, sizeof(lines) - 1, 0);
	close(log);
	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++)
		said += lines[i] == '\n';
	print_message("said %d\n", said);
	assert_in_range(said, 1, 60);
}

static void
gives_admins_what_they_want(void **state)
{
	struct program admin, storage, auth;

	(void)state;
	assert_int_equal(start(&storage, UID_OF(NX_ROLE_STORAGE), 0), 0);
	assert_int_equal(start(&auth, UID_OF(NX_ROLE_AUTH), 0), 0);
	assert_int_equal(start(&admin, 0, NX_ROLE_BIT(NX_ROLE_STORAGE)), 0);
	settle();
	assert_true(admin.generation[NX_ROLE_STORAGE] != 0);
	assert_int_equal(admin.ups, 1);
	stop(&admin);
	stop(&storage);
	stop(&auth);
	settle();
}

struct answer {
	bool came;
	Nx__Status status;
	size_t clients, edges;
};

static void
on_answer(const struct nx_reply *reply, void *arg)
{
	struct answer *a = arg;
	const Nx__SwitchStatusReply *s = nx_as_switch_status_reply(reply->body);

	a->came = true;
	a->status = reply->status;
	a->clients = s ? s->n_clients : 0;
	a->edges = s ? s->n_edges : 0;
}

static struct answer
status_as(struct program *p)
{
	Nx__Empty empty = NX__EMPTY__INIT;
	struct answer a = {0};

	nx_call(p->hub,
	    (struct nx_ask){
		NX_ROLE_SWITCH, NX__METHOD__SWITCH_STATUS, &empty.base},
	    NULL, on_answer, &a);
	while (!a.came)
		event_base_loop(base, EVLOOP_ONCE);
	return a;
}

static void
tells_admins_the_status(void **state)
{
	struct program admin, storage;
	struct answer a;

	(void)state;
	assert_int_equal(start(&storage, UID_OF(NX_ROLE_STORAGE), 0), 0);
	assert_int_equal(start(&admin, 0, 0), 0);
	settle();
	a = status_as(&admin);
	assert_int_equal(a.status, NX__STATUS__OK);
	assert_int_equal(a.clients, 2);
	assert_int_equal(a.edges, 1);
	assert_int_equal(status_as(&storage).status, NX__STATUS__DENIED);
	stop(&admin);
	stop(&storage);
	settle();
}

/* Says hello and then never reads a thing. */
static int
start_stuck(uid_t uid)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	Nx__Hello hello = {PROTOBUF_C_MESSAGE_INIT(&nx__hello__descriptor),
	    NX_PROTO_VERSION, 0};
	Nx__Envelope e = NX__ENVELOPE__INIT;
	uint8_t body[16], frame[64];
	ssize_t len;

	(void)stpcpy(sun.sun_path, path);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(seteuid(0), 0);
	e.call_id = 1;
	e.method = NX__METHOD__SWITCH_HELLO;
	e.body.data = body;
	e.body.len = nx__hello__pack(&hello, body);
	len = nx_frame_pack(&e, 0, frame);
	assert_int_equal(nx_frame_send(fd, frame, (size_t)len, NULL, 0), 0);
	return fd;
}

/* One that never takes what it is given must not use up all descriptors in
 * flight. */
static void
bounds_introductions(void **state)
{
	struct program admins[INTRODUCTIONS_MAX + 4];
	int stuck = start_stuck(UID_OF(NX_ROLE_AUTH));
	struct client *c;
	size_t i;

	(void)state;
	settle();
	for (i = 0; i < NX_ARRAY_SIZE(admins); i++)
		assert_int_equal(start(&admins[i], 0, 0), 0);
	settle();
	TAILQ_FOREACH(c, &board.clients, entry)
		if (c->role == NX_ROLE_AUTH)
			assert_int_equal(c->outstanding, INTRODUCTIONS_MAX);
	for (i = 0; i < NX_ARRAY_SIZE(admins); i++)
		stop(&admins[i]);
	close(stuck);
	settle();
	assert_int_equal(board.n_clients, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(makes_exactly_the_edges),
	    T(swaps_after_a_restart),
	    T(makes_a_cut_edge_again),
	    T(refuses_a_second_of_a_role),
	    T(numbers_gateways),
	    T(refuses_strangers),
	    T(says_little_of_many),
	    T(gives_admins_what_they_want),
	    T(tells_admins_the_status),
	    T(bounds_introductions),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root: clients of several uids\n");
		return 0;
	}
	return cmocka_run_group_tests_name("switchboard", tests, NULL, NULL);
}
