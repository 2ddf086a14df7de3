/* Heads and bodies: what is taken and what is refused, and that no cut of the
 * bytes into pieces changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "gatewayd/http/body.h"
#include "gatewayd/http/head.h"

#define LINE "GET /x HTTP/1.1\r\n"
#define HOST "Host: n\r\n"

/* Scans @data in pieces of at most @step bytes; the status, or 0 when taken. */
static int
scan(const char *data, size_t len, size_t step, struct http_head *ret_head,
    char *copy, size_t *ret_end)
{
	const struct http_error *error;
	struct head_scan s = {0};
	size_t at = 0, used;

	while (at < len && !s.done) {
		size_t n = len - at < step ? len - at : step;

		error = head_scan(&s, data + at, n, &used);
		if (error)
			return error->status;
		at += used;
	}
	*ret_end = at;
	if (!s.done)
		return -1;
	memcpy(copy, data + s.skipped, at - s.skipped);
	error = head_parse(ret_head, copy, at - s.skipped);
	return error ? error->status : 0;
}

static const struct {
	const char *data;
	int status; /* 0: taken */
} heads[] = {
    {LINE HOST "\r\n", 0},
    {"\r\n\r\n" LINE HOST "\r\n", 0},
    {LINE HOST "A:\r\nB: \t x \t \r\n\r\n", 0},
    {LINE HOST "Content-Length: 7\r\n\r\n", 0},
    {LINE HOST "Content-Length:\t7\t\r\n\r\n", 0},
    {LINE HOST "Transfer-Encoding: cHunked\r\n\r\n", 0},
    {LINE HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", 0},
    {LINE HOST "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 0},
    {"GET /x HTTP/1.0\r\n\r\n", 0},
    {"PROPFIND /x HTTP/1.1\r\n" HOST "\r\n", 0},
    {LINE HOST, -1},
    {LINE "\r\n", 400},
    {LINE HOST HOST "\r\n", 400},
    {LINE "Host: a,b\r\n\r\n", 400},
    {LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {LINE HOST "Content-Length: +1\r\n\r\n", 400},
    {LINE HOST "Content-Length: 18446744073709551617\r\n\r\n", 400},
    {LINE HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
    {LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"GET /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {LINE HOST "A : x\r\n\r\n", 400},
    {LINE HOST ": x\r\n\r\n", 400},
    {LINE HOST "A: x\r\n y\r\n\r\n", 400},
    {LINE HOST "A: x\n\r\n", 400},
    {LINE HOST "A: x\ry\r\n\r\n", 400},
    {LINE HOST "A: x\x01y\r\n\r\n", 400},
    {"GET /x HTTP/1.2\r\n" HOST "\r\n", 505},
    {"GET  /x HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /x\r\n" HOST "\r\n", 400},
    {"BREW /x HTTP/1.1\r\n" HOST "\r\n", 501},
    {LINE HOST "Expect: x\r\n\r\n", 417},
};

static void
head_verdicts_do_not_depend_on_pieces(void **state)
{
	struct http_head head;
	char copy[1024];
	size_t i, step, end;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(heads); i++)
		for (step = 1; step <= strlen(heads[i].data); step++) {
			int status = scan(heads[i].data, strlen(heads[i].data),
			    step, &head, copy, &end);

			if (status != heads[i].status)
				fail_msg("head %zu in steps of %zu: %d", i,
				    step, status);
		}
}

static void
head_fields_are_read(void **state)
{
	static const char data[] =
	    "POST /p?q HTTP/1.1\r\n" HOST "authorization:  Bearer abc \r\n"
	    "Connection: a, close\r\n"
	    "Content-Length: 12\r\n"
	    "Expect: 100-continue\r\n\r\nrest";
	struct http_head head;
	char copy[1024];
	size_t end;

	(void)state;
	assert_int_equal(
	    scan(data, sizeof(data) - 1, 1000, &head, copy, &end), 0);
	assert_string_equal(data + end, "rest");
	assert_int_equal(head.method, HTTP_M_POST);
	assert_int_equal(head.target.len, 4);
	assert_memory_equal(head.target.p, "/p?q", 4);
	assert_int_equal(head.field[HEAD_AUTHORIZATION].len, 10);
	assert_int_equal(head.content_length, 12);
	assert_int_equal(head.framing, HTTP_LENGTH);
	assert_true(head.expect_continue);
	assert_false(head.keep_alive);
	assert_null(head.field[HEAD_RANGE].p);
}

static void
head_is_bounded(void **state)
{
	static char data[40000];
	struct http_head head;
	char *copy = malloc(sizeof(data));
	size_t n, i, end;

	(void)state;
	n = (size_t)sprintf(data, "GET /%08400d HTTP/1.1\r\n" HOST "\r\n", 1);
	assert_int_equal(scan(data, n, n, &head, copy, &end), 414);
	n = (size_t)sprintf(data, LINE HOST "A: %032760d\r\n\r\n", 1);
	assert_int_equal(scan(data, n, n, &head, copy, &end), 431);
	n = (size_t)sprintf(data, LINE HOST);
	for (i = 0; i < 99; i++)
		n += (size_t)sprintf(data + n, "A%zu: x\r\n", i);
	memcpy(data + n, "\r\n", 3);
	assert_int_equal(scan(data, n + 2, n, &head, copy, &end), 0);
	n += (size_t)sprintf(data + n, "B: x\r\n\r\n");
	assert_int_equal(scan(data, n, n, &head, copy, &end), 431);
	free(copy);
}

/* --- bodies ----------------------------------------------------------------*/

/* Decodes @data in pieces; the length of the content, -1 refused, -2 not done. */
static long
decode(const char *data, size_t len, size_t step, char *out, size_t *ret_end)
{
	struct http_head head = {.framing = HTTP_CHUNKED};
	size_t at = 0, total = 0, used, payload;
	char piece[256];
	struct body b;

	body_init(&b, &head);
	while (at < len && !b.done) {
		size_t n = len - at < step ? len - at : step;

		n = n < sizeof(piece) ? n : sizeof(piece);
		memcpy(piece, data + at, n);
		if (body_take(&b, piece, n, &used, &payload))
			return -1;
		memcpy(out + total, piece, payload);
		total += payload;
		at += used;
		if (used < n)
			assert_true(b.done);
	}
	*ret_end = at;
	assert_int_equal(b.received, total);
	return b.done ? (long)total : -2;
}

static const struct {
	const char *data;
	long length;
} chunks[] = {
    {"5\r\nhello\r\n0\r\n\r\nGET", 5},
    {"5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n", 11},
    {"1;a=b\r\nx\r\nA ;c=\"d\"\r\n0123456789\r\n0;z\r\nT: u\r\n\r\n", 11},
    {"0\r\n\r\n", 0},
    {"0\r\nContent-Length: 5\r\n\r\n", 0},
    {"5\r\nhello\r\n0\r\n", -2},
    {"5\r\nhel", -2},
    {"5\nhello\r\n0\r\n\r\n", -1},
    {"5\r\nhello0\r\n\r\n", -1},
    {"5\r\nhello\n0\r\n\r\n", -1},
    {"0x5\r\nhello\r\n0\r\n\r\n", -1},
    {"+5\r\nhello\r\n0\r\n\r\n", -1},
    {" 5\r\nhello\r\n0\r\n\r\n", -1},
    {"5 \r\nhello\r\n0\r\n\r\n", -1},
    {"\r\n0\r\n\r\n", -1},
    {"5;\rx\r\nhello\r\n0\r\n\r\n", -1},
    {"1000000000000000\r\n", -1},
    {"0\r\nT\r\n\r\n", -1},
    {"0\r\n T: u\r\n\r\n", -1},
};

static void
chunks_do_not_depend_on_pieces(void **state)
{
	char out[64], first[64] = "";
	size_t i, step, end = 0, first_end = 0;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(chunks); i++)
		for (step = 1; step <= strlen(chunks[i].data); step++) {
			long n = decode(chunks[i].data, strlen(chunks[i].data),
			    step, out, &end);

			if (n != chunks[i].length)
				fail_msg("body %zu in steps of %zu: %ld", i,
				    step, n);
			if (n < 0)
				continue;
			if (step == 1) {
				memcpy(first, out, (size_t)n);
				first_end = end;
			}
			assert_memory_equal(out, first, (size_t)n);
			assert_int_equal(end, first_end);
		}
}

static void
lengths_end_where_they_say(void **state)
{
	struct http_head head = {.framing = HTTP_LENGTH, .content_length = 10};
	char data[] = "0123456789GET";
	size_t used, payload;
	struct body b;

	(void)state;
	body_init(&b, &head);
	assert_null(body_take(&b, data, 4, &used, &payload));
	assert_int_equal(used, 4);
	body_skip(&b, 3);
	assert_false(b.done);
	assert_null(body_take(&b, data + 7, 6, &used, &payload));
	assert_int_equal(used, 3);
	assert_int_equal(payload, 3);
	assert_true(b.done);
	assert_int_equal(b.received, 10);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(head_verdicts_do_not_depend_on_pieces),
	    cmocka_unit_test(head_fields_are_read),
	    cmocka_unit_test(head_is_bounded),
	    cmocka_unit_test(chunks_do_not_depend_on_pieces),
	    cmocka_unit_test(lengths_end_where_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
