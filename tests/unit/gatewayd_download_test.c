/* Downloads and lists: windows, parts, conditions, damage, pages. */
#include "tests/unit/gatewayd_lab.h"

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

/* One call, one piece: the head with the content behind it. */
static void
short_ones_come_at_once(void **state)
{
	char *data = stored(49152), *a, *body;
	size_t len;

	(void)state;
	a = ask("GET " FILE_URL " HTTP/1.1", NULL, &len);
	assert_status(a, 200);
	assert_in(a, "Content-Length: 49152\r\n");
	assert_in(a, "ETag: \"etag-1\"\r\n");
	body = strstr(a, "\r\n\r\n") + 4;
	assert_int_equal(len - (size_t)(body - a), 49152);
	assert_memory_equal(body, data, 49152);
	free(a);
	assert_int_equal(lab.windows, 1);
	assert_int_equal(lab.whole, 1);
	free(data);
	nx_close(&lab.file);
	/* a short part of a long one, and what is a byte too long */
	data = stored(3000000);
	a = ranged("Range: bytes=1000000-1049151", &len);
	assert_status(a, 206);
	assert_in(a, "Content-Range: bytes 1000000-1049151/3000000\r\n");
	body = strstr(a, "\r\n\r\n") + 4;
	assert_memory_equal(body, data + 1000000, 49152);
	free(a);
	assert_int_equal(lab.whole, 2);
	a = ranged("Range: bytes=1000000-1049152", &len);
	assert_status(a, 206);
	free(a);
	assert_int_equal(lab.whole, 2);
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

/* --- a long list, and a client that takes its time ---------------------------*/

#define MANY_PAGES 400U
#define PER_PAGE   100U
static unsigned asked; /* pages, each for the first time */

/* Each is called by its page's number, at length. */
static void
many_files(struct nx_request *r, void *ctx)
{
	const Nx__FileListRequest *m = BODY(Nx__FileListRequest, r);
	Nx__FileListReply reply = NX__FILE_LIST_REPLY__INIT;
	Nx__FileInfo file, *list[PER_PAGE];
	unsigned page = (unsigned)atoi(m->after);
	char next[16] = "", name[256];

	(void)ctx;
	assert_int_equal(page, asked);
	asked++;
	lab_file(&file);
	snprintf(name, sizeof(name), "<%0240u>", page);
	file.name = name;
	for (size_t i = 0; i < PER_PAGE; i++)
		list[i] = &file;
	reply.files = list;
	reply.n_files = PER_PAGE;
	if (asked < MANY_PAGES)
		snprintf(next, sizeof(next), "%u", asked);
	reply.next = next;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
assert_all_pages(const char *answer)
{
	const char *at = answer;

	for (unsigned i = 0; i < MANY_PAGES * PER_PAGE; i++) {
		at = strstr(at, "\"<");
		assert_non_null(at);
		assert_int_equal(atoi(at + 2), i / PER_PAGE);
		at++;
	}
	assert_null(strstr(at, "\"<"));
	assert_non_null(strstr(at, "}]\r\n0\r\n\r\n"));
}

/* While a page is on its way to the client another comes from storaged, and no
 * more: who does not read is asked for nothing. */
static void
a_slow_client_has_two_pages(void **state)
{
	static const char text[] = "GET /api/files HTTP/1.1\r\n" AUTH "\r\n";
	unsigned full;
	char *a;
	int fd = client();

	(void)state;
	asked = 0;
	lab.conf.http.min_rate = 0;
	nx_hub_handle(lab.storage, NX__METHOD__FILE_LIST, many_files, NULL);
	say(fd, text, strlen(text), 100000);
	for (int i = 0; i < 500 && http_server_kept(lab.gw.server) == 0; i++)
		lab_turn(10);
	full = asked;
	assert_in_range(http_server_kept(lab.gw.server), 1, 128 << 10);
	lab_turn(300);
	assert_in_range(asked, full, full + 1);
	assert_in_range(asked, 2, MANY_PAGES - 1);
	assert_in_range(http_server_kept(lab.gw.server), 1, 128 << 10);
	/* Others are served meanwhile. */
	free(ask("GET /api/files/0123456789abcdef0123456789abcdef HTTP/1.1",
	    NULL, NULL));
	a = hear(fd, "\r\n0\r\n\r\n", NULL);
	assert_int_equal(asked, MANY_PAGES);
	assert_all_pages(a);
	free(a);
	close(fd);
}

/* Who goes while a page is on its way takes nothing along. */
static void
a_client_leaves_a_list(void **state)
{
	static const char text[] = "GET /api/files HTTP/1.1\r\n" AUTH "\r\n";
	char *a;
	int fd = client();

	(void)state;
	asked = 0;
	nx_hub_handle(lab.storage, NX__METHOD__FILE_LIST, many_files, NULL);
	say(fd, text, strlen(text), 100000);
	free(hear(fd, "\"<", NULL));
	close(fd);
	lab_turn(50);
	assert_in_range(asked, 1, MANY_PAGES - 1);
	a = ask("HEAD /api/fs/stat?path=/x HTTP/1.1", NULL, NULL);
	assert_in(a, "HTTP/1.1 ");
	free(a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(files_come_in_windows),
	    T(parts_and_conditions),
	    T(short_ones_come_at_once),
	    T(empty_files_are_files),
	    T(damage_in_the_middle_cuts),
	    T(lists_go_page_by_page),
	    T(a_slow_client_has_two_pages),
	    T(a_client_leaves_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
