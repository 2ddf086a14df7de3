/* What a client says and nobody would act on is refused by name, not ignored:
 * members, parameters, digests, parts of files. */
#include "tests/unit/gatewayd_lab.h"

static void
unknown_members_are_refused(void **state)
{
	char *a;

	(void)state;
	a = ask("POST /api/lambda/run HTTP/1.1",
	    "{\"code\":\"1\",\"timeout\":5}", NULL);
	assert_status(a, 400);
	assert_in(a,
	    "There is no member timeout; known here are code, "
	    "runtime, timeout_ms, memory_mb.");
	free(a);
	a = ask("POST /api/fs/mkdir HTTP/1.1",
	    "{\"path\":\"/a\",\"Path\":\"/b\"}", NULL);
	assert_status(a, 400);
	assert_in(a, "twice");
	free(a);
	/* old clients' capitals go on working */
	a = ask("POST /api/lambda/run HTTP/1.1",
	    "{\"Code\":\"1\",\"Runtime\":\"python3\"}", NULL);
	assert_status(a, 200);
	free(a);
}

/* What cannot be had is said, not left out. */
static void
orders_of_what_was_are_refused(void **state)
{
	static const char *const bad[] = {
	    "GET /api/fs/ls?deleted=true&limit=10 HTTP/1.1",
	    "GET /api/fs/ls?deleted&sort=size HTTP/1.1",
	    "GET /api/fs/ls?snapshot=s&reverse HTTP/1.1",
	    "GET /api/fs/ls?snapshot=s&after=a HTTP/1.1",
	    "GET /api/fs/ls?snapshot=s&deleted=yes HTTP/1.1",
	};
	char *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		a = ask(bad[i], NULL, NULL);
		assert_status(a, 400);
		assert_in(a, "leave sort, reverse, after and limit out");
		free(a);
	}
}

static void
unknown_parameters_are_refused(void **state)
{
	char *a;

	(void)state;
	a = ask("GET /api/account?sort=name HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "There is no query parameter sort here; none is known.");
	free(a);
	a = ask("GET /api/files?sort=name HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "no query parameter sort here; known: damaged");
	free(a);
	a = ask("DELETE /api/nodes/x?Force=true HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "no query parameter Force here; known: force");
	free(a);
	a = ask("PUT /api/fs/file?path=/a&mode=append HTTP/1.1", "x", NULL);
	assert_status(a, 400);
	assert_in(a, "mode");
	free(a);
	assert_int_equal(lab.opened + lab.put, 0);
}

/* A guard that nobody looks at is none. */
static void
conditions_are_not_ignored(void **state)
{
	static const struct {
		const char *head, *word; /* NULL: it is taken */
	} seen[] = {
	    {"POST /api/fs/mkdir HTTP/1.1\r\nIf-None-Match: *",
		"If-None-Match is not decided here"},
	    {"POST /api/fs/purge HTTP/1.1\r\nIf-Match: \"x\"",
		"If-Match is not decided here"},
	    {"POST /api/fs/mkdir HTTP/1.1\r\n"
	     "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
		"If-Unmodified-Since is not decided here"},
	    {"DELETE /api/fs/delete?path=/a HTTP/1.1\r\n"
	     "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
		"If-Match and If-None-Match are"},
	    {"POST /api/fs/mkdir HTTP/1.1\r\nIf-Range: \"x\"\r\n"
	     "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
		NULL},
	    {"GET /api/files HTTP/1.1\r\nIf-Match: \"x\"", NULL},
	    {"GET /api/files HTTP/1.1\r\nIf-None-Match: \"x\"", NULL},
	};
	const char *body;
	char *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(seen); i++) {
		body = seen[i].head[0] == 'P' ? "{\"path\":\"/a\"}" : NULL;
		a = ask(seen[i].head, body, NULL);
		if (seen[i].word) {
			assert_status(a, 400);
			assert_in(a, seen[i].word);
		} else
			assert_null(strstr(a, "is not decided"));
		free(a);
	}
}

/* Every page of them, and only when asked. */
static void
damaged_files_are_listed(void **state)
{
	char *a, *first;

	(void)state;
	lab.pages = 2;
	a = ask("GET /api/files?damaged=true HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	first = strstr(a, "\"place\":\"/d/a\"}");
	assert_non_null(first);
	assert_in(first + 1, "\"place\":\"/d/a\"}");
	free(a);
	a = ask("GET /api/files?damaged=no HTTP/1.1", NULL, NULL);
	assert_status(a, 200);
	assert_null(strstr(a, "place"));
	free(a);
	a = ask("GET /api/files?damaged=maybe HTTP/1.1", NULL, NULL);
	assert_status(a, 400);
	assert_in(a, "The query parameter damaged must be true or false.");
	free(a);
}

static void
a_part_is_no_file(void **state)
{
	char *a;

	(void)state;
	a = ask("PUT /api/fs/file?path=/a HTTP/1.1\r\n"
		"Content-Range: bytes 5-9/10",
	    "tail!", NULL);
	assert_status(a, 400);
	assert_in(a, "Content-Range is not taken");
	free(a);
	a = ask("PUT /api/files/a HTTP/1.1\r\nContent-Range: bytes 0-0/1", "",
	    NULL);
	assert_status(a, 400);
	free(a);
	assert_int_equal(lab.opened + lab.put, 0);
}

/* It would come back without a word of how it was coded. */
static void
coded_content_is_refused(void **state)
{
	static const struct {
		const char *field;
		int status;
	} cases[] = {
	    {"Content-Encoding: gzip", 415},
	    {"Content-Encoding: identity, br", 415},
	    {"Content-Encoding: aws-chunked", 415},
	    {"Content-Encoding: identity\r\nContent-Encoding: gzip", 400},
	    {"Content-Encoding: Identity", 201},
	    {"Content-Encoding: ", 201},
	};
	char head[256], status[16], *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		lab.put = 0;
		snprintf(head, sizeof(head),
		    "PUT /api/fs/file?path=/a HTTP/1.1\r\n%s", cases[i].field);
		snprintf(
		    status, sizeof(status), "HTTP/1.1 %d", cases[i].status);
		a = ask(head, "data", NULL);
		if (memcmp(a, status, strlen(status)) != 0)
			fail_msg("%s: %.60s", cases[i].field, a);
		if (cases[i].status == 415)
			assert_in(a, "send the content as it is");
		assert_int_equal(lab.put, cases[i].status == 201);
		free(a);
	}
	/* whatever else has a body */
	a = ask("POST /api/lambda/run HTTP/1.1\r\nContent-Encoding: gzip",
	    "{\"code\":\"1\"}", NULL);
	assert_status(a, 415);
	free(a);
	/* nothing was sent that could be coded */
	a = ask(
	    "GET /api/account HTTP/1.1\r\nContent-Encoding: gzip", NULL, NULL);
	assert_status(a, 200);
	free(a);
}

#define MD5    "Q2hlY2sgSW50ZWdyaXR5IQ==" /* RFC 1864's own example */
#define SHA256 "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="

/* What a sender wants to be told; what cannot be read of it is ignored. */
static void
digests_are_wanted(void **state)
{
	static const struct {
		const char *list;
		bool wanted;
	} cases[] = {
	    {"sha-256=1", true},
	    {"SHA-256=10", true},
	    {"sha-512=9, sha-256=5", true},
	    {"sha-256=0", false},
	    {"sha-256=11", false},
	    {"sha-256=", false},
	    {"sha-256", false},
	    {"sha-2567=1", false},
	    {"md5=3", false},
	    {"", false},
	};
	char head[160], *a;

	(void)state;
	/* in one call, and through the pipe */
	for (size_t i = 0; i < 2 * NX_ARRAY_SIZE(cases); i++) {
		snprintf(head, sizeof(head),
		    "PUT /api/files/x HTTP/1.1\r\nWant-Repr-Digest: %s%s",
		    cases[i / 2].list, i % 2 ? "\r\nExpect: 100-continue" : "");
		lab.open_wants = !cases[i / 2].wanted;
		a = ask(head, "data", NULL);
		assert_in(a, "HTTP/1.1 201");
		if (lab.open_wants != cases[i / 2].wanted)
			fail_msg("%s: %d", cases[i / 2].list, lab.open_wants);
		free(a);
	}
}

static void
digests_are_not_ignored(void **state)
{
	static const struct {
		const char *field;
		int status;
		size_t len; /* of the digest that storaged is told */
	} cases[] = {
	    {"Content-MD5: " MD5, 201, 16},
	    {"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IR==", 400, 0},
	    {"Content-MD5: 900150983cd24fb0d6963f7d28e17f72", 400, 0},
	    {"Content-MD5: ", 400, 0},
	    {"Content-Digest: sha-256=:" SHA256 ":", 201, 32},
	    {"Repr-Digest: unixsum=:AAA=:, SHA-256=:" SHA256 ":", 201, 32},
	    {"Content-Digest: sha-256=:" MD5 ":", 400, 0},
	    {"Content-Digest: sha-256=" SHA256, 400, 0},
	    {"Content-Digest: md5=:" MD5 ":", 201, 16},
	    {"Content-Digest: md5=:" MD5 ":\r\nContent-MD5: " MD5, 201, 16},
	    {"Content-Digest: md5=:" MD5 ":\r\nContent-MD5: "
	     "AAAAAAAAAAAAAAAAAAAAAA==",
		400, 0},
	    {"Repr-Digest: sha-256=:" SHA256 ":\r\nContent-MD5: " MD5, 201, 48},
	    {"Content-Digest: sha-256=:" SHA256 ":, md5=:" MD5 ":", 201, 48},
	    {"Content-Digest: sha-256=:" SHA256 ":, md5=:" MD5 ":\r\n"
	     "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==",
		400, 0},
	    {"Content-Digest: sha-512=:AAA=:", 501, 0},
	    {"Repr-Digest: md5=:" MD5 ":, sha=:AAA=:", 501, 0},
	    {"Digest: SHA-256=" SHA256, 501, 0},
	    {"Content-MD5: " MD5 "\r\nContent-MD5: " MD5, 400, 0},
	    {"Content-Digest: unixsum=:AAA=:", 201, 0},
	};
	char head[256], status[16], *a;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		lab.digest_len = 0;
		snprintf(head, sizeof(head), "PUT /api/files/x HTTP/1.1\r\n%s",
		    cases[i].field);
		snprintf(
		    status, sizeof(status), "HTTP/1.1 %d", cases[i].status);
		a = ask(head, "data", NULL);
		if (memcmp(a, status, strlen(status)) != 0)
			fail_msg("%s: %.60s", cases[i].field, a);
		assert_int_equal(lab.digest_len, cases[i].len);
		if (cases[i].len > 0)
			assert_int_equal(cases[i].len,
			    lab.open_md5 * 16 + lab.open_sha256 * 32);
		if (lab.digest_len == 16 || lab.digest_len == 48)
			assert_memory_equal(lab.digest, "Check Integrity!", 16);
		free(a);
	}
	/* of no body they say nothing, of other bodies nobody compares them */
	a = ask("GET /api/account HTTP/1.1\r\nContent-MD5: " MD5, NULL, NULL);
	assert_status(a, 200);
	free(a);
	a = ask("POST /api/lambda/run HTTP/1.1\r\nContent-MD5: " MD5,
	    "{\"code\":\"1\"}", NULL);
	assert_status(a, 501);
	free(a);
}

#define FORM                                  \
	"POST /api/files/upload HTTP/1.1\r\n" \
	"Content-Type: multipart/form-data; boundary=X"
#define PART(name, more)                                      \
	"--X\r\nContent-Disposition: form-data; name=\"" name \
	"\"; filename=\"n\"\r\n" more "\r\ndata\r\n--X--\r\n"

static void
nor_those_of_parts(void **state)
{
	char *a;

	(void)state;
	a = ask(FORM, PART("file", "Content-Range: bytes 0-3/9\r\n"), NULL);
	assert_status(a, 400);
	free(a);
	a = ask(FORM, PART("file", "Content-Encoding: gzip\r\n"), NULL);
	assert_status(a, 415);
	free(a);
	a = ask(FORM "\r\nContent-Encoding: gzip", PART("file", ""), NULL);
	assert_status(a, 415);
	free(a);
	a = ask(FORM, PART("other", "Content-MD5: " MD5 "\r\n"), NULL);
	assert_status(a, 501);
	free(a);
	a = ask(FORM "\r\nContent-MD5: " MD5, PART("file", ""), NULL);
	assert_status(a, 501);
	free(a);
	assert_int_equal(lab.opened + lab.put, 0);
	a = ask(FORM, PART("file", "Content-MD5: " MD5 "\r\n"), NULL);
	assert_status(a, 200);
	assert_true(lab.open_md5);
	assert_int_equal(lab.digest_len, 16);
	free(a);
	a = ask(FORM, PART("file", ""), NULL);
	assert_status(a, 200);
	assert_false(lab.open_md5);
	free(a);
}

/* A byte at a time: most pieces have no content in them. */
static void
bodies_may_come_in_bits(void **state)
{
	static const char body[] = "c\r\n{\"code\":\"1\"}\r\n0\r\n\r\n";
	char *a;

	(void)state;
	a = send_body("POST /api/lambda/run HTTP/1.1\r\n" AUTH
		      "Transfer-Encoding: chunked\r\n\r\n",
	    body, sizeof(body) - 1, 1);
	assert_status(a, 200);
	free(a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_up, lab_down)
int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    T(unknown_members_are_refused),
	    T(unknown_parameters_are_refused),
	    T(conditions_are_not_ignored),
	    T(orders_of_what_was_are_refused),
	    T(damaged_files_are_listed),
	    T(a_part_is_no_file),
	    T(coded_content_is_refused),
	    T(digests_are_not_ignored),
	    T(digests_are_wanted),
	    T(nor_those_of_parts),
	    T(bodies_may_come_in_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
