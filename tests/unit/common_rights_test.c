/*
 * Descriptors over local sockets: whatever a receiver refuses, nothing that came
 * with it stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/rights.h"

#define MANY 40

static int pair[2];

static int
setup(void **state)
{
	(void)state;
	return socketpair(
	    AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int
teardown(void **state)
{
	(void)state;
	nx_close(&pair[0]);
	nx_close(&pair[1]);
	return 0;
}

/* Sends @n copies of one descriptor by hand: in the test of the receiver the
 * sender is not to be trusted either. */
static void throw(size_t len, size_t n)
{
	char control[CMSG_SPACE(sizeof(int) * MANY)] = {0}, data[16] = {0};
	struct iovec iov = {data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (n > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		for (size_t i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &pair[0],
			    sizeof(int));
	}
	assert_int_equal(sendmsg(pair[0], &msg, 0), len);
}

/* What arrives with room for 8 bytes. */
static void
messages_are_taken_whole_or_not_at_all(void **state)
{
	static const struct {
		size_t len, sent, max;
		ssize_t result;
		size_t taken;
	} cases[] = {
	    {8, 0, 1, 8, 0},
	    {5, 1, 1, 5, 1},
	    {8, 2, 2, 8, 2},
	    {8, MANY, MANY, 8, MANY},
	    {8, MANY, NX_RIGHTS_MAX, 8, MANY},
	    {0, 0, 1, 0, 0},
	    {8, 2, 1, -EPROTO, 0}, /* in the padding */
	    {8, 3, 1, -EPROTO, 0}, /* beyond it */
	    {8, 4, 3, -EPROTO, 0},
	    {8, MANY, 1, -EPROTO, 0},
	    {9, 0, 1, -EPROTO, 0},
	    {9, 1, 1, -EPROTO, 0},
	    {0, 1, 1, -EPROTO, 0},
	};
	int before = nx_fd_count(), fds[NX_RIGHTS_MAX];
	char data[8];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		size_t n = 0;

		memset(fds, -1, sizeof(fds));
		throw(cases[i].len, cases[i].sent);
		assert_int_equal(nx_recv_fds(pair[1], data, sizeof(data), fds,
				     cases[i].max, 0, &n),
		    cases[i].result);
		assert_int_equal(n, cases[i].taken);
		for (size_t k = 0; k < n; k++) {
			assert_true(fcntl(fds[k], F_GETFD) & FD_CLOEXEC);
			nx_close(&fds[k]);
		}
		assert_int_equal(fds[n], -1);
		assert_int_equal(nx_fd_count(), before);
	}
}

/* The bytes arrive, the descriptor does not: not a message without one. */
static void
a_full_table_is_no_message(void **state)
{
	struct rlimit old, none;
	int fd = -1;
	size_t n = 0;
	ssize_t r;
	char byte;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	throw(1, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = nx_recv_fds(pair[1], &byte, 1, &fd, 1, 0, &n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EPROTO);
	assert_int_equal(fd, -1);
}

/* SO_PASSCRED adds control data that nobody asked for. */
static void
other_control_data_is_refused(void **state)
{
	int on = 1, before = nx_fd_count(), fd = -1;
	size_t n = 0;
	char byte;

	(void)state;
	assert_int_equal(
	    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	throw(1, 0);
	assert_int_equal(
	    nx_recv_fds(pair[1], &byte, 1, &fd, 8, 0, &n), -EPROTO);
	throw(1, 1);
	assert_int_equal(
	    nx_recv_fds(pair[1], &byte, 1, &fd, 8, 0, &n), -EPROTO);
	assert_int_equal(fd, -1);
	assert_int_equal(nx_fd_count(), before);
}

static void
what_is_sent_arrives(void **state)
{
	int before = nx_fd_count(), fds[2];
	size_t n = 0;
	char data[4];

	(void)state;
	assert_int_equal(nx_recv_fds(pair[1], data, 4, fds, 2, 0, &n), -EAGAIN);
	assert_int_equal(nx_send_fds(pair[0], "ping", 4, pair, 2, 0), 0);
	assert_int_equal(nx_recv_fds(pair[1], data, 4, fds, 2, 0, &n), 4);
	assert_int_equal(n, 2);
	assert_memory_equal(data, "ping", 4);
	assert_true(nx_fd_is(fds[0], NX_FD_SEQPACKET));
	nx_close(&fds[0]);
	nx_close(&fds[1]);
	assert_int_equal(nx_send_fds(pair[0], "pong", 4, NULL, 0, 0), 0);
	assert_int_equal(nx_recv_fds(pair[1], data, 4, fds, 2, 0, &n), 4);
	assert_int_equal(n, 0);
	assert_int_equal(nx_fd_count(), before);
}

static void
the_end_is_told(void **state)
{
	int fd = -1;
	size_t n = 0;
	char byte;

	(void)state;
	nx_close(&pair[0]);
	assert_int_equal(nx_recv_fds(pair[1], &byte, 1, &fd, 1, 0, &n), 0);
	assert_int_equal(nx_send_fds(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(messages_are_taken_whole_or_not_at_all),
	    TEST(a_full_table_is_no_message),
	    TEST(other_control_data_is_refused),
	    TEST(what_is_sent_arrives),
	    TEST(the_end_is_told),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
