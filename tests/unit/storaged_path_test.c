/* What is accepted as a path or a name, and how it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "storaged/catalog/path.h"

static const char *
parse(const char *text, struct path *path)
{
	return path_parse(text, strlen(text), path);
}

static void
test_normal(void **state)
{
	static const struct {
		const char *text, *normal;
		unsigned depth;
	} cases[] = {
	    {"/", "/", 0},
	    {"//", "/", 0},
	    {"/.", "/", 0},
	    {".", "/", 0},
	    {"/a", "/a", 1},
	    {"a", "/a", 1},
	    {"a/b", "/a/b", 2},
	    {"/a//b/", "/a/b", 2},
	    {"/a/./b/.", "/a/b", 2},
	    {"/...", "/...", 1},
	    {"/..a", "/..a", 1},
	    {"/a b/c\\d", "/a b/c\\d", 2},
	    {"/\xc3\xa4/\xe2\x82\xac/\xf0\x9f\x98\x80",
		"/\xc3\xa4/\xe2\x82\xac/\xf0\x9f\x98\x80", 3},
	};
	struct path p;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		assert_null(parse(cases[i].text, &p));
		assert_string_equal(p.text, cases[i].normal);
		assert_int_equal(p.depth, cases[i].depth);
	}
	assert_null(parse("/one/two/three", &p));
	assert_string_equal(path_name(&p, 0), "one");
	assert_string_equal(path_name(&p, 1), "two");
	assert_string_equal(path_last(&p), "three");
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "missing"}, {"/..", ".."}, {"/a/../b", ".."}, {"..", ".."},
	    {"/a\nb", "control"}, {"/a\x7f", "control"},
	    {"/a\xc2\x85", "control"}, {"/\xff", "UTF-8"},
	    {"/\xc0\xaf", "UTF-8"},         /* an overlong slash */
	    {"/\xe0\x80\xaf", "UTF-8"},     /* another */
	    {"/\xed\xa0\x80", "UTF-8"},     /* a surrogate */
	    {"/\xf4\x90\x80\x80", "UTF-8"}, /* beyond U+10FFFF */
	    {"/\xe2\x82", "UTF-8"},         /* cut short */
	};
	struct path p;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		const char *why = parse(cases[i].text, &p);

		assert_non_null(why);
		assert_non_null(strstr(why, cases[i].why));
	}
	assert_non_null(path_parse("/a\0b", 4, &p));
}

static void
test_limits(void **state)
{
	char text[PATH_BYTES_MAX + 8];
	struct path p;

	(void)state;
	memset(text, 'n', sizeof(text));
	text[0] = '/';
	assert_null(path_parse(text, 1 + PATH_NAME_MAX, &p));
	assert_non_null(path_parse(text, 2 + PATH_NAME_MAX, &p));
	for (size_t i = 0; i < sizeof(text); i += 128)
		text[i] = '/';
	assert_null(path_parse(text, PATH_BYTES_MAX, &p));
	assert_int_equal(strlen(p.text), PATH_BYTES_MAX);
	assert_non_null(path_parse(text, PATH_BYTES_MAX + 1, &p));
	/* without the slash in front it is a byte longer than it looks */
	text[PATH_BYTES_MAX] = 'n';
	assert_non_null(path_parse(text + 1, PATH_BYTES_MAX, &p));
	for (size_t i = 0; i < 2 * PATH_DEPTH_MAX + 2; i++)
		text[i] = i % 2 ? 'd' : '/';
	assert_null(path_parse(text, 2 * PATH_DEPTH_MAX, &p));
	assert_int_equal(p.depth, PATH_DEPTH_MAX);
	assert_non_null(path_parse(text, 2 * PATH_DEPTH_MAX + 2, &p));
}

static void
test_within(void **state)
{
	struct path a, b;

	(void)state;
	assert_null(parse("/a", &a));
	assert_null(parse("/a/b", &b));
	assert_true(path_within(&b, &a));
	assert_true(path_within(&a, &a));
	assert_false(path_within(&a, &b));
	assert_null(parse("/ab", &b));
	assert_false(path_within(&b, &a));
	assert_null(parse("/", &a));
	assert_true(path_within(&b, &a));
}

static void
test_names(void **state)
{
	char longest[PATH_NAME_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_null(path_check_name("a file.txt", 10));
	assert_null(path_check_name(longest, PATH_NAME_MAX));
	assert_non_null(path_check_name(longest, PATH_NAME_MAX + 1));
	assert_non_null(path_check_name("", 0));
	assert_non_null(path_check_name("a/b", 3));
	assert_non_null(path_check_name("..", 2));
	assert_non_null(path_check_name(".", 1));
	assert_non_null(path_check_name("a\tb", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_normal),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_within),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
