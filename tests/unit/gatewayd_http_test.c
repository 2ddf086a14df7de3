/* Requests through a whole gateway: who asks, order, uploads, downloads, lists,
 * and what happens when a client or a daemon goes away in the middle. */
#include "tests/unit/gatewayd_lab.h"
#include "gatewayd/http/conn_internal.h"

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

/* --- uploads ---------------------------------------------------------------*/

static char *
big(size_t n)
{
	char *data = malloc(n);
	size_t i;
	uint32_t x = 1;

	for (i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
	return data;
}

/* Sends @head and @n bytes in pieces of @step; the answer. */
static char *
send_body(const char *head, const char *data, size_t n, size_t step)
{
	int fd = client();
	char *a;

	assert_true(say(fd, head, strlen(head), step));
	say(fd, data, n, step);
	a = hear(fd, "\r\n\r\n", NULL);
	close(fd);
	lab_turn(2);
	return a;
}

#define AUTH "Host: n\r\nAuthorization: Bearer good\r\n"

static void
put_goes_into_the_pipe(void **state)
{
	static const size_t steps[] = {1 << 20, 65536, 4099, 977};
	size_t n = 3000000, i;
	char head[256], *data = big(n), *a;

	(void)state;
	snprintf(head, sizeof(head),
	    "PUT /api/files/a%%20b HTTP/1.1\r\n" AUTH
	    "Content-Length: %zu\r\n\r\n",
	    n);
	for (i = 0; i < NX_ARRAY_SIZE(steps); i++) {
		a = send_body(head, data, n, steps[i]);
		assert_status(a, 201);
		assert_string_equal(lab.open_name, "a b");
		assert_true(lab.open_has_size);
		assert_int_equal(lab.open_size, n);
		assert_int_equal(lab.got_len, n);
		assert_memory_equal(lab.got, data, n);
		free(a);
	}
	assert_int_equal(lab.finished, NX_ARRAY_SIZE(steps));
	assert_int_equal(lab.aborted, 0);
	free(data);
}

static void
chunked_put_is_decoded(void **state)
{
	size_t n = 300000, i, at = 0;
	char *data = big(n), *coded = malloc(2 * n), *a;

	(void)state;
	for (i = 0; i < n;) {
		size_t piece = n - i < 7001 ? n - i : 7001;

		at += (size_t)sprintf(coded + at, "%zx;x=y\r\n", piece);
		memcpy(coded + at, data + i, piece);
		memcpy(coded + at + piece, "\r\n", 2);
		at += piece + 2;
		i += piece;
	}
	at += (size_t)sprintf(coded + at, "0\r\nT: u\r\n\r\n");
	for (i = 1000; i < 300000; i = i * 7 + 1) {
		a = send_body("PUT /api/fs/file?path=/x HTTP/1.1\r\n" AUTH
			      "Transfer-Encoding: chunked\r\n\r\n",
		    coded, at, i);
		assert_status(a, 201);
		assert_string_equal(lab.open_path, "/x");
		assert_false(lab.open_has_size);
		assert_int_equal(lab.got_len, n);
		assert_memory_equal(lab.got, data, n);
		free(a);
	}
	free(data);
	free(coded);
}

static void
short_bodies_leave_nothing(void **state)
{
	char *a;
	int fd;

	(void)state;
	/* half closed: the client can still hear why */
	fd = client();
	assert_true(say(fd,
	    "PUT /api/files/x HTTP/1.1\r\n" AUTH
	    "Content-Length: 10\r\n\r\nshort",
	    strlen("PUT /api/files/x HTTP/1.1\r\n" AUTH
		   "Content-Length: 10\r\n\r\nshort"),
	    1000));
	shutdown(fd, SHUT_WR);
	a = hear(fd, NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "body-cut-short");
	free(a);
	close(fd);
	lab_turn(2);
	assert_int_equal(lab.opened, 1);
	assert_int_equal(lab.finished, 0);
	assert_int_equal(lab.aborted, 1);
	/* gone */
	fd = client();
	say(fd,
	    "PUT /api/files/x HTTP/1.1\r\n" AUTH
	    "Content-Length: 10\r\n\r\nshort",
	    strlen("PUT /api/files/x HTTP/1.1\r\n" AUTH
		   "Content-Length: 10\r\n\r\nshort"),
	    1000);
	lab_turn(5);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
	    sizeof(struct linger));
	close(fd);
	lab_turn(20);
	assert_int_equal(lab.finished, 0);
	assert_int_equal(lab.aborted, 2);
	assert_int_equal(conns_count(lab.gw.conns), 0);
}

static void
refusals_come_before_the_body(void **state)
{
	static const char head[] =
	    "PUT /api/files/x HTTP/1.1\r\n" AUTH "Expect: 100-continue\r\n"
	    "Content-Length: 5\r\n\r\n";
	char *a;
	int fd;

	(void)state;
	lab.max_size = 4;
	fd = client();
	say(fd, head, strlen(head), 1000);
	a = hear(fd, NULL, NULL);
	assert_status(a, 413);
	assert_in(a, "\"code\":\"quota\"");
	assert_null(strstr(a, "100 Continue"));
	free(a);
	close(fd);
	lab.max_size = 5;
	fd = client();
	say(fd, head, strlen(head), 1000);
	a = hear(fd, "\r\n\r\n", NULL);
	assert_string_equal(a, "HTTP/1.1 100 Continue\r\n\r\n");
	free(a);
	assert_int_equal(lab.finished, 0);
	say(fd, "hello", 5, 1);
	a = hear(fd, "}\n", NULL);
	assert_status(a, 201);
	free(a);
	close(fd);
	assert_int_equal(lab.got_len, 5);
}

static void
a_full_pipe_holds_the_client(void **state)
{
	size_t n = 64 << 20;
	char head[256], *data = big(n), *a;
	size_t at = 0, stalled = 0;
	int fd = client();
	ssize_t sent;

	(void)state;
	lab.stop_reading = true;
	snprintf(head, sizeof(head),
	    "PUT /api/files/x HTTP/1.1\r\n" AUTH "Content-Length: %zu\r\n\r\n",
	    n);
	say(fd, head, strlen(head), 1000);
	while (stalled < 2000) {
		sent = send(fd, data + at, n - at, MSG_NOSIGNAL);
		at += sent > 0 ? (size_t)sent : 0;
		stalled = sent > 0 ? 0 : stalled + 1;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	}
	/* sockets and the pipe hold some; the gateway nothing */
	assert_true(at < n);
	lab.stop_reading = false;
	event_add(lab.pipe_event, NULL);
	assert_true(say(fd, data + at, n - at, 1 << 20));
	a = hear(fd, "}\n", NULL);
	assert_status(a, 201);
	assert_int_equal(lab.got_len, n);
	assert_memory_equal(lab.got, data, n);
	free(a);
	free(data);
	close(fd);
}

static void
storage_that_gives_up_says_why(void **state)
{
	char head[256], *data = big(4 << 20), *a;
	int fd = client();

	(void)state;
	lab.finish_status = NX__STATUS__FULL;
	snprintf(head, sizeof(head),
	    "PUT /api/files/x HTTP/1.1\r\n" AUTH "Content-Length: %d\r\n\r\n",
	    64 << 20);
	say(fd, head, strlen(head), 1000);
	say(fd, data, 1 << 20, 1 << 20);
	lab_close_pipe();
	say(fd, data, 4 << 20, 1 << 20);
	a = hear(fd, "}\n", NULL);
	assert_status(a, 507);
	assert_in(a, "the disk is full");
	free(a);
	free(data);
	close(fd);
}

/* --- forms -----------------------------------------------------------------*/

static char *
form(const char *route, const char *body, size_t len, size_t step)
{
	char head[512];

	snprintf(head, sizeof(head),
	    "POST %s HTTP/1.1\r\n" AUTH
	    "Content-Type: multipart/form-data; boundary=XX\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    route, len);
	return send_body(head, body, len, step);
}

#define PART_FILE                                                 \
	"--XX\r\nContent-Disposition: form-data; name=\"file\"; " \
	"filename=\"dir/n.txt\"\r\n\r\ncontent\r\n"
#define PART_PATH                                  \
	"--XX\r\nContent-Disposition: form-data; " \
	"name=\"path\"\r\n\r\n/docs\r\n"
#define END "--XX--\r\n"

static void
forms_in_any_pieces(void **state)
{
	static const char body[] = PART_FILE END;
	size_t step;
	char *a;

	(void)state;
	for (step = 1; step < sizeof(body); step += 3) {
		a = form("/api/files/upload", body, sizeof(body) - 1, step);
		assert_status(a, 200);
		assert_in(a, "\"status\":\"Uploaded\"");
		assert_string_equal(lab.open_name, "n.txt");
		assert_int_equal(lab.got_len, 7);
		assert_memory_equal(lab.got, "content", 7);
		free(a);
	}
}

static void
big_forms_come_through(void **state)
{
	static const char first[] =
	    "--XX\r\nContent-Disposition: form-data; name=\"file\"; "
	    "filename=\"n\"\r\n\r\n";
	static const char last[] = "\r\n" END;
	size_t n = 5000000, f = sizeof(first) - 1, l = sizeof(last) - 1;
	char *data = big(n + f + l), *a;

	(void)state;
	memcpy(data, first, f);
	memcpy(data + f + n, last, l);
	a = form("/api/files/upload", data, n + f + l, 100003);
	assert_status(a, 200);
	assert_int_equal(lab.got_len, n);
	assert_memory_equal(lab.got, data + f, n);
	free(a);
	lab.max_size = n - 70000;
	a = form("/api/files/upload", data, n + f + l, 100003);
	assert_status(a, 413);
	assert_int_equal(lab.got_len, 0);
	free(a);
	lab.max_size = n - 1;
	a = form("/api/files/upload", data, n + f + l, 100003);
	assert_status(a, 413);
	free(a);
	assert_int_equal(lab.finished, 1);
	assert_int_equal(lab.aborted, 2);
	free(data);
}

static void
forms_find_their_place(void **state)
{
	static const char path_first[] = PART_PATH PART_FILE END;
	static const char path_last[] = PART_FILE PART_PATH END;
	char *a;

	(void)state;
	a = form("/api/fs/upload", path_first, sizeof(path_first) - 1, 1000);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "/docs");
	free(a);
	lab.folder = true;
	a = form("/api/fs/upload", path_first, sizeof(path_first) - 1, 5);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "/docs/n.txt");
	free(a);
	a = form("/api/fs/upload?path=/a/", PART_FILE END,
	    strlen(PART_FILE END), 1000);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "/a/n.txt");
	assert_string_equal(lab.moved_to, "");
	free(a);
	a = form("/api/fs/upload", path_last, sizeof(path_last) - 1, 7);
	assert_status(a, 200);
	assert_memory_equal(lab.open_path, "/.upload-", 9);
	assert_string_equal(lab.moved_to, "/docs/n.txt");
	free(a);
}

static void
bad_forms_leave_nothing(void **state)
{
	static const struct {
		const char *body, *error;
	} bad[] = {
	    {PART_PATH END, "no file"},
	    {PART_FILE END, "path is missing"},
	    {PART_FILE PART_FILE END, "one file"},
	    {PART_PATH PART_FILE, "middle of the form"},
	    {"--XX\r\nContent-Disposition: form-data; name=\"file\"; "
	     "filename=\"..\"\r\n\r\nx\r\n" END,
		"file's name"},
	    {"--XX\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n"
	     "\xff\r\n" PART_FILE END,
		"UTF-8"},
	    {"rubbish", "middle of the form"},
	};
	size_t i;
	char *a;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		a = form("/api/fs/upload", bad[i].body, strlen(bad[i].body), 9);
		assert_status(a, 400);
		assert_in(a, bad[i].error);
		free(a);
	}
	assert_int_equal(lab.finished, 0);
	assert_int_equal(lab.aborted, lab.opened);
}

/* --- downloads -------------------------------------------------------------*/

static char *
stored(size_t n)
{
	char *data = big(n);

	lab.file = memfd_create("file", MFD_CLOEXEC);
	assert_int_equal(nx_write_full(lab.file, data, n), 0);
	lab.file_size = n;
	return data;
}

#define FILE_URL "/api/files/0123456789abcdef0123456789abcdef/download"

static void
files_come_in_windows(void **state)
{
	size_t n = 9000001, len;
	char *data = stored(n), *a, *body;

	(void)state;
	a = ask("GET " FILE_URL " HTTP/1.1", NULL, &len);
	assert_status(a, 200);
	assert_in(a, "Content-Length: 9000001\r\n");
	assert_in(a, "ETag: \"etag-1\"\r\n");
	assert_in(a,
	    "Content-Disposition: attachment; filename=\"a _b_.bin\"; "
	    "filename*=UTF-8''a%20%22b%22.bin\r\n");
	body = strstr(a, "\r\n\r\n") + 4;
	assert_int_equal(len - (size_t)(body - a), n);
	assert_memory_equal(body, data, n);
	assert_int_equal(lab.windows, 5);
	free(a);
	free(data);
}

static char *
ranged(const char *headers, size_t *ret_len)
{
	char head[256];

	snprintf(
	    head, sizeof(head), "GET " FILE_URL " HTTP/1.1\r\n%s", headers);
	return ask(head, NULL, ret_len);
}

static void
parts_and_conditions(void **state)
{
	char *data = stored(3000000), *a, *body;
	size_t len;

	(void)state;
	a = ranged("Range: bytes=1000000-2500000", &len);
	assert_status(a, 206);
	assert_in(a, "Content-Range: bytes 1000000-2500000/3000000\r\n");
	body = strstr(a, "\r\n\r\n") + 4;
	assert_int_equal(len - (size_t)(body - a), 1500001);
	assert_memory_equal(body, data + 1000000, 1500001);
	free(a);
	a = ranged("Range: bytes=3000000-", NULL);
	assert_status(a, 416);
	assert_in(a, "Content-Range: bytes */3000000\r\n");
	free(a);
	a = ranged("Range: bytes=0-0\r\nIf-Range: \"other\"", &len);
	assert_status(a, 200);
	assert_true(len > 3000000);
	free(a);
	a = ranged("If-None-Match: \"etag-1\"", NULL);
	assert_status(a, 304);
	free(a);
	a = ask("HEAD " FILE_URL " HTTP/1.1", NULL, &len);
	assert_status(a, 200);
	assert_in(a, "Content-Length: 3000000\r\n");
	assert_string_equal(a + len - 4, "\r\n\r\n");
	free(a);
	free(data);
}

static void
empty_files_are_files(void **state)
{
	char *a;

	(void)state;
	free(stored(0));
	a = ask("GET " FILE_URL " HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_in(a, "Content-Length: 0\r\n");
	free(a);
	a = send_body("PUT /api/files/e HTTP/1.1\r\n" AUTH
		      "Content-Length: 0\r\n\r\n",
	    "", 0, 1);
	assert_status(a, 201);
	free(a);
}

static void
damage_in_the_middle_cuts(void **state)
{
	size_t len;
	char *a;

	(void)state;
	free(stored(9000000));
	lab.break_at = 3000000;
	a = ask("GET " FILE_URL " HTTP/1.1", NULL, &len);
	assert_status(a, 200);
	assert_true(len < 9000000);
	free(a);
	lab.break_at = 1;
	a = ranged("Range: bytes=5-", NULL);
	assert_status(a, 500);
	assert_in(a, "\"code\":\"corrupt\"");
	free(a);
}

static void
lists_go_page_by_page(void **state)
{
	char *a;

	(void)state;
	a = ask("GET /api/files HTTP/1.1", NULL, NULL);
	assert_in(a, "Content-Length: 3\r\n");
	assert_in(a, "\r\n\r\n[]\n");
	free(a);
	lab.pages = 3;
	a = ask("GET /api/files HTTP/1.1", NULL, NULL);
	assert_in(a, "Transfer-Encoding: chunked\r\n");
	assert_in(a, "\r\n0\r\n\r\n");
	free(a);
	a = ask("GET /api/files HTTP/1.0", NULL, NULL);
	assert_null(strstr(a, "chunked"));
	assert_in(a, "},{");
	assert_in(a, "}]");
	free(a);
}

/* --- clients that dawdle, and the end ---------------------------------------*/

static void
slow_clients_are_cut(void **state)
{
	int idle = client(), slow = client(), body = client();
	char *a;

	(void)state;
	lab.conf.min_rate = 1 << 20;
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
	assert_int_equal(conns_count(lab.gw.conns), 0);
	assert_int_equal(lab.aborted, lab.opened);
}

static void
caps_are_kept(void **state)
{
	int fd[5];
	char *a;
	size_t i;

	(void)state;
	lab.conf.max_per_address = 4;
	for (i = 0; i < 5; i++) {
		fd[i] = client();
		lab_turn(2);
	}
	assert_int_equal(conns_count(lab.gw.conns), 4);
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

/* Many ask for much and read none of it. */
static void
what_nobody_reads_is_bounded(void **state)
{
	static const char request[] = "POST /api/lambda/run HTTP/1.1\r\n" AUTH
				      "Content-Length: 12\r\n\r\n"
				      "{\"code\":\"1\"}";
	int fd[6];
	size_t i;

	(void)state;
	lab.conf.min_rate = 0;
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++) {
		fd[i] = client();
		say(fd[i], request, strlen(request), 1000);
		lab_turn(100);
		assert_in_range(lab.gw.kept, 1, CONN_KEPT_MAX);
	}
	/* some were cut for it, and nobody else minds */
	assert_true(conns_count(lab.gw.conns) < NX_ARRAY_SIZE(fd));
	free(ask("GET /livez HTTP/1.1", NULL, NULL));
	for (i = 0; i < NX_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	lab_turn(50);
	assert_int_equal(lab.gw.kept, 0);
}

static bool drained;
static void
on_drained(struct gw *gw)
{
	(void)gw;
	drained = true;
}

static void
a_stop_finishes_what_is_there(void **state)
{
	int fd = client(), idle = client();
	char *a;

	(void)state;
	lab.gw.on_drained = on_drained;
	say(fd, "PUT /api/files/x HTTP/1.1\r\n" AUTH,
	    strlen("PUT /api/files/x HTTP/1.1\r\n" AUTH), 1000);
	say(fd, "Content-Length: 4\r\n\r\nab", 23, 1000);
	lab_turn(5);
	conns_drain(lab.gw.conns);
	lab_turn(5);
	assert_false(drained);
	assert_int_equal(conns_count(lab.gw.conns), 1);
	say(fd, "cd", 2, 2);
	a = hear(fd, NULL, NULL);
	assert_status(a, 201);
	assert_in(a, "Connection: close\r\n");
	free(a);
	close(fd);
	close(idle);
	lab_turn(5);
	assert_true(drained);
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
	    T(put_goes_into_the_pipe),
	    T(chunked_put_is_decoded),
	    T(short_bodies_leave_nothing),
	    T(refusals_come_before_the_body),
	    T(a_full_pipe_holds_the_client),
	    T(storage_that_gives_up_says_why),
	    T(forms_in_any_pieces),
	    T(big_forms_come_through),
	    T(forms_find_their_place),
	    T(bad_forms_leave_nothing),
	    T(files_come_in_windows),
	    T(parts_and_conditions),
	    T(empty_files_are_files),
	    T(damage_in_the_middle_cuts),
	    T(lists_go_page_by_page),
	    T(slow_clients_are_cut),
	    T(caps_are_kept),
	    T(what_nobody_reads_is_bounded),
	    T(a_stop_finishes_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
