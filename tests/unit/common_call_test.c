/* What a hub promises when peers go away or do not read: no call is done twice
 * that may not be, and nobody makes us hold more than a share. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub_internal.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/node.rpc.h"
#include "proto/storage.rpc.h"

#define LOG_SIZE (8U << 20)

static struct event_base *base;
static struct nx_hub *hub;
static Nx__Status status;
static bool came;

static void
on_reply(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	came = true;
	status = reply->status;
}

/* Neither has a name; one is in memory, the other on a disk. */
static bool on_disk;

static int
nameless(void)
{
	return on_disk ? open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
		       : memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static void
on_logs(struct nx_request *r, void *ctx)
{
	int fd = nameless();

	(void)ctx;
	assert_int_equal(ftruncate(fd, LOG_SIZE), 0);
	nx_answer_node_logs(r, &fd, 1);
}

static int
setup(void **state)
{
	static const struct nx_handler handlers[] = {
	    {NX__METHOD__NODE_LOGS, on_logs}};
	struct nx_hub_config config = {.self = NX_ROLE_NODE,
	    .handlers = handlers,
	    .n_handlers = NX_ARRAY_SIZE(handlers)};

	(void)state;
	came = false;
	base = config.base = event_base_new();
	return nx_hub_new(&config, &hub);
}

static int
teardown(void **state)
{
	(void)state;
	hub = nx_hub_free(hub);
	event_base_free(base);
	return 0;
}

/* A new peer of the hub; the other end is ours. */
static int
join(enum nx_role role, uint32_t instance, uint64_t generation)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(hub, role, instance, generation, pair[0]), 0);
	return pair[1];
}

static void
turns(int n)
{
	while (n-- > 0)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

/* It may have been done by the one that went: the other must not do it again,
 * and an idempotent one is sent there, byte by byte the same. */
static void
sends_again_only_what_may_be(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;
	int first = join(NX_ROLE_STORAGE, 0, 1);
	int second = join(NX_ROLE_STORAGE, 1, 2);
	struct nx_frame frame;
	uint8_t byte;

	(void)state;
	m.path = q.path = (char[]){"/a"};
	assert_non_null(
	    nx_call(hub, nx_ask_fs_mkdir(&m), NULL, on_reply, NULL));
	assert_non_null(nx_call(hub, nx_ask_fs_stat(&q), NULL, on_reply, NULL));
	nx_close(&first);
	turns(8);
	assert_true(came);
	assert_int_equal(status, NX__STATUS__UNAVAILABLE);
	assert_int_equal(nx_frame_recv(second, &frame), 1);
	assert_int_equal(frame.envelope->method, NX__METHOD__FS_STAT);
	nx_frame_fini(&frame);
	assert_int_equal(recv(second, &byte, 1, 0), -1);
	nx_close(&second);
}

/* How many logs wait for an @admin who asks for 500 and reads none. */
static int
held_for(int admin)
{
	Nx__Envelope e = NX__ENVELOPE__INIT;
	static uint8_t buf[NX_FRAME_MAX];
	int before = nx_fd_count();
	ssize_t len;

	e.method = NX__METHOD__NODE_LOGS;
	e.deadline_us = nx_now_us() + 10000000;
	for (int i = 0; i < 500; i++) {
		e.call_id = (uint64_t)i + 1;
		len = nx_frame_pack(&e, 0, buf);
		while (nx_frame_send(admin, buf, (size_t)len, NULL, 0) < 0)
			turns(1);
	}
	turns(8);
	print_message("holds %d\n", nx_fd_count() - before);
	return nx_fd_count() - before;
}

/* Answers wait in the queue with the memory that is in their descriptors. */
static void
bounds_the_memory_a_mute_peer_holds(void **state)
{
	int admin = join(NX_ROLE_ADMIN, 0, 1);
	int before = nx_fd_count();

	(void)state;
	on_disk = false;
	assert_true(held_for(admin) <= (int)(NX_QUEUE_HELD / LOG_SIZE));
	nx_close(&admin);
	turns(2);
	/* the peer and all that waited for it */
	assert_true(nx_fd_count() < before);
}

/* A chunk that was deleted while it is sent has no name either. */
static void
counts_no_file_of_a_disk(void **state)
{
	int admin = join(NX_ROLE_ADMIN, 0, 1), fd;

	(void)state;
	on_disk = true;
	fd = nameless();
	if (fd < 0 || fcntl(fd, F_GET_SEALS) >= 0)
		print_message("this directory is on no disk\n");
	else
		assert_true(held_for(admin) > (int)(NX_QUEUE_HELD / LOG_SIZE));
	nx_close(&fd);
	nx_close(&admin);
	turns(2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(sends_again_only_what_may_be),
	    T(bounds_the_memory_a_mute_peer_holds),
	    T(counts_no_file_of_a_disk),
	};

	nx_log_open("test", false);
	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
