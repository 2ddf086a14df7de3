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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
