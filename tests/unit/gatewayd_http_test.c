/* Requests through a whole gateway: who asks, order, clients that dawdle or take
 * nothing, and the way out. */
#include "tests/unit/gatewayd_lab.h"

static void
tokens_are_asked_for_once(void **state)
{
	char *a;

	(void)state;
	a = ask("GET /api/account HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_in(a, "\"username\":\"ann\"");
	free(a);
	free(ask("GET /api/account HTTP/1.1", NULL, NULL));
	assert_int_equal(lab.checks, 1);
	/* storaged restarts: a new key, old tickets are worthless */
	nx_tickets_revoke(lab.tickets, 7, NULL);
	lab.storage = nx_hub_free(lab.storage);
	lab_turn(1);
	a = ask("PUT /api/files/x HTTP/1.1", "data", NULL);
	assert_status(a, 503);
	assert_in(a, "Retry-After: ");
	assert_in(a, "\"code\":\"unavailable\"");
	free(a);
}

static void
stale_tickets_are_renewed(void **state)
{
	struct nx_tickets *old;
	char *a;

	(void)state;
	free(ask("GET /api/account HTTP/1.1", NULL, NULL));
	assert_int_equal(lab.checks, 1);
	/* what the gateway has is from another key now */
	old = lab.tickets;
	nx_tickets_revoke(lab.tickets, 7, NULL);
	a = ask("GET /api/account HTTP/1.1", NULL, NULL);
	/* the fake authd gives the same user's ticket, revoked as well: asked
	 * once more, then an honest 503 instead of a loop */
	assert_status(a, 503);
	assert_int_equal(lab.checks, 2);
	assert_ptr_equal(old, lab.tickets);
	free(a);
}

static void
logout_clears_the_cache(void **state)
{
	char *a;

	(void)state;
	free(ask("GET /api/account HTTP/1.1", NULL, NULL));
	a = ask("POST /auth/logout HTTP/1.1", "", NULL);
	assert_status(a, 200);
	free(a);
	a = ask("GET /api/account HTTP/1.1", NULL, NULL);
	assert_status(a, 401);
	assert_in(a, "WWW-Authenticate: Bearer");
	free(a);
}

static void
wrong_addresses_and_methods(void **state)
{
	char *a;

	(void)state;
	a = ask("GET /api/nowhere HTTP/1.1", NULL, NULL);
	assert_status(a, 404);
	free(a);
	a = ask("PATCH /api/files HTTP/1.1", NULL, NULL);
	assert_status(a, 405);
	assert_in(a, "Allow: GET, HEAD, OPTIONS\r\n");
	free(a);
	a = ask("OPTIONS /api/files/upload HTTP/1.1", NULL, NULL);
	assert_status(a, 204);
	assert_in(a, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n");
	free(a);
}

/* More than the gateway reads ahead, behind one that waits for storaged. */
static void
pipelined_requests_keep_their_order(void **state)
{
	enum { N = 3000 };
	char *text = malloc(N * 80 + 512), *a, *p;
	size_t n, i, turns = 0;
	int fd = client();

	(void)state;
	n = (size_t)sprintf(text,
	    "GET /api/account HTTP/1.1\r\nHost: n\r\n"
	    "Authorization: Bearer good\r\n\r\n");
	for (i = 1; i < N; i++)
		n += (size_t)sprintf(text + n,
		    "GET /livez HTTP/1.1\r\nHost: n\r\n"
		    "X-Request-Id: r%zu\r\n%s\r\n",
		    i, i == N - 1 ? "Connection: close\r\n" : "");
	assert_true(send(fd, text, 60000, MSG_NOSIGNAL) == 60000);
	/* nothing to do until storaged has answered: no spinning */
	while (event_base_loop(lab.gw.base, EVLOOP_NONBLOCK) == 0 &&
	    nx_hub_stats(lab.storage).requests == 0)
		nx_assert(++turns < 1000);
	say(fd, text + 60000, n - 60000, 100000);
	a = hear(fd, NULL, NULL);
	p = strstr(a, "\"username\":\"ann\"");
	for (i = 1; i < N && p; i++) {
		sprintf(text, "X-Request-Id: r%zu\r\n", i);
		p = strstr(p, text);
	}
	assert_non_null(p);
	free(a);
	free(text);
	close(fd);
}

/* --- clients that dawdle, and the end --------------------------------------*/

static void
slow_clients_are_cut(void **state)
{
	int idle = client(), slow = client(), body = client();
	char *a;

	(void)state;
	lab.conf.http.min_rate = 1 << 20;
	say(slow, "GET /livez HT", 13, 100);
	say(body, "PUT /api/files/x HTTP/1.1\r\n" AUTH,
	    strlen("PUT /api/files/x HTTP/1.1\r\n" AUTH), 1000);
	say(body, "Content-Length: 9\r\n\r\nx", 22, 1000);
	lab_turn(1800);
	a = hear(idle, NULL, NULL);
	assert_string_equal(a, "");
	free(a);
	a = hear(slow, NULL, NULL);
	assert_status(a, 408);
	free(a);
	/* the body's window is half a minute, too long for here: see
	 * tests/integration/http_slow.py */
	close(idle);
	close(slow);
	close(body);
	lab_turn(600);
	assert_int_equal(http_server_count(lab.gw.server), 0);
	assert_int_equal(lab.aborted, lab.opened);
}

static void
caps_are_kept(void **state)
{
	int fd[5];
	char *a;
	size_t i;

	(void)state;
	lab.conf.http.max_per_address = 4;
	for (i = 0; i < 5; i++) {
		fd[i] = client();
		lab_turn(2);
	}
	assert_int_equal(http_server_count(lab.gw.server), 4);
	a = hear(fd[4], NULL, NULL);
	assert_string_equal(a, "");
	free(a);
	for (i = 0; i < 5; i++)
		close(fd[i]);
	lab_turn(5);
	a = ask("GET /livez HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	free(a);
}

static void
a_stop_finishes_what_is_there(void **state)
{
	int fd = client(), idle = client();
	char *a;

	(void)state;
	say(fd, "PUT /api/files/x HTTP/1.1\r\n" AUTH,
	    strlen("PUT /api/files/x HTTP/1.1\r\n" AUTH), 1000);
	say(fd, "Content-Length: 4\r\n\r\nab", 23, 1000);
	lab_turn(5);
	http_server_drain(lab.gw.server);
	lab_turn(5);
	assert_false(lab.drained);
	assert_int_equal(http_server_count(lab.gw.server), 1);
	say(fd, "cd", 2, 2);
	a = hear(fd, NULL, NULL);
	assert_status(a, 201);
	assert_in(a, "Connection: close\r\n");
	free(a);
	close(fd);
	close(idle);
	lab_turn(5);
	assert_true(lab.drained);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(tokens_are_asked_for_once),
	    T(stale_tickets_are_renewed),
	    T(logout_clears_the_cache),
	    T(wrong_addresses_and_methods),
	    T(pipelined_requests_keep_their_order),
	    T(slow_clients_are_cut),
	    T(caps_are_kept),
	    T(a_stop_finishes_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
