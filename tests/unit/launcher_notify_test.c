/*
 * The launcher's side of sd_notify(3), with whatever a daemon may send there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "packaging/launcher/notify.h"

static const struct up_program keeper = {.name = "keeper", .keeps = 3};
static struct event_base *base;
static struct up_notify *notify;
static int sock = -1;
static unsigned ready, stopping, alive;

static void
on_notice(enum up_notice notice, void *arg)
{
	assert_ptr_equal(arg, &ready);
	ready += notice == UP_NOTICE_READY;
	stopping += notice == UP_NOTICE_STOPPING;
	alive += notice == UP_NOTICE_ALIVE;
}

/* Sends @text with @n copies of descriptor @fd, and lets it be taken. */
static void
say(const char *text, int fd, size_t n)
{
	char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
	struct iovec iov = {
	    .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (n) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		for (size_t i = 0; i < n; i++)
			memcpy(
			    CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, 0), (int)strlen(text));
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
ready_and_stopping_are_heard(void **state)
{
	(void)state;
	ready = stopping = alive = 0;
	say("READY=1", -1, 0);
	say("STATUS=well\nREADY=1\nMAINPID=1\n", -1, 0);
	say("STOPPING=1\n", -1, 0);
	say("READY=11", -1, 0);
	say("XREADY=1", -1, 0);
	say("WATCHDOG=1", -1, 0);
	say("WATCHDOG=trigger\nWATCHDOG_USEC=1", -1, 0);
	say("\n\n=\n", -1, 0);
	assert_int_equal(ready, 2);
	assert_int_equal(stopping, 1);
	assert_int_equal(alive, 1);
}

static void
descriptors_are_kept_by_name(void **state)
{
	struct up_pass kept;
	int before, pair[2], others[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, others), 0);
	before = nx_fd_count();
	say("FDSTORE=1\nFDNAME=one", pair[0], 1);
	say("FDSTORE=1\nFDNAME=two", pair[0], 1);
	kept = up_notify_kept(notify);
	assert_int_equal(kept.n, 2);
	assert_string_equal(kept.names, "one:two");
	assert_int_equal(fcntl(kept.fds[0], F_GETFD), FD_CLOEXEC);

	say("FDSTOREREMOVE=1\nFDNAME=one", -1, 0);
	kept = up_notify_kept(notify);
	assert_string_equal(kept.names, "two");
	say("FDSTOREREMOVE=1\nFDNAME=none", -1, 0);
	assert_int_equal(up_notify_kept(notify).n, 1);

	/* A name that would not survive the environment is none. */
	say("FDSTORE=1\nFDNAME=a:b", pair[0], 1);
	assert_string_equal(up_notify_kept(notify).names, "two:stored");
	say("FDSTOREREMOVE=1\nFDNAME=stored", -1, 0);

	/* What is stored again at each start is kept once. */
	for (int i = 0; i < 200; i++)
		say("FDSTORE=1\nFDNAME=two", pair[0], 1);
	assert_int_equal(up_notify_kept(notify).n, 1);
	assert_int_equal(nx_fd_count(), before + 1);

	/* Beyond what the program may have kept. */
	say("FDSTORE=1\nFDNAME=many", others[0], 1);
	say("FDSTORE=1\nFDNAME=many", others[1], 1);
	say("FDSTORE=1\nFDNAME=much", others[0], 1);
	assert_int_equal(up_notify_kept(notify).n, 3);
	assert_int_equal(nx_fd_count(), before + 3);

	/* Without FDSTORE=1 they are closed. */
	say("FDSTOREREMOVE=1\nFDNAME=many", -1, 0);
	say("READY=1", pair[0], 4);
	assert_int_equal(nx_fd_count(), before + 1);

	/* And when the other end is gone, there is nothing to keep. */
	close(pair[1]);
	assert_int_equal(up_notify_kept(notify).n, 0);
	close(pair[0]);
	close(others[0]);
	close(others[1]);
}

static void
what_is_cut_short_is_ignored(void **state)
{
	char *text = malloc(10000);
	int before = nx_fd_count();

	(void)state;
	ready = 0;
	memset(text, 'x', 9999);
	text[9999] = '\0';
	memcpy(text, "READY=1\n", 8);
	say(text, sock, 2);
	assert_int_equal(ready, 0);
	assert_int_equal(nx_fd_count(), before);
	free(text);
}

static void
nobody_else_may_speak(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(UP_ROOT "/notify/keeper", &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int
setup(void **state)
{
	struct sockaddr_un un = {
	    .sun_family = AF_UNIX, .sun_path = UP_ROOT "/notify/keeper"};

	(void)state;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("test", "/mnt", "tmpfs", 0, NULL) < 0 ||
	    mkdir(UP_ROOT, 0755) < 0 || mkdir(UP_ROOT "/notify", 0755) < 0)
		return -1;
	base = event_base_new();
	notify = up_notify_new(base, &keeper, 65534, on_notice, &ready);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return connect(sock, (struct sockaddr *)&un, sizeof(un));
}

static int
teardown(void **state)
{
	(void)state;
	notify = up_notify_free(notify);
	event_base_free(base);
	nx_close(&sock);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ready_and_stopping_are_heard),
	    cmocka_unit_test(descriptors_are_kept_by_name),
	    cmocka_unit_test(what_is_cut_short_is_ignored),
	    cmocka_unit_test(nobody_else_may_speak),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root for a /mnt of its own\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
