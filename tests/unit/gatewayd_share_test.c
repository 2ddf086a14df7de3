/* What is bounded for all is shared: one user, or one address, leaves others
 * their part; and a client that has gone is not worked for. */
#include "tests/unit/gatewayd_lab.h"
#include "gatewayd/http/conn.h"

static int
ask_by(int minor, const char *token, const char *head, const char *body)
{
	char text[1024];
	int fd = client(), n;

	n = snprintf(text, sizeof(text),
	    "%s HTTP/1.%d\r\nHost: n\r\nAuthorization: Bearer %s\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    head, minor, token, strlen(body), body);
	assert_true(say(fd, text, (size_t)n, 1000));
	return fd;
}

static int
ask_only(const char *token, const char *head, const char *body)
{
	return ask_by(1, token, head, body);
}

/* Bytes that come, up to @most. */
static size_t
count(int fd, size_t most)
{
	static char scrap[1 << 20];
	uint64_t end = nx_now_us() + 10000000;
	size_t len = 0;
	ssize_t n = 1;

	while (len < most && n != 0 && nx_now_us() < end) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		n = recv(fd, scrap, sizeof(scrap), 0);
		len += n > 0 ? (size_t)n : 0;
	}
	return len < most ? len : most;
}

/* Many ask for much and read none of it. */
static void
what_nobody_reads_is_bounded(void **state)
{
	int fd[6], other;
	size_t i;

	(void)state;
	lab.conf.http.min_rate = 0;
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++) {
		fd[i] = ask_only(
		    "good", "POST /api/lambda/run", "{\"code\":\"1\"}");
		lab_turn(100);
		assert_in_range(
		    http_server_kept(lab.gw.server), 1, CONN_KEPT_MAX);
	}
	/* some were cut for it */
	assert_true(http_server_count(lab.gw.server) < NX_ARRAY_SIZE(fd));
	/* another user's reply of the same size is not */
	other = ask_only("good9", "POST /api/lambda/run", "{\"code\":\"1\"}");
	lab_turn(100);
	assert_in_range(http_server_kept(lab.gw.server), 1, CONN_KEPT_MAX);
	assert_int_equal(count(other, 48U << 20), 48U << 20);
	close(other);
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	lab_turn(50);
	assert_int_equal(http_server_kept(lab.gw.server), 0);
}

/* An upload that sends its first byte, and then nothing. */
static int
trickle(const char *token)
{
	char text[256];
	int fd = client(), n;

	n = snprintf(text, sizeof(text),
	    "PUT /api/files/x HTTP/1.1\r\nHost: n\r\nContent-Length: 9\r\n"
	    "Authorization: Bearer %s\r\n\r\nx",
	    token);
	assert_true(say(fd, text, (size_t)n, 1000));
	lab_turn(2);
	return fd;
}

/* Two users of one address try to have them all. */
static void
places_are_left_to_others(void **state)
{
	int fd[40], last;
	size_t i;
	char *a;

	(void)state;
	lab.conf.max_uploads = 16;
	for (i = 0; i < 20; i++)
		fd[i] = trickle("good11");
	/* one holds as many as are free */
	assert_int_equal(lab.opened, 8);
	for (; i < NX_ARRAY_SIZE(fd); i++)
		fd[i] = trickle("good12");
	/* and the address they share no more than that, but for a first one */
	assert_int_equal(lab.opened, 9);
	a = hear(fd[39], "}\n", NULL);
	assert_status(a, 429);
	assert_in(a, "wait for one of them to end");
	free(a);
	/* which everybody behind that address has, too */
	last = trickle("good");
	assert_int_equal(lab.opened, 10);
	close(last);
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	lab_turn(20);
	/* given back, to whoever comes */
	assert_int_equal(lab.aborted + lab.finished, 10);
	last = ask_only("good", "PUT /api/files/x", "data");
	a = hear(last, "}\n", NULL);
	assert_status(a, 201);
	free(a);
	close(last);
}

/* One that has announced much of a small upload, and sent nothing of it. */
static int
announce(const char *token)
{
	char text[256];
	int fd = client(), n;

	n = snprintf(text, sizeof(text),
	    "PUT /api/files/x HTTP/1.1\r\nHost: n\r\nContent-Length: %u\r\n"
	    "Authorization: Bearer %s\r\n\r\nx",
	    SMALL_MAX, token);
	assert_true(say(fd, text, (size_t)n, 1000));
	lab_turn(2);
	return fd;
}

/* Who finds no memory for a small upload goes through the pipe; and it is given
 * back. */
static void
memory_is_left_to_others(void **state)
{
	int fd[40], last;
	char *a;

	(void)state;
	lab.conf.http.max_per_address = 100;
	for (size_t i = 0; i < NX_ARRAY_SIZE(fd); i++)
		fd[i] = announce("good11");
	/* one holds as much as is free, 32 of 63; the rest asks for a pipe */
	assert_int_equal(lab.opened, 8);
	for (size_t i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	lab_turn(200);
	last = ask_only("good11", "PUT /api/files/x", "data");
	a = hear(last, "}\n", NULL);
	assert_status(a, 201);
	assert_int_equal(lab.put, 1);
	free(a);
	close(last);
}

/* One that has announced a long request, and is asked for it or not. */
static int
announce_long(const char *token)
{
	char text[256];
	int fd = client(), n;

	n = snprintf(text, sizeof(text),
	    "POST /api/lambda/run HTTP/1.1\r\nHost: n\r\n"
	    "Content-Length: %u\r\nExpect: 100-continue\r\n"
	    "Authorization: Bearer %s\r\n\r\n",
	    1U << 20, token);
	assert_true(say(fd, text, (size_t)n, 1000));
	lab_turn(2);
	return fd;
}

/* Long requests are in memory until they end. */
static void
bodies_are_left_to_others(void **state)
{
	int fd[40], last;
	char *a;

	(void)state;
	lab.conf.http.max_per_address = 100;
	for (size_t i = 0; i < NX_ARRAY_SIZE(fd); i++)
		fd[i] = announce_long("good11");
	a = hear(fd[0], "\r\n\r\n", NULL);
	assert_memory_equal(a, "HTTP/1.1 100", 12);
	free(a);
	a = hear(fd[39], "}\n", NULL);
	assert_status(a, 429);
	assert_in(a, "Retry-After: 5");
	assert_in(a, "wait for one of them to end");
	free(a);
	/* short ones go on, and others' long ones */
	last = ask_only("good11", "POST /api/lambda/run", "{");
	a = hear(last, "}\n", NULL);
	assert_status(a, 400);
	free(a);
	close(last);
	last = announce_long("good");
	a = hear(last, "\r\n\r\n", NULL);
	assert_memory_equal(a, "HTTP/1.1 100", 12);
	free(a);
	close(last);
	for (size_t i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	lab_turn(200);
	/* given back */
	last = announce_long("good11");
	a = hear(last, "\r\n\r\n", NULL);
	assert_memory_equal(a, "HTTP/1.1 100", 12);
	free(a);
	close(last);
	lab_turn(20);
}

/* --- clients that went -----------------------------------------------------*/

static void
gone_clients_are_noticed(void **state)
{
	int fd;

	(void)state;
	lab.hold_lambda = lab.quiet_lambda = true;
	fd = ask_only("good", "POST /api/lambda/run", "{\"code\":\"1\"}");
	lab_turn(20);
	assert_int_equal(nx_hub_stats(lab.gw.hub).calls, 2);
	close(fd);
	lab_turn(3500);
	assert_int_equal(http_server_count(lab.gw.server), 0);
}

/* The other half of it: one that has only said all it has to say. */
static void
half_closed_clients_are_answered(void **state)
{
	char *a;
	int fd;

	(void)state;
	lab.hold_lambda = lab.quiet_lambda = true;
	fd = ask_only("good", "POST /api/lambda/run", "{\"code\":\"1\"}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	lab_turn(3500);
	assert_int_equal(http_server_count(lab.gw.server), 1);
	lab_release_lambda();
	a = hear(fd, "}\n", NULL);
	assert_in(a, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
	free(a);
	close(fd);
}

/* HTTP/1.0 has nothing that could be sent to ask: whoever has sent its last is
 * answered when that is quick, without a word before, */
static void
old_clients_are_answered_for_a_while(void **state)
{
	char *a;
	int fd;

	(void)state;
	lab.hold_lambda = lab.quiet_lambda = true;
	fd = ask_by(0, "good", "POST /api/lambda/run", "{\"code\":\"1\"}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	lab_turn(2500);
	assert_int_equal(http_server_count(lab.gw.server), 1);
	assert_int_equal(lab.cancelled, 0);
	lab_release_lambda();
	a = hear(fd, "}\n", NULL);
	assert_memory_equal(a, "HTTP/1.1 200 OK\r\n", 17);
	free(a);
	close(fd);
}

/* and has gone when it is not. One that stays connected is waited for. */
static void
old_clients_that_went_are_noticed(void **state)
{
	int fd;

	(void)state;
	lab.hold_lambda = lab.quiet_lambda = true;
	fd = ask_by(0, "good", "POST /api/lambda/run", "{\"code\":\"1\"}");
	lab_turn(8000);
	assert_int_equal(http_server_count(lab.gw.server), 1);
	close(fd);
	lab_turn(8000);
	assert_int_equal(http_server_count(lab.gw.server), 0);
	assert_int_equal(lab.cancelled, lab.call);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(what_nobody_reads_is_bounded),
	    cmocka_unit_test_setup_teardown(
		places_are_left_to_others, lab_up_pipe, lab_down),
	    T(memory_is_left_to_others),
	    T(bodies_are_left_to_others),
	    T(gone_clients_are_noticed),
	    T(half_closed_clients_are_answered),
	    T(old_clients_are_answered_for_a_while),
	    T(old_clients_that_went_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
