/* Ids, sizes, names, configuration, statuses, workers. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/status.h"
#include "common/workers.h"

static void
makes_ids(void **state)
{
	char a[NX_ID_LEN + 1], b[NX_ID_LEN + 1];

	(void)state;
	nx_id_new(a);
	nx_id_new(b);
	assert_true(nx_id_valid(a));
	assert_string_not_equal(a, b);
	a[8] = '\0';
	assert_false(nx_id_valid(a));
	assert_true(nx_id_prefix_valid(a));
	assert_false(nx_id_prefix_valid("abc"));
	assert_false(nx_id_prefix_valid("ABCD"));
	assert_false(nx_id_prefix_valid(""));
}

static void
knows_names(void **state)
{
	static const char *const good[] = {"a", "0", "web-1",
	    "a23456789012345678901234567890123456789012345678901234567890123"};
	static const char *const bad[] = {"", "-a", "A", "a_b", "a.b", "a b",
	    "\xc3\xa9", "../a",
	    "a234567890123456789012345678901234567890123456789012345678901234"};
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(good); i++)
		assert_true(nx_name_valid(good[i]));
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_false(nx_name_valid(bad[i]));
}

static void
parses_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0}, {"1048576", 1048576}, {"500M", 524288000},
	    {"1G", 1073741824}, {"1g", 1073741824}, {"16MiB", 16777216},
	    {"2T", 2199023255552}, {"3kb", 3072}, {"7B", 7}};
	static const char *const bad[] = {"", "G", "-1", "+1", " 1", "1.5G",
	    "1X", "1GG", "1 G", "0x10", "99999999999999999999", "16777216T"};
	uint64_t n = 5;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(good); i++) {
		assert_int_equal(nx_size_parse(good[i].text, &n), 0);
		assert_int_equal(n, good[i].bytes);
	}
	n = 5;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_true(nx_size_parse(bad[i], &n) < 0);
	assert_int_equal(n, 5);
	assert_string_equal(nx_size_format(1536), "1.5 KiB");
	assert_string_equal(nx_size_format(1073741824), "1.0 GiB");
	assert_string_equal(nx_size_format(12), "12 B");
}

static void
logs_safely(void **state)
{
	(void)state;
	assert_string_equal(nx_log_safe("a b\nevent=x \"q\" \x1b[0m"),
	    "\"a b?event=x ?q? ?[0m\"");
	assert_string_equal(nx_log_safe("plain"), "plain");
	assert_string_equal(
	    nx_log_safe("no \\\"way\" out"), "\"no ??way? out\"");
	assert_string_equal(nx_log_safe(""), "");
	assert_string_equal(nx_log_safe(NULL), "");
}

static void
maps_statuses(void **state)
{
	(void)state;
	assert_int_equal(nx_status_http(NX__STATUS__NOT_FOUND), 404);
	assert_int_equal(nx_status_http((Nx__Status)99), 500);
	assert_int_equal(nx_status_of_errno(-ENOSPC), NX__STATUS__FULL);
	assert_int_equal(nx_status_of_errno(-EXDEV), NX__STATUS__INTERNAL);
	assert_int_equal(nx_status_exit(NX__STATUS__OK), 0);
}

/* --- configuration ----------------------------------------------------------*/

struct conf {
	struct nx_conf_common common;
	uint64_t size, number;
	bool flag;
	char *text;
};
static const struct nx_conf_key keys[] = {
    {"testd", "size", NX_CONF_SIZE, offsetof(struct conf, size), "500M", 0, 0},
    {"testd", "number", NX_CONF_UINT, offsetof(struct conf, number), "7", 1,
	10},
    {"testd", "flag", NX_CONF_BOOL, offsetof(struct conf, flag), "no", 0, 0},
    {"testd", "text", NX_CONF_STRING, offsetof(struct conf, text), "t", 0, 0},
};

static int
load(const char *content, struct conf *c, char error[256])
{
	char path[] = "/tmp/nexus-conf-XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(nx_write_full(fd, content, strlen(content)), 0);
	close(fd);
	memset(c, 0, sizeof(*c));
	r = nx_conf_load(path, "testd", c, keys, NX_ARRAY_SIZE(keys), error);
	unlink(path);
	return r;
}

static void
conf_free(struct conf *c)
{
	free(c->common.state_dir);
	free(c->common.run_dir);
	free(c->common.subnet);
	free(c->text);
}

static void
reads_configuration(void **state)
{
	char error[256];
	struct conf c;

	(void)state;
	assert_int_equal(load("", &c, error), 0);
	assert_string_equal(c.common.state_dir, "/var/lib/nexus");
	assert_int_equal(c.size, 524288000);
	conf_free(&c);
	assert_int_equal(load("[nexus]\nstate_dir = /x\n[testd]\nsize=1G\n"
			      "flag = on\nnumber = 10\n[other]\nwhat=ever\n",
			     &c, error),
	    0);
	assert_string_equal(c.common.state_dir, "/x");
	assert_true(c.flag);
	assert_int_equal(c.number, 10);
	assert_int_equal(c.size, 1073741824);
	conf_free(&c);
}

static void
refuses_configuration(void **state)
{
	static const char *const bad[] = {"[testd]\nsise = 1\n",
	    "[testd]\nnumber = 11\n", "[testd]\nnumber = -1\n",
	    "[testd]\nflag = maybe\n", "[nexus]\nstate = /x\n",
	    "[testd]\nsize = lots\n", "nonsense\n"};
	char error[256];
	struct conf c;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		assert_int_equal(load(bad[i], &c, error), -EINVAL);
		assert_true(strlen(error) > 10);
		conf_free(&c);
	}
	memset(&c, 0, sizeof(c));
	assert_int_equal(nx_conf_load("/nonexistent/nexus.conf", "testd", &c,
			     keys, NX_ARRAY_SIZE(keys), error),
	    -EINVAL);
	conf_free(&c);
}

/* --- workers ----------------------------------------------------------------*/

static int gate[2];
static unsigned worked, finished;

static void
work(void *arg)
{
	char byte;

	(void)arg;
	(void)!read(gate[0], &byte, 1);
	__atomic_add_fetch(&worked, 1, __ATOMIC_SEQ_CST);
}

static void
done(void *arg)
{
	(void)arg;
	finished++;
}

static void
works_in_threads(void **state)
{
	struct event_base *base = event_base_new();
	struct nx_workers *w = NULL;
	int accepted = 0, i, before = nx_fd_count();

	(void)state;
	worked = finished = 0;
	assert_int_equal(pipe(gate), 0);
	assert_int_equal(nx_workers_new(base, 2, 4, &w), 0);
	/* Two run, four wait; at some point there is no more room. */
	for (i = 0; i < 20; i++)
		accepted += nx_workers_submit(w, work, done, NULL) == 0;
	assert_true(accepted >= 4 && accepted <= 6);
	assert_int_equal(nx_workers_submit(w, work, done, NULL), -EAGAIN);
	assert_int_equal(nx_workers_pending(w), accepted);
	assert_int_equal(write(gate[1], "0123456789", 10), 10);
	while ((int)finished < accepted)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(worked, accepted);
	/* What is queued when it ends still runs and is told. */
	assert_int_equal(nx_workers_submit(w, work, done, NULL), 0);
	w = nx_workers_free(w);
	assert_int_equal((int)finished, accepted + 1);
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(nx_fd_count(), before);
	event_base_free(base);
}

/* --- descriptors ------------------------------------------------------------*/

static void
seals_memory(void **state)
{
	int fd = nx_memfd_sealed("test", "hello", 5);
	size_t size = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_true(nx_fd_is(fd, NX_FD_MEMFD));
	assert_int_equal(nx_memfd_check(fd, 5, &size), 0);
	assert_int_equal(size, 5);
	assert_int_equal(nx_memfd_check(fd, 4, &size), -EFBIG);
	assert_int_equal(write(fd, "x", 1), -1);
	nx_close(&fd);
	assert_int_equal(nx_memfd_check(STDIN_FILENO, 5, &size), -EPROTO);
	assert_false(nx_fd_is(STDIN_FILENO, NX_FD_MEMFD));
	assert_false(nx_fd_is(-1, NX_FD_ANY));
}

/* How many lines have been written to @fd, and the last letter of each. */
static void
said(int fd, const char *letters)
{
	char text[65536];
	ssize_t n = read(fd, text, sizeof(text));
	size_t lines = 0;

	for (ssize_t i = 1; i < n; i++) {
		if (text[i] != '\n')
			continue;
		assert_true(lines < strlen(letters));
		assert_int_equal(text[i - 1], letters[lines++]);
	}
	assert_int_equal(lines, strlen(letters));
}

static void
count(void *arg)
{
	++*(int *)arg;
}

/* What is kept is out, in order, when it is told to, when something worse is
 * said, and when it is too much for one write to a pipe. */
static void
keeps_lines(void **state)
{
	int stderr_was = dup(STDERR_FILENO), fds[2], asked = 0;
	char long_line[900];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	nx_info("a");
	said(fds[0], "a");
	nx_log_keep(count, &asked);
	nx_info("b");
	nx_info("c");
	said(fds[0], "");
	assert_int_equal(asked, 1);
	nx_log_flush();
	said(fds[0], "bc");
	nx_info("d");
	assert_int_equal(asked, 2);
	nx_warn("e");
	said(fds[0], "de");
	memset(long_line, 'x', sizeof(long_line));
	long_line[sizeof(long_line) - 1] = '\0';
	for (int i = 0; i < 5; i++)
		nx_info("%s", long_line);
	said(fds[0], "xxxx");
	nx_log_keep(NULL, NULL);
	said(fds[0], "x");
	nx_info("f");
	said(fds[0], "f");
	assert_int_equal(dup2(stderr_was, STDERR_FILENO), STDERR_FILENO);
	close(stderr_was);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makes_ids),
	    cmocka_unit_test(knows_names),
	    cmocka_unit_test(parses_sizes),
	    cmocka_unit_test(logs_safely),
	    cmocka_unit_test(keeps_lines),
	    cmocka_unit_test(maps_statuses),
	    cmocka_unit_test(reads_configuration),
	    cmocka_unit_test(refuses_configuration),
	    cmocka_unit_test(works_in_threads),
	    cmocka_unit_test(seals_memory),
	};

	return cmocka_run_group_tests_name("basics", tests, NULL, NULL);
}
