/* Buckets over HTTP: keys of any bytes, what becomes of bodies that break off, of
 * objects that are replaced while they are read, of long lists. */
#include "tests/unit/gatewayd_buckets_lab.h"

#define OBJECT "/api/buckets/bee/object?key="

static void
keys_are_any_bytes(void **state)
{
	static const struct {
		const char *query, *key;
		size_t len;
	} good[] = {
	    {"a", "a", 1},
	    {"a%2F%2Fb%2f..", "a//b/..", 7},
	    {"%ff%FE%c0%af", "\xff\xfe\xc0\xaf", 4},
	    {"%01%1f%7f", "\x01\x1f\x7f", 3},
	    {"a%00b", "a\0b", 3}, /* storaged refuses it, with a sentence */
	    {"a+b%2Bc", "a b+c", 5},
	};
	char head[256], *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(good); i++) {
		snprintf(head, sizeof(head), "PUT " OBJECT "%s HTTP/1.1",
		    good[i].query);
		a = ask(head, "x", NULL);
		assert_status(a, 201);
		free(a);
		assert_string_equal(asked.bucket, "bee");
		assert_int_equal(asked.key_len, good[i].len);
		assert_memory_equal(asked.key, good[i].key, good[i].len);
		assert_int_equal(lab.got_len, 1);
	}
	a = ask("GET " OBJECT "%ff HTTP/1.1", NULL, NULL);
	assert_int_equal(asked.key_len, 1);
	free(a);
}

static void
keys_are_bounded(void **state)
{
	char head[4096], *a;

	(void)state;
	snprintf(head, sizeof(head), "PUT " OBJECT "%01024d HTTP/1.1", 0);
	a = ask(head, "x", NULL);
	assert_status(a, 201);
	free(a);
	snprintf(head, sizeof(head), "PUT " OBJECT "%01025d HTTP/1.1", 0);
	a = ask(head, "x", NULL);
	assert_status(a, 400);
	assert_in(a, "1 to 1024 bytes");
	free(a);
	a = ask("GET " OBJECT " HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	free(a);
	assert_int_equal(lab.opened, 1);
	assert_int_equal(asked.stats, 0);
}

/* Whoever reads text gets text. */
static void
other_parameters_are_text(void **state)
{
	static const char *const bad[] = {
	    "GET " OBJECT "a&version=%ff HTTP/1.1",
	    "GET /api/fs/ls?path=%ff HTTP/1.1",
	    "GET /api/fs/ls?key=%ff HTTP/1.1",
	    "GET /api/no/such?key=%ff HTTP/1.1",
	    "GET /livez?a=%00 HTTP/1.1",
	    "GET /api/buckets/%ff HTTP/1.1",
	};
	char *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		a = ask(bad[i], NULL, NULL);
		assert_status(a, 400);
		assert_in(a, "bad-path");
		free(a);
	}
	a = ask(
	    "GET /api/buckets/bee/object?key=a&color=1 HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "color here; known: key version.");
	free(a);
}

static void
heads_say_what_goes_along(void **state)
{
	char *a;

	(void)state;
	a = ask("PUT " OBJECT "a&lock=compliance&until=99&hold=yes HTTP/1.1\r\n"
		"Content-Type: text/x\r\nX-Nexus-Mtime: 5.5\r\n"
		"X-Nexus-Meta-Color: blau\r\nIf-Match: \"tag\"\r\n"
		"Content-MD5: nQ7Be4xx2cOjcPYPPIoQbg==",
	    "x", NULL);
	assert_status(a, 201);
	free(a);
	assert_string_equal(
	    asked.meta, "content-type=text/x;mtime=5.5;color=blau;");
	assert_string_equal(asked.mode, "compliance");
	assert_int_equal(asked.until, 99);
	assert_true(asked.hold);
	assert_string_equal(asked.match, "tag");
	assert_true(lab.open_md5);
	assert_int_equal(lab.digest_len, 16);
	a = ask("PUT " OBJECT "a HTTP/1.1\r\nX-Nexus-Meta-Mtime: 5\r\n"
		"X-Nexus-Mtime: 6",
	    "x", NULL);
	assert_status(a, 400);
	free(a);
	a = ask("GET " OBJECT "a HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_in(a, "Content-Type: text/x\r\n");
	assert_in(a, "X-Nexus-Meta-color: blau\r\n");
	assert_in(a, "X-Nexus-Version: v1\r\n");
	assert_in(a, "X-Nexus-Lock: governance\r\nX-Nexus-Lock-Until: 77\r\n");
	assert_in(a, "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n");
	assert_in(a, "ETag: \"etag-1\"\r\n");
	free(a);
}

/* Asked for when it is sent, and told to whoever reads it or asks about it. */
static void
digests_go_along(void **state)
{
	static const char *const read[] = {
	    "GET " OBJECT "a HTTP/1.1",
	    "HEAD " OBJECT "a HTTP/1.1",
	};
	char *a;

	(void)state;
	a = ask("PUT " OBJECT "a HTTP/1.1\r\nWant-Repr-Digest: sha-256=10", "x",
	    NULL);
	assert_status(a, 201);
	free(a);
	assert_true(lab.open_wants && !lab.open_sha256);
	for (size_t i = 0; i < 2 * NX_ARRAY_SIZE(read); i++) {
		asked.sha256 = i % 2;
		a = ask(read[i / 2], NULL, NULL);
		assert_status(a, 200);
		assert_true(!strstr(a, "Repr-Digest") == !asked.sha256);
		if (asked.sha256)
			assert_in(a,
			    "Repr-Digest: sha-256=:AAECAwQFBgcICRAREhMUFRYXGB"
			    "kgISIjJCUmJygpMDE=:\r\n");
		free(a);
	}
	a = ask("GET /api/buckets/bee/stat?key=a HTTP/1.1", NULL, NULL);
	assert_in(a, "\"sha256\":\"0001020304050607");
	free(a);
}

/* The client goes in the middle of what it announced. */
static void
break_off(const char *target)
{
	struct linger linger = {.l_onoff = 1};
	char text[512];
	int fd = client(), n;

	n = snprintf(text, sizeof(text),
	    "PUT %s HTTP/1.1\r\n" AUTH "Content-Length: 10\r\n\r\nshort",
	    target);
	say(fd, text, (size_t)n, 1000);
	lab_turn(10);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	lab_turn(30);
}

static void
only_resumables_keep_what_came(void **state)
{
	(void)state;
	break_off(OBJECT "a");
	assert_int_equal(lab.opened, 1);
	assert_int_equal(lab.aborted, 1);
	assert_int_equal(lab.finished, 0);
	break_off("/api/uploads/0123/parts?number=4");
	assert_int_equal(asked.number, 4);
	assert_int_equal(lab.aborted, 2);
	assert_int_equal(lab.finished, 0);
	break_off("/api/uploads/0123?offset=7");
	assert_int_equal(asked.offset, 7);
	assert_int_equal(lab.aborted, 2);
	assert_int_equal(lab.finished, 1); /* with the five that came */
	assert_int_equal(lab.got_len, 5);
}

static void
pieces_take_less(void **state)
{
	static const char *const bad[] = {"If-Match: *", "X-Nexus-Meta-A: b",
	    "X-Nexus-Mtime: 1", "If-None-Match: *"};
	char head[256], *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		snprintf(head, sizeof(head),
		    "PUT /api/uploads/0123?offset=0 HTTP/1.1\r\n%s", bad[i]);
		a = ask(head, "x", NULL);
		assert_status(a, 400);
		free(a);
	}
	a = ask("PUT /api/uploads/0123?offset=0 HTTP/1.1\r\n"
		"Content-MD5: nQ7Be4xx2cOjcPYPPIoQbg==",
	    "x", NULL);
	assert_memory_equal(a, "HTTP/1.1 ", 9);
	assert_null(strstr(a, "HTTP/1.1 2"));
	free(a);
	assert_int_equal(lab.opened, 0);
}

/* An id and a key: one of them would not count. */
static void
a_copy_is_of_one_thing(void **state)
{
	static const char *const more[] = {
	    "from=bee", "from_key=a", "from_version=v", "from_version="};
	char head[128], *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(more); i++) {
		snprintf(head, sizeof(head),
		    "POST /api/buckets/bee/copy?key=b&from_file=0123&%s "
		    "HTTP/1.1",
		    more[i]);
		a = ask(head, NULL, NULL);
		assert_status(a, 400);
		assert_in(a, "from_file names what is copied: leave from");
		free(a);
	}
	assert_int_equal(asked.calls, 0);
}

static void
what_is_replaced_is_looked_up_again(void **state)
{
	char *a;

	(void)state;
	lab.file = nx_memfd_sealed("object", "hello", 5);
	lab.file_size = 5;
	asked.gone = 3;
	a = ask("GET " OBJECT "a HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_in(a, "\r\n\r\nhello");
	assert_int_equal(asked.stats, 4);
	free(a);
	asked.stats = 0;
	a = ask("GET " OBJECT "a&version=v1 HTTP/1.1", NULL, NULL);
	assert_status(a, 404); /* that one is gone */
	assert_int_equal(asked.stats, 1);
	free(a);
	asked.stats = 0;
	asked.gone = 1000;
	a = ask("GET " OBJECT "a HTTP/1.1", NULL, NULL);
	assert_status(a, 404);
	assert_int_equal(asked.stats, DOWNLOAD_TRIES);
	free(a);
	asked.stats = 0;
	a = ask(
	    "POST /api/buckets/bee/copy?key=b&from_key=a HTTP/1.1", NULL, NULL);
	assert_status(a, 404);
	assert_int_equal(asked.calls, 8);
	free(a);
	asked.stats = asked.gone = 0;
	asked.marker = true;
	a = ask("GET " OBJECT "a HTTP/1.1", NULL, NULL);
	assert_status(a, 404);
	assert_in(a, "is deleted");
	free(a);
}

static void
conditions_of_a_get(void **state)
{
	static const struct {
		const char *field;
		const char *status;
	} cases[] = {
	    {"If-Match: \"etag-1\"", "HTTP/1.1 200"},
	    {"If-Match: \"x\", \"etag-1\"", "HTTP/1.1 200"},
	    {"If-Match: *", "HTTP/1.1 200"},
	    {"If-Match: W/\"etag-1\"", "HTTP/1.1 412"},
	    {"If-Match: \"x\"", "HTTP/1.1 412"},
	    {"If-None-Match: \"etag-1\"", "HTTP/1.1 304"},
	    {"If-None-Match: \"x\"", "HTTP/1.1 200"},
	    {"Range: bytes=1-2", "HTTP/1.1 206"},
	    {"Range: bytes=9-", "HTTP/1.1 416"},
	};
	static const char *const targets[] = {
	    OBJECT "a", "/api/files/0123/download"};
	char head[256], *a;

	(void)state;
	lab.file = nx_memfd_sealed("object", "hello", 5);
	lab.file_size = 5;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases) * 2; i++) {
		snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n%s",
		    targets[i % 2], cases[i / 2].field);
		a = ask(head, NULL, NULL);
		if (memcmp(a, cases[i / 2].status, 12) != 0)
			fail_msg("%s: %.12s", head, a);
		free(a);
	}
}

/* --- lists ------------------------------------------------------------------*/

static char *
post(const char *target, const char *body, size_t len)
{
	char head[256];

	snprintf(head, sizeof(head),
	    "POST %s HTTP/1.1\r\n" AUTH "Content-Length: %zu\r\n\r\n", target,
	    len);
	return send_body(head, body, len, 65536);
}

static void
ten_thousand_parts(void **state)
{
	char *body = malloc(1 << 20), *a;
	size_t at = (size_t)sprintf(body, "{\"parts\":[");

	(void)state;
	for (unsigned i = 1; i <= 10000; i++)
		at += (size_t)sprintf(body + at,
		    "%s{\"number\":%u,\"etag\":\"%032x\"}", i > 1 ? "," : "", i,
		    i * 3);
	at += (size_t)sprintf(body + at, "]}");
	a = post("/api/uploads/0123/complete", body, at);
	assert_status(a, 201);
	free(a);
	assert_int_equal(asked.list_len, 200000);
	for (unsigned i = 1; i <= 10000; i++) {
		const uint8_t *p = asked.list + 20 * (i - 1);

		assert_int_equal(p[0] | p[1] << 8 | p[2] << 16, i);
		assert_int_equal(p[19] | p[18] << 8, i * 3 & 0xffff);
	}
	at -= 2;
	at += (size_t)sprintf(
	    body + at, ",{\"number\":1,\"etag\":\"%032x\"}]}", 1);
	a = post("/api/uploads/0123/complete", body, at);
	assert_status(a, 400);
	free(a);
	free(body);
}

static void
wrong_lists_of_parts(void **state)
{
	static const char *const bad[] = {"{}", "{\"parts\":[]}",
	    "{\"parts\":{}}", "{\"parts\":[1]}", "{\"parts\":[{\"number\":1}]}",
	    "{\"parts\":[{\"number\":0,\"etag\":"
	    "\"00000000000000000000000000000000\"}]}",
	    "{\"parts\":[{\"number\":1,\"etag\":"
	    "\"0000000000000000000000000000000\"}]}",
	    "{\"parts\":[{\"number\":1,\"etag\":"
	    "\"0000000000000000000000000000000g\"}]}",
	    "{\"parts\":[{\"number\":1,\"etag\":"
	    "\"00000000000000000000000000000000\",\"size\":1}]}",
	    "{\"parts\":[{\"number\":1,\"etag\":"
	    "\"00000000000000000000000000000000\"}],\"n\":1}"};
	static const char quoted[] =
	    "{\"parts\":[{\"number\":1,\"etag\":"
	    "\"\\\"AA000000000000000000000000000000\\\"\"}]}";
	char *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		a = post("/api/uploads/0123/complete", bad[i], strlen(bad[i]));
		if (memcmp(a, "HTTP/1.1 400", 12) != 0)
			fail_msg("%s: %.12s", bad[i], a);
		free(a);
	}
	assert_null(asked.list);
	a = post("/api/uploads/0123/complete", quoted, strlen(quoted));
	assert_status(a, 201); /* as a header has it */
	assert_int_equal(asked.list[4], 0xaa);
	free(a);
}

static void
many_are_deleted_in_several_calls(void **state)
{
	char *body = malloc(1 << 20), *a;
	size_t at = (size_t)sprintf(body, "{\"objects\":[\"!\"");

	(void)state;
	for (unsigned i = 0; i < 999; i++)
		at += i % 2 ? (size_t)sprintf(body + at, ",\"%0500u\"", i)
			    : (size_t)sprintf(body + at,
				  ",{\"key_encoded\":\"%%ff%0400u\"}", i);
	at += (size_t)sprintf(body + at, "]}");
	a = post("/api/buckets/bee/delete", body, at);
	assert_status(a, 200);
	assert_in(a, "\"status\":403,\"error\":\"it is locked\"");
	assert_int_equal(asked.deletes, 1000);
	assert_in_range(asked.calls, 10, 30);
	assert_int_equal(asked.keys_len, 1 + 499 * 500 + 500 * 401);
	assert_memory_equal(asked.keys, "!\xff", 2);
	free(a);
	at -= 2;
	at += (size_t)sprintf(body + at, ",\"x\"]}");
	a = post("/api/buckets/bee/delete", body, at);
	assert_status(a, 400);
	assert_in(a, "At most 1000");
	assert_int_equal(asked.deletes, 1000);
	free(a);
	free(body);
}

#define T(f) \
	cmocka_unit_test_setup_teardown(f, lab_up_buckets, lab_down_buckets)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(keys_are_any_bytes),
	    T(keys_are_bounded),
	    T(other_parameters_are_text),
	    T(heads_say_what_goes_along),
	    T(digests_go_along),
	    T(only_resumables_keep_what_came),
	    T(pieces_take_less),
	    T(a_copy_is_of_one_thing),
	    T(what_is_replaced_is_looked_up_again),
	    T(conditions_of_a_get),
	    T(ten_thousand_parts),
	    T(wrong_lists_of_parts),
	    T(many_are_deleted_in_several_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
