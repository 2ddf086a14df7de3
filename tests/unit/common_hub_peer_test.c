/* Peers that are slow, mute, deaf or out of measure: what a hub holds for them is
 * bounded, and no edge is cut for what was said honestly. */
#include "tests/unit/common_hub_lab.h"

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
	    T(queues_for_a_slow_peer),
	    T(bounds_what_a_mute_peer_holds),
	    T(bounds_what_waits_for_an_answer),
	    T(survives_an_answer_too_large),
	    T(keeps_the_edge_whatever_is_said),
	    T(does_not_wait_for_a_deaf_nexusd),
	};

	return cmocka_run_group_tests_name("hub_peer", tests, NULL, NULL);
}
