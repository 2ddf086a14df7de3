/* Uploads: PUT into the pipe and forms, whole, in pieces, cut short, refused. */
#include "tests/unit/gatewayd_lab.h"

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
	assert_int_equal(http_server_count(lab.gw.server), 0);
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
small_ones_take_one_call(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, SMALL_MESSAGE,
	    SMALL_MESSAGE + 1, SMALL_MAX, SMALL_MAX + 1};
	char head[256], *data = big(SMALL_MAX + 1), *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++) {
		snprintf(head, sizeof(head),
		    "PUT /api/fs/file?path=/x HTTP/1.1\r\n" AUTH
		    "Content-Length: %zu\r\n\r\n",
		    sizes[i]);
		a = send_body(head, data, sizes[i], 10007);
		assert_status(a, 201);
		assert_string_equal(lab.open_path, "/x");
		assert_int_equal(lab.got_len, sizes[i]);
		assert_memory_equal(lab.got, data, sizes[i]);
		free(a);
	}
	assert_int_equal(lab.put, NX_ARRAY_SIZE(sizes) - 1);
	assert_int_equal(lab.opened, 1); /* the last */
	free(data);
}

static void
short_small_ones_leave_nothing(void **state)
{
	static const char text[] = "PUT /api/files/x HTTP/1.1\r\n" AUTH
				   "Content-Length: 10\r\n\r\nshort";
	int fd = client();
	char *a;

	(void)state;
	assert_true(say(fd, text, strlen(text), 1000));
	shutdown(fd, SHUT_WR);
	a = hear(fd, NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "body-cut-short");
	free(a);
	close(fd);
	fd = client();
	say(fd, text, strlen(text), 1000);
	lab_turn(5);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
	    sizeof(struct linger));
	close(fd);
	lab_turn(20);
	assert_int_equal(lab.put + lab.opened, 0);
	assert_int_equal(http_server_count(lab.gw.server), 0);
}

/* As storaged says it, whichever way. */
static void
small_ones_are_refused(void **state)
{
	char *a;

	(void)state;
	lab.max_size = 4;
	a = ask("PUT /api/files/x HTTP/1.1", "hello", NULL);
	assert_status(a, 413);
	free(a);
	lab.max_size = 5;
	lab.finish_status = NX__STATUS__FULL;
	a = ask("PUT /api/files/x HTTP/1.1", "hello", NULL);
	assert_status(a, 507);
	assert_in(a, "\"error\":\"The disk is full.\"");
	free(a);
	assert_int_equal(lab.finished, 0);
	assert_int_equal(lab.put, 2);
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
	assert_in(a, "\"error\":\"The disk is full.\"");
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

/* storaged places the file, at OPEN or at FINISH; nothing is asked before and
 * nothing moved after, so that no gateway can die in between. */
static void
forms_find_their_place(void **state)
{
	static const char path_first[] = PART_PATH PART_FILE END;
	static const char path_last[] = PART_FILE PART_PATH END;
	char *a;

	(void)state;
	a = form("/api/fs/upload", path_first, sizeof(path_first) - 1, 5);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "/docs");
	assert_string_equal(lab.open_name, "n.txt");
	assert_string_equal(lab.finish_path, "");
	assert_true(lab.into_folder);
	free(a);
	a = form("/api/fs/upload?path=/a/", PART_FILE END,
	    strlen(PART_FILE END), 1000);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "/a/");
	assert_in(a, "\"path\":\"/a/\"");
	free(a);
	a = form("/api/fs/upload", path_last, sizeof(path_last) - 1, 7);
	assert_status(a, 200);
	assert_string_equal(lab.open_path, "");
	assert_string_equal(lab.open_name, "n.txt");
	assert_string_equal(lab.finish_path, "/docs");
	assert_true(lab.into_folder);
	assert_in(a, "\"message\":");
	free(a);
	assert_int_equal(lab.others, 0);
}

static void
small_forms_find_their_place(void **state)
{
	static const char path_first[] = PART_PATH PART_FILE END;
	static const char path_last[] = PART_FILE PART_PATH END;
	static const char *const bodies[] = {path_first, path_last};
	char *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bodies); i++) {
		a = form("/api/fs/upload", bodies[i], strlen(bodies[i]), 5);
		assert_status(a, 200);
		assert_string_equal(lab.open_path, "/docs");
		assert_string_equal(lab.open_name, "n.txt");
		assert_true(lab.into_folder);
		assert_memory_equal(lab.got, "content", 8);
		free(a);
	}
	assert_int_equal(lab.put, 2);
	assert_int_equal(lab.opened + lab.others, 0);
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
	assert_int_equal(lab.put, 0);
}

/* Through the pipe, though it is small; and as it comes. */
#define P(f) cmocka_unit_test_setup_teardown(f, lab_up_pipe, lab_down)
#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(put_goes_into_the_pipe),
	    T(chunked_put_is_decoded),
	    P(short_bodies_leave_nothing),
	    T(refusals_come_before_the_body),
	    T(small_ones_take_one_call),
	    T(short_small_ones_leave_nothing),
	    T(small_ones_are_refused),
	    T(a_full_pipe_holds_the_client),
	    T(storage_that_gives_up_says_why),
	    P(forms_in_any_pieces),
	    T(forms_in_any_pieces),
	    T(big_forms_come_through),
	    P(forms_find_their_place),
	    T(small_forms_find_their_place),
	    P(bad_forms_leave_nothing),
	    T(bad_forms_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
