/*
 * Bytes in one direction: what is left in a pipe when the command has ended is
 * moved, however far the loop had come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "nexusctl/pump.h"

#define ALL (3 * PIPE_BUF + 100)

static size_t
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	return len;
}

static void
test_drain_takes_the_rest(void **state)
{
	static char sent[ALL], got[ALL];

	(void)state;
	for (size_t i = 0; i < ALL; i++)
		sent[i] = (char)(i % 251);
	/* so many turns of the loop, one read or one write each, before */
	for (int turns = 0; turns < 8; turns++) {
		struct event_base *base = event_base_new();
		struct ctl_pump p = {0};
		int from[2], to[2];

		assert_int_equal(pipe(from) + pipe(to), 0);
		assert_int_equal(nx_fd_nonblock(from[0], true), 0);
		assert_int_equal(nx_fd_nonblock(to[0], true), 0);
		assert_int_equal(write(from[1], sent, ALL), ALL);
		assert_int_equal(ctl_pump_start(&p, base, from[0], to[1]), 0);
		for (int i = 0; i < turns; i++)
			(void)event_base_loop(
			    base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		ctl_pump_drain(&p, 1U << 20);
		ctl_pump_stop(&p);
		assert_int_equal(read_all(to[0], got, ALL), ALL);
		assert_memory_equal(got, sent, ALL);
		event_base_free(base);
		for (int i = 0; i < 2; i++) {
			close(from[i]);
			close(to[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drain_takes_the_rest),
	};

	return cmocka_run_group_tests_name("nexusctl_pump", tests, NULL, NULL);
}
