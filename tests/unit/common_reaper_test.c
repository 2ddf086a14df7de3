/*
 * The reaper: every end is told once, whether it came before or after somebody
 * asked, and nobody stays a zombie.
 */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/reaper.h"

static struct event_base *base;

struct seen {
	int calls, status;
};

static void
on_end(int status, const struct rusage *usage, void *arg)
{
	struct seen *s = arg;

	assert_non_null(usage);
	s->calls++;
	s->status = status;
}

static void
turn(void)
{
	struct timeval tv = {.tv_usec = 50000};

	event_base_loopexit(base, &tv);
	event_base_loop(base, 0);
}

/* A child that ends with @code once the pipe's end @ret_go is closed. */
static pid_t
child(int code, int *ret_go)
{
	int pair[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		_exit(read(pair[0], &c, 1) == 0 ? code : 99);
	}
	close(pair[0]);
	*ret_go = pair[1];
	return pid;
}

static bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
test_watch(void **state)
{
	struct seen a = {0}, b = {0};
	int go_a, go_b;

	(void)state;
	nx_reaper_watch(child(3, &go_a), on_end, &a);
	nx_reaper_watch(child(4, &go_b), on_end, &b);
	turn();
	assert_int_equal(a.calls + b.calls, 0);
	close(go_b);
	turn();
	assert_int_equal(a.calls, 0);
	assert_int_equal(b.calls, 1);
	assert_int_equal(WEXITSTATUS(b.status), 4);
	close(go_a);
	turn();
	assert_int_equal(a.calls, 1);
	assert_int_equal(WEXITSTATUS(a.status), 3);
	assert_false(has_children());
}

/* Told of a child that has been reaped long since. */
static void
test_late_claim(void **state)
{
	uint64_t mark = nx_reaper_mark();
	struct seen a = {0}, b = {0};
	pid_t pid;
	int go;

	(void)state;
	pid = child(5, &go);
	close(go);
	turn();
	assert_false(has_children());
	/* another one's end, as far as this claim goes */
	assert_false(nx_reaper_claim(pid, nx_reaper_mark(), on_end, &b));
	nx_reaper_forget(pid);
	assert_true(nx_reaper_claim(pid, mark, on_end, &a));
	assert_int_equal(a.calls, 0); /* from the loop only */
	turn();
	assert_int_equal(a.calls, 1);
	assert_int_equal(WEXITSTATUS(a.status), 5);
	assert_int_equal(b.calls, 0);
	assert_false(nx_reaper_claim(pid, mark, on_end, &a)); /* once */
	nx_reaper_forget(pid);
}

static void
test_forgotten_is_reaped(void **state)
{
	struct seen a = {0};
	pid_t pid;
	int go, pidfd;

	(void)state;
	pid = child(0, &go);
	pidfd = pidfd_open(pid, 0);
	assert_false(nx_pidfd_ended(pidfd));
	nx_reaper_watch(pid, on_end, &a);
	nx_reaper_forget(pid);
	close(go);
	turn();
	assert_int_equal(a.calls, 0);
	assert_false(has_children());
	assert_true(nx_pidfd_ended(pidfd));
	close(pidfd);
	assert_true(nx_pidfd_ended(-1));
}

/* More than one turn of the loop takes. */
static void
test_many(void **state)
{
	enum { MANY = 600 };
	struct seen all = {0};
	int go, i;
	pid_t pid;

	(void)state;
	for (i = 0; i < MANY; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		nx_reaper_watch(pid, on_end, &all);
	}
	for (i = 0; i < 100 && all.calls < MANY; i++)
		turn();
	assert_int_equal(all.calls, MANY);
	assert_false(has_children());
	/* one that ended while nobody listened */
	nx_reaper_stop();
	(void)child(0, &go);
	close(go);
	usleep(50000);
	assert_true(has_children());
	assert_int_equal(nx_reaper_start(base), 0);
	turn();
	assert_false(has_children());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_late_claim),
	    cmocka_unit_test(test_forgotten_is_reaped),
	    cmocka_unit_test(test_many),
	};
	int r;

	base = event_base_new();
	assert_int_equal(nx_reaper_start(base), 0);
	r = cmocka_run_group_tests_name("common_reaper", tests, NULL, NULL);
	nx_reaper_stop();
	event_base_free(base);
	return r;
}
