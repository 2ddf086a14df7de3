/* Targets, JSON, ranges, and JSON written: pure functions over text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "gatewayd/routes/buf.h"
#include "gatewayd/routes/json_in.h"
#include "gatewayd/http/range.h"
#include "gatewayd/http/uri.h"

static struct http_span
span(const char *s)
{
	return (struct http_span){s, strlen(s)};
}

static const struct http_error *
parse(struct uri *u, const char *target)
{
	static char copy[512];

	strcpy(copy, target);
	return uri_parse(u, copy, strlen(copy));
}

static void
targets_are_taken_apart(void **state)
{
	struct uri u;

	(void)state;
	assert_null(parse(&u, "/api/fs/ls?path=%2Fa+b%2fc&x&&y="));
	assert_int_equal(u.n_segments, 3);
	assert_string_equal(u.segment[2], "ls");
	assert_string_equal(uri_param(&u, "path"), "/a b/c");
	assert_string_equal(uri_param(&u, "x"), "");
	assert_null(uri_param(&u, "z"));
	assert_null(parse(&u, "/"));
	assert_int_equal(u.n_segments, 0);
	assert_null(parse(&u, "/a//b/"));
	assert_int_equal(u.n_segments, 4);
	assert_null(parse(&u, "http://h:1/a%20b+c?q=1"));
	assert_string_equal(u.segment[0], "a b+c");
	assert_null(parse(&u, "http://h?q=1"));
	assert_string_equal(uri_param(&u, "q"), "1");
	assert_null(parse(&u, "*"));
	assert_true(u.asterisk);
	assert_null(parse(&u, "/1/2/3/4/5/6/7/8/9"));
	assert_true(u.deep);
}

/* A value may be any bytes, for who asks for bytes. */
static void
values_are_bytes(void **state)
{
	struct http_span s = {NULL, 0};
	struct uri u;

	(void)state;
	assert_null(parse(&u, "/a?b=%0a&c=%ff%00x&d=text&e"));
	assert_null(uri_param(&u, "b"));
	assert_null(uri_param(&u, "c"));
	assert_string_equal(uri_param(&u, "d"), "text");
	assert_true(uri_bytes(&u, "c", &s));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "\xff\0x", 3);
	assert_true(uri_bytes(&u, "e", &s));
	assert_int_equal(s.len, 0);
	assert_false(uri_bytes(&u, "f", &s));
}

static void
bad_targets_are_refused(void **state)
{
	static const char *const bad[] = {"x", "/a%", "/a%2", "/a%zz", "/a%00",
	    "/a%2fb", "/a%ff", "/a%c0%af", "/a%ed%a0%80", "/a?b=%0", "/a#b",
	    "/a?b=1&b=2", "ftp://h/", "/%f4%90%80%80", "/a?%00",
	    "/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17"};
	struct uri u;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		if (!parse(&u, bad[i]))
			fail_msg("%s was taken", bad[i]);
}

static void
json_is_checked(void **state)
{
	static const char *const good[] = {"{}", " [1] ", "{\"a\":[]}",
	    "-0.5e+3", "\"\\u00e4\\ud83d\\ude00\\n\"", "null",
	    "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"};
	static const char *const bad[] = {"", "{", "{}x", "{\"a\":1,}", "[1,]",
	    "{a:1}", "01", "+1", ".5", "1.", "1e", "-", "\"\\x\"", "\"\n\"",
	    "\"\\u12\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ude00\"",
	    "\"\\ud800\\u0041\"", "\"\xff\"", "\"\xc0\xaf\"", "nul", "tru",
	    "{\"a\" 1}", "{1:2}", "[1 2]", "\"", "NaN", "Infinity", "'a'",
	    "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "/**/{}"};
	char *bomb = malloc(100000);
	cJSON *object;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(good); i++)
		if (json_check(good[i], strlen(good[i]), JSON_VALUES_MAX))
			fail_msg("%s was refused", good[i]);
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		if (!json_check(bad[i], strlen(bad[i]), JSON_VALUES_MAX))
			fail_msg("%s was taken", bad[i]);
	assert_non_null(json_check("{\"a\":\"b\0c\"}", 11, JSON_VALUES_MAX));
	memset(bomb, '[', 100000);
	assert_non_null(json_check(bomb, 100000, JSON_VALUES_MAX));
	for (i = 0; i < 100000; i++)
		bomb[i] = i % 2 ? ',' : '1';
	bomb[0] = '[';
	assert_non_null(json_check(bomb, 100000, JSON_VALUES_MAX));
	free(bomb);
	assert_non_null(json_parse("[]", 2, JSON_VALUES_MAX, &object));
	assert_non_null(
	    json_parse("{\"a\":1,\"A\":2}", 13, JSON_VALUES_MAX, &object));
	assert_non_null(json_parse(
	    "{\"b\":{\"a\":1,\"a\":2}}", 19, JSON_VALUES_MAX, &object));
}

struct taken {
	char *name;
	uint64_t size;
	bool flag;
	struct json_strings list;
};
#define FIELD(n, t, r, lo, hi)                              \
	{                                                   \
#n, t, r, offsetof(struct taken, n), lo, hi \
	}
static const struct json_field fields[] = {
    FIELD(name, JSON_STRING, true, 0, 0),
    FIELD(size, JSON_UINT, false, 1, 1000),
    FIELD(flag, JSON_BOOL, false, 0, 0),
    FIELD(list, JSON_STRINGS, false, 0, 0),
};

static void
take(const char *text, int result, const char *sentence)
{
	struct taken t = {.size = 7};
	char error[JSON_ERROR_MAX] = "";
	cJSON *object = NULL;

	assert_null(json_parse(text, strlen(text), JSON_VALUES_MAX, &object));
	assert_int_equal(
	    json_take(object, fields, NX_ARRAY_SIZE(fields), &t, error),
	    result);
	assert_string_equal(error, sentence);
	cJSON_Delete(object);
}

static void
fields_are_typed(void **state)
{
	struct taken t = {.size = 7};
	static const char text[] = "{\"NAME\":\"x\",\"Flag\":true,"
				   "\"list\":[\"a\",\"b\"],\"size\":null}";
	char error[JSON_ERROR_MAX];
	cJSON *o;

	(void)state;
	assert_null(json_parse(text, strlen(text), JSON_VALUES_MAX, &o));
	assert_int_equal(
	    json_take(o, fields, NX_ARRAY_SIZE(fields), &t, error), 0);
	assert_string_equal(t.name, "x");
	assert_int_equal(t.size, 7);
	assert_true(t.flag);
	assert_int_equal(t.list.n, 2);
	assert_string_equal(t.list.item[1], "b");
	cJSON_Delete(o);
	take("{}", -EINVAL, "The member name is missing.");
	take("{\"name\":null}", -EINVAL, "The member name is missing.");
	take("{\"name\":\"\"}", -EINVAL, "The member name must not be empty.");
	take("{\"name\":1}", -EINVAL, "The member name must be a string.");
	take("{\"name\":\"x\",\"others\":[{}]}", -EINVAL,
	    "There is no member others; known here are name, size, flag, "
	    "list.");
	take("{\"name\":\"x\",\"size\":\"1\"}", -EINVAL,
	    "The member size must be a whole number.");
	take("{\"name\":\"x\",\"size\":1.5}", -EINVAL,
	    "The member size must be a whole number.");
	take("{\"name\":\"x\",\"size\":-1}", -EINVAL,
	    "The member size must be a whole number.");
	take("{\"name\":\"x\",\"size\":1e400}", -EINVAL,
	    "The member size must be a whole number.");
	take("{\"name\":\"x\",\"size\":1001}", -EINVAL,
	    "The member size must be between 1 and 1000.");
	take("{\"name\":\"x\",\"flag\":1}", -EINVAL,
	    "The member flag must be true or false.");
	take("{\"name\":\"x\",\"list\":[1]}", -EINVAL,
	    "The member list must be a list of at most 64 strings.");
	take("{\"name\":\"x\",\"list\":{}}", -EINVAL,
	    "The member list must be a list of strings.");
}

static void
range(const char *text, uint64_t size, enum range_result result, uint64_t a,
    uint64_t b)
{
	uint64_t first = 0, last = 0;

	assert_int_equal(range_parse(span(text), size, &first, &last), result);
	assert_int_equal(first, a);
	assert_int_equal(last, b);
}

static void
ranges_are_read(void **state)
{
	(void)state;
	range("bytes=0-0", 10, RANGE_PART, 0, 0);
	range("bytes=5-", 10, RANGE_PART, 5, 9);
	range("Bytes=5-99", 10, RANGE_PART, 5, 9);
	range("bytes=-3", 10, RANGE_PART, 7, 9);
	range("bytes=-30", 10, RANGE_PART, 0, 9);
	range("bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0);
	range("bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0);
	range("bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0);
	range("bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0);
	range("bytes=2-1", 10, RANGE_WHOLE, 0, 0);
	range("bytes=-", 10, RANGE_WHOLE, 0, 0);
	range("bytes=a-1", 10, RANGE_WHOLE, 0, 0);
	range("bytes=1-99999999999999999999", 10, RANGE_WHOLE, 0, 0);
	range("bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0);
	range("lines=0-1", 10, RANGE_WHOLE, 0, 0);
	range("bytes=", 10, RANGE_WHOLE, 0, 0);
}

static void
tags_are_compared(void **state)
{
	(void)state;
	assert_true(etag_listed(span("*"), "x"));
	assert_true(etag_listed(span("\"a\", W/\"x\""), "x"));
	assert_false(etag_listed(span("\"a\", x"), "x"));
	assert_true(etag_same(span("\"x\""), "x"));
	assert_false(etag_same(span("W/\"x\""), "x"));
	assert_false(etag_same(span("\"\""), ""));
}

static void
json_is_written(void **state)
{
	struct buf b = {0};

	(void)state;
	json_open(&b, NULL, '{');
	json_string(&b, "s", "a\"\\\n\x01\x7f\xc3\xa4");
	json_bytes(&b, "bad", "\xff\xc3(\xe2\x82\xf0\x9f\x98\x80", 9);
	json_string(&b, "none", NULL);
	json_open(&b, "l", '[');
	json_uint(&b, NULL, UINT64_MAX);
	json_int(&b, NULL, -1);
	json_close(&b, ']');
	json_double(&b, "d", 1.0 / 3);
	json_bool(&b, "t", true);
	json_close(&b, '}');
	buf_add(&b, "", 1);
	assert_false(b.failed);
	assert_string_equal(b.data,
	    "{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa4\","
	    "\"bad\":\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd"
	    "\xf0\x9f\x98\x80\",\"none\":\"\","
	    "\"l\":[18446744073709551615,-1],\"d\":0.33,\"t\":true}");
	buf_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(targets_are_taken_apart),
	    cmocka_unit_test(values_are_bytes),
	    cmocka_unit_test(bad_targets_are_refused),
	    cmocka_unit_test(json_is_checked),
	    cmocka_unit_test(fields_are_typed),
	    cmocka_unit_test(ranges_are_read),
	    cmocka_unit_test(tags_are_compared),
	    cmocka_unit_test(json_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
