/*
 * Functions: what they return, how they are ended, whose turn it is.
 */
#include "tests/unit/nodemgr_function_lab.h"

static void
test_results(void **state)
{
	struct result *r;

	(void)state;
	r = call("import sys\nprint('hello')\nprint('oops', file=sys.stderr)\n"
		 "sys.exit(3)",
	    0, 0);
	assert_int_equal(r->status, 0);
	assert_string_equal(r->out, "hello\n");
	assert_string_equal(r->err, "oops\n");
	assert_int_equal(r->code, 3);
	assert_string_equal(r->reason, "exit");
	assert_true(r->peak > 1 << 20);
	r = call("raise ValueError('no')", 0, 0);
	assert_int_equal(r->code, 1);
	assert_non_null(strstr(r->err, "ValueError: no"));
	r = call("import os; os.abort()", 0, 0);
	assert_string_equal(r->reason, "signal");
	assert_int_equal(r->code, 128 + 6);
	r = call("", 0, 0);
	assert_int_equal(r->code, 0);
	assert_string_equal(r->out, "");
}

static void
test_refusals(void **state)
{
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	struct answer a;
	int fd;

	(void)state;
	fd = nx_memfd_sealed("code", "1", 1);
	q.runtime = (char *)(uintptr_t) "cobol";
	ask_async(
	    &a, world.admin, NX__METHOD__LAMBDA_RUN, &q.base, USER, &fd, 1);
	settle(&a);
	assert_int_equal(a.status, NX__STATUS__INVALID);
	assert_string_equal(a.error, "unknown runtime: python3 is available");
	forget_answer(&a);
	assert_int_equal(call("1", 900001, 0)->status, NX__STATUS__INVALID);
	assert_int_equal(call("1", 0, 1 << 20)->status, NX__STATUS__INVALID);
	nx_close(&fd);
}

static void
test_python_works(void **state)
{
	struct result *r;

	(void)state;
	r = call("import json, hashlib, tempfile, subprocess, random, ssl\n"
		 "from multiprocessing.pool import ThreadPool\n"
		 "import multiprocessing\n"
		 "def f(x): return x * 2\n"
		 "print(ThreadPool(4).map(f, [1, 2]))\n"
		 "with multiprocessing.Pool(2) as p: print(p.map(f, [3]))\n"
		 "print(subprocess.run(['/bin/echo', 'sub'],"
		 " capture_output=True).stdout)\n"
		 "tempfile.TemporaryFile().write(b'x')\n",
	    20000, 512 << 20);
	if (r->err && r->err[0])
		print_message("# %s\n", r->err);
	assert_string_equal(r->out, "[2, 4]\n[6]\nb'sub\\n'\n");
}

static void
test_many(void **state)
{
	struct answer a[16];
	struct result r;
	unsigned ok = 0, limited = 0, i;

	(void)state;
	for (i = 0; i < 16; i++) /* 2 of 4 run, 4 of 8 wait: one user's share */
		call_async(&a[i], "print(1)", 0, 0);
	for (i = 0; i < 16; i++) {
		settle(&a[i]);
		ok += a[i].status == 0;
		limited += a[i].status == NX__STATUS__LIMIT;
		forget_answer(&a[i]);
	}
	assert_int_equal(ok, 6);
	assert_int_equal(limited, 10);
	/* a caller that goes ends its call */
	call_async(&a[0], "import time; time.sleep(1000)", 0, 0);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.n_running, 1);
	world_link(world.admin, NX_ROLE_ADMIN);
	for (i = 0; i < 200 && world.m.n_running; i++)
		turn();
	assert_int_equal(world.m.n_running, 0);
	take_result(&a[0], &r);
}

static struct nx_hub *caller;

static void
call_numbered(struct answer *a, uint64_t user, uint64_t number)
{
	static const char code[] = "import time; time.sleep(1000)";
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	int fd = nx_memfd_sealed("code", code, strlen(code));

	q.runtime = (char *)(uintptr_t) "python3";
	q.timeout_ms = 900000;
	q.number = number;
	ask_async(a, caller, NX__METHOD__LAMBDA_RUN, &q.base, user, &fd, 1);
	nx_close(&fd);
}

static void
cancel(uint64_t number)
{
	Nx__LambdaCancelRequest q = NX__LAMBDA_CANCEL_REQUEST__INIT;
	struct answer a;

	q.number = number;
	ask_async(&a, caller, NX__METHOD__LAMBDA_CANCEL, &q.base, 0, NULL, 0);
	settle(&a);
	assert_int_equal(a.status, 0);
	forget_answer(&a);
}

/* A caller that has hung up holds no place for the quarter of an hour that its
 * function may take. */
static void
test_cancelled(void **state)
{
	struct answer a[6];
	struct result r;
	int i;

	(void)state;
	caller = world.admin;
	for (i = 0; i < 6; i++) /* 2 of USER's run */
		call_numbered(&a[i], USER, (uint64_t)i + 1);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.n_running, 2);
	assert_int_equal(world.m.n_waiting, 4);
	cancel(99); /* nobody's */
	cancel(6);  /* one that waits */
	assert_int_equal(world.m.n_waiting, 3);
	settle(&a[5]);
	assert_int_not_equal(a[5].status, 0);
	forget_answer(&a[5]);
	for (i = 0; i < 5; i++) {
		cancel((uint64_t)i + 1);
		settle(&a[i]);
		forget_answer(&a[i]);
	}
	for (i = 0; i < 100 && world.m.n_running; i++)
		turn();
	assert_int_equal(world.m.n_running + world.m.n_waiting, 0);
	call_async(&a[0], "print(1)", 0, 0);
	settle(&a[0]);
	take_result(&a[0], &r);
	assert_string_equal(r.out, "1\n");
	free(r.out);
	free(r.err);
}

static unsigned
running_of(uint64_t user)
{
	unsigned n = 0;

	for (const struct call *c = world.m.running; c; c = c->next)
		n += c->user == user;
	return n;
}

/* Two users who want everything leave a place to the third; and whose turn it
 * is: theirs who have least. */
static void
test_fair(void **state)
{
	static const uint64_t user[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4};
	struct answer a[NX_ARRAY_SIZE(user)];
	size_t i;

	(void)state;
	caller = world.admin;
	for (i = 0; i < NX_ARRAY_SIZE(user); i++)
		call_numbered(&a[i], user[i], i + 1);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(running_of(1), 2);
	assert_int_equal(running_of(2), 1);
	assert_int_equal(running_of(3), 1);
	/* 4 of user 1, 2 of user 2, who is refused one more, and user 4 */
	assert_int_equal(world.m.n_waiting, 7);
	cancel(1);
	for (i = 0; i < 100 && world.m.n_waiting == 7; i++)
		turn();
	assert_int_equal(running_of(4), 1);
	for (i = 0; i < NX_ARRAY_SIZE(user); i++)
		cancel(i + 1);
	for (i = 0; i < NX_ARRAY_SIZE(user); i++) {
		settle(&a[i]);
		forget_answer(&a[i]);
	}
	for (i = 0; i < 100 && world.m.n_running; i++)
		turn();
}

static void
test_nothing_is_left(void **state)
{
	int before, i;

	(void)state;
	for (i = 0; i < 50 && world.m.n_running; i++)
		turn();
	before = nx_fd_count();
	for (i = 0; i < 10; i++)
		(void)call("print(1)", 0, 0);
	for (i = 0; i < 50 && world.m.n_running; i++)
		turn();
	assert_int_equal(nx_fd_count(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
test_time(void **state)
{
	enum { ROUNDS = 40 };
	uint64_t start[ROUNDS], whole[ROUNDS], t;
	size_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		t = nx_now_us();
		start[i] = call("print('hello')", 0, 0)->start_us;
		whole[i] = nx_now_us() - t;
	}
	qsort(start, ROUNDS, sizeof(t), compare);
	qsort(whole, ROUNDS, sizeof(t), compare);
	print_message("# function: start p50 %.2f ms p99 %.2f ms, whole call "
		      "p50 %.1f ms\n",
	    (double)start[ROUNDS / 2] / 1000, (double)start[ROUNDS - 1] / 1000,
	    (double)whole[ROUNDS / 2] / 1000);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_python_works),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_cancelled),
	    cmocka_unit_test(test_fair),
	    cmocka_unit_test(test_nothing_is_left),
	    cmocka_unit_test(test_time),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_function", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
