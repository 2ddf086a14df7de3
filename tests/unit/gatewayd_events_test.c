/*
 * Events over HTTP: a page, a wait, a stream; who comes back goes on where they
 * were; a slow client holds one page; nobody has all the streams; a server that
 * stops waits for none.
 */
#include "tests/unit/gatewayd_lab.h"
#include "proto/events.pb-c.h"

#define ALL   100000U
#define EACH  50U
#define CROWD 8

/* Storaged's log: events 1 .. n, of which the first are forgotten. */
static struct {
	uint64_t n, first;
	size_t path; /* bytes of each */
	unsigned asked, waiting, longest;
	struct nx_request *held[64];
	size_t n_held;
	Nx__Status status;
} events;

static void
answer_events(struct nx_request *r)
{
	const Nx__EventsRequest *m = BODY(Nx__EventsRequest, r);
	Nx__EventsReply reply = NX__EVENTS_REPLY__INIT;
	static Nx__EventInfo rows[EACH];
	static char cursors[EACH][32], path[4096], next[32];
	Nx__EventInfo *list[EACH];
	uint64_t after = strcmp(m->since, "now") == 0
	    ? events.n
	    : strtoull(m->since, NULL, 10);

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[events.path ? events.path : 2] = '\0';
	while (after < events.n && reply.n_events < EACH &&
	    (reply.n_events + 1) * events.path < 48000) {
		size_t i = reply.n_events++;

		nx__event_info__init(&rows[i]);
		snprintf(cursors[i], 32, "%llu", (unsigned long long)++after);
		rows[i].cursor = cursors[i];
		rows[i].change = (char *)(uintptr_t) "created";
		rows[i].kind = (char *)(uintptr_t) "file";
		rows[i].path = path;
		list[i] = &rows[i];
	}
	snprintf(next, sizeof(next), "%llu", (unsigned long long)after);
	reply.events = list;
	reply.next = next;
	reply.more = after < events.n;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
serve_events(struct nx_request *r, void *ctx)
{
	const Nx__EventsRequest *m = BODY(Nx__EventsRequest, r);
	bool now = strcmp(m->since, "now") == 0;
	uint64_t after = now ? events.n : strtoull(m->since, NULL, 10);

	(void)ctx;
	events.asked++;
	if (m->wait > events.longest)
		events.longest = m->wait;
	if (events.status != NX__STATUS__OK)
		nx_refuse(r, events.status, "not so");
	else if (!now && after + 1 < events.first)
		nx_refuse(r, NX__STATUS__GONE, "list everything anew");
	else if (after >= events.n && m->wait > 0)
		events.held[events.n_held++] = r;
	else
		answer_events(r);
}

/* Those who wait are told what there is. */
static void
wake(void)
{
	for (size_t i = 0; i < events.n_held; i++)
		answer_events(events.held[i]);
	events.n_held = 0;
	lab_turn(5);
}

static int
up(void **state)
{
	memset(&events, 0, sizeof(events));
	(void)lab_up(state);
	lab.conf.max_streams = 256;
	nx_hub_handle(lab.storage, NX__METHOD__FS_EVENTS, serve_events, NULL);
	return 0;
}

static int
down(void **state)
{
	lab.gw.server = http_server_free(lab.gw.server);
	wake();
	return lab_down(state);
}

static int
open_as(const char *token, const char *target, const char *more)
{
	char text[1024];
	int fd = client();
	int n = snprintf(text, sizeof(text),
	    "GET %s HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer %s\r\n"
	    "%s\r\n",
	    target, token, more);

	assert_true(say(fd, text, (size_t)n, 1000));
	return fd;
}

#define STREAM "Accept: text/event-stream\r\n"

static int
stream(const char *token, const char *query, const char *more)
{
	char target[256], head[256];

	snprintf(target, sizeof(target), "/api/fs/events%s", query);
	snprintf(head, sizeof(head), STREAM "%s", more);
	return open_as(token, target, head);
}

/* --- pages ------------------------------------------------------------------*/

static void
test_page(void **state)
{
	char *a;

	(void)state;
	events.n = 60;
	a = ask("GET /api/fs/events?limit=50 HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_in(a, "\"cursor\":\"50\"");
	assert_in(a, "\"next\":\"50\",\"more\":true");
	free(a);
	a = ask("GET /api/fs/events?since=50 HTTP/1.1", NULL, NULL);
	assert_in(a, "\"cursor\":\"51\"");
	assert_in(a, "\"next\":\"60\",\"more\":false");
	free(a);
	events.first = 10;
	a = ask("GET /api/fs/events?since=3 HTTP/1.1", NULL, NULL);
	assert_status(a, 410);
	assert_in(a, "HTTP/1.1 410 Gone");
	assert_in(a, "ist everything anew");
	free(a);
	a = ask("GET /api/fs/events?wait=61 HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	free(a);
	a = ask("GET /api/fs/events?limit=1000 HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	free(a);
	a = ask("GET /api/fs/events?from=1 HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	free(a);
	assert_int_equal(events.longest, 0);
}

static void
test_wait(void **state)
{
	int fd;
	char *a;

	(void)state;
	events.n = 1;
	fd = open_as("good", "/api/fs/events?since=1&wait=30", "");
	lab_turn(20);
	assert_int_equal(events.n_held, 1);
	assert_int_equal(events.longest, 30);
	events.n = 2;
	wake();
	a = hear(fd, "more", NULL);
	assert_status(a, 200);
	assert_in(a, "\"cursor\":\"2\"");
	free(a);
	close(fd);
	lab_turn(5);
	/* Who goes away leaves their place. */
	fd = open_as("good", "/api/fs/events?since=2&wait=30", "");
	lab_turn(20);
	close(fd);
	for (int i = 0; i < 600 && http_server_count(lab.gw.server) > 0; i++)
		lab_turn(100);
	assert_int_equal(http_server_count(lab.gw.server), 0);
}

/* The clients have gone; that is found out by itself. */
static void
gone(void)
{
	for (int i = 0; i < 600 && http_server_count(lab.gw.server) > 0; i++)
		lab_turn(100);
	assert_int_equal(http_server_count(lab.gw.server), 0);
}

/* --- streams ----------------------------------------------------------------*/

static void
test_stream(void **state)
{
	int fd;
	char *a;

	(void)state;
	events.n = 7;
	fd = stream("good", "", "");
	a = hear(fd, "id: 7\n\n", NULL);
	assert_status(a, 200);
	assert_in(a, "Content-Type: text/event-stream\r\n");
	assert_in(a, "retry: ");
	assert_null(strstr(a, "event:"));
	free(a);
	lab_turn(20);
	assert_int_equal(events.n_held, 1);
	wake(); /* nothing: a sign of life */
	a = hear(fd, ":\n\n", NULL);
	assert_in(a, ":\n\n");
	free(a);
	lab_turn(20);
	events.n = 9;
	wake();
	a = hear(fd, "id: 9\n", NULL);
	assert_in(a, "id: 8\nevent: created\ndata: {\"cursor\":\"8\",");
	assert_in(a, "id: 9\nevent: created\ndata: {\"cursor\":\"9\",");
	free(a);
	close(fd);
	gone();
}

/* Half a connection: the client sends no more, and reads on. */
static void
test_half(void **state)
{
	int fd;
	char *a;

	(void)state;
	fd = stream("good", "", "");
	free(hear(fd, "id: 0\n\n", NULL));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	a = hear(fd, ":\n\n", NULL);
	assert_in(a, ":\n\n");
	free(a);
	lab_turn(2500);
	assert_int_equal(http_server_count(lab.gw.server), 1);
	events.n = 1;
	wake();
	a = hear(fd, "id: 1\n", NULL);
	assert_in(a, "id: 1\n");
	free(a);
	close(fd);
}

static void
test_come_back(void **state)
{
	int fd;
	char *a;

	(void)state;
	events.n = 200;
	/* The head says more than the address. */
	fd = stream("good", "?since=1", "Last-Event-ID: 60\r\n");
	a = hear(fd, "id: 200\n", NULL);
	assert_in(a, "id: 61\nevent: created");
	assert_in(a, "id: 111\nevent: created");
	assert_in(a, "id: 200\nevent: created");
	assert_null(strstr(a, "\nid: 60\n"));
	free(a);
	close(fd);
	fd = stream("good", "?since=198", "");
	a = hear(fd, "id: 200\n", NULL);
	assert_in(a, "id: 199\nevent");
	assert_null(strstr(a, "id: 198\nevent"));
	free(a);
	close(fd);
	events.first = 100;
	fd = stream("good", "", "Last-Event-ID: 60\r\n");
	a = hear(fd, "\r\n\r\n", NULL);
	assert_status(a, 410);
	free(a);
	close(fd);
	events.status = NX__STATUS__INVALID;
	fd = stream("good", "", "Last-Event-ID: x\r\n");
	a = hear(fd, "\r\n\r\n", NULL);
	assert_status(a, 400);
	free(a);
	close(fd);
}

/* A stream that the log has left behind is told, and ends. */
static void
test_left_behind(void **state)
{
	int fd;
	char *a;

	(void)state;
	events.n = 5;
	fd = stream("good", "", "");
	free(hear(fd, "id: 5\n\n", NULL));
	lab_turn(20);
	wake();
	events.status = NX__STATUS__GONE;
	lab_turn(20);
	wake();
	a = hear(fd, "\r\n0\r\n\r\n", NULL);
	assert_in(a, "event: gone\ndata: {\"error\":");
	assert_in(a, "\r\n0\r\n\r\n");
	free(a);
	close(fd);
}

/* Much to tell, and a client that reads nothing: what is kept for it is one
 * page, and the next is not asked for. */
static void
test_slow(void **state)
{
	unsigned asked;
	int fd;

	(void)state;
	lab.conf.http.min_rate = 0;
	events.n = ALL;
	events.path = 4000;
	fd = stream("good", "?since=1", "");
	for (int i = 0; i < 300; i++) {
		lab_turn(10);
		assert_in_range(http_server_kept(lab.gw.server), 0, 256 << 10);
		if (http_server_kept(lab.gw.server) > 0)
			break;
	}
	assert_true(http_server_kept(lab.gw.server) > 0);
	asked = events.asked;
	lab_turn(300);
	assert_int_equal(events.asked, asked);
	assert_in_range(http_server_kept(lab.gw.server), 1, 256 << 10);
	/* Others are served meanwhile. */
	events.path = 0;
	free(ask("GET /api/fs/events?since=99990 HTTP/1.1", NULL, NULL));
	assert_int_equal(events.asked, asked + 1);
	close(fd);
}

/* --- bounds -----------------------------------------------------------------*/

static void
test_crowd(void **state)
{
	int fd[CROWD], other;
	char *a;

	(void)state;
	for (size_t i = 0; i < CROWD; i++) {
		fd[i] = stream("good", "", "");
		free(hear(fd[i], "id: 0\n\n", NULL));
	}
	other = stream("good", "", "");
	a = hear(other, "\r\n\r\n", NULL);
	assert_status(a, 429);
	assert_in(a, "Retry-After: 15\r\n");
	free(a);
	close(other);
	other = open_as("good", "/api/fs/events?since=0&wait=5", "");
	a = hear(other, "\r\n\r\n", NULL);
	assert_status(a, 429);
	free(a);
	close(other);
	/* What does not wait needs no place; others have theirs. */
	a = ask("GET /api/fs/events HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	free(a);
	other = stream("good9", "", "");
	a = hear(other, "id: 0\n\n", NULL);
	assert_status(a, 200);
	free(a);
	close(other);
	for (size_t i = 0; i < CROWD; i++)
		close(fd[i]);
	gone();
	other = stream("good", "", "");
	a = hear(other, "id: 0\n\n", NULL);
	assert_status(a, 200);
	free(a);
	close(other);
}

/* Few places in all: one user leaves some. */
static void
test_few_places(void **state)
{
	int one, two, three;
	char *a;

	(void)state;
	lab.conf.max_streams = 2;
	one = stream("good", "", "");
	free(hear(one, "id: 0\n\n", NULL));
	two = stream("good", "", "");
	a = hear(two, "\r\n\r\n", NULL);
	assert_status(a, 429);
	free(a);
	three = stream("good9", "", "");
	a = hear(three, "id: 0\n\n", NULL);
	assert_status(a, 200);
	free(a);
	close(one);
	close(two);
	close(three);
}

/* --- the end ----------------------------------------------------------------*/

static void
test_drain(void **state)
{
	int fd, waits;
	char *a;

	(void)state;
	events.n = 3;
	fd = stream("good", "", "");
	free(hear(fd, "id: 3\n\n", NULL));
	waits = open_as("good", "/api/fs/events?since=3&wait=60", "");
	lab_turn(20);
	assert_int_equal(events.n_held, 2);
	http_server_drain(lab.gw.server);
	a = hear(fd, "0\r\n\r\n", NULL);
	assert_in(a, "0\r\n\r\n");
	free(a);
	a = hear(waits, "more", NULL);
	assert_status(a, 200);
	assert_in(a, "\"events\":[],\"next\":\"3\",\"more\":false");
	free(a);
	close(fd);
	close(waits);
	lab_turn(50);
	assert_true(lab.drained);
}

/* A token that is revoked ends its streams within the life of a ticket. */
static void
test_revoked(void **state)
{
	int fd;
	char *a;

	(void)state;
	events.n = 3;
	fd = stream("good", "", "");
	free(hear(fd, "id: 3\n\n", NULL));
	lab_turn(20);
	lab.token_dead = true;
	tokens_forget_all(lab.gw.tokens);
	/* As when the ticket is refused. */
	events.status = NX__STATUS__UNAUTHENTICATED;
	wake();
	a = hear(fd, NULL, NULL);
	assert_null(strstr(a, "event:"));
	free(a);
	lab_turn(20);
	assert_int_equal(http_server_count(lab.gw.server), 0);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_page),
	    T(test_wait),
	    T(test_stream),
	    T(test_half),
	    T(test_come_back),
	    T(test_left_behind),
	    T(test_slow),
	    T(test_crowd),
	    T(test_few_places),
	    T(test_drain),
	    T(test_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
