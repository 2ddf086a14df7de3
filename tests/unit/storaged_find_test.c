/* Lists in every order and searches: each entry once, whatever the page. */
#include "storaged/trees/glob.h"
#include "storaged_lab.h"

static int
setup(void **state)
{
	if (lab_setup(state) != 0)
		return -1;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 << 20));
	return 0;
}

static void
test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"a", "a", true},
	    {"*", "", true},
	    {"*", "abc", true},
	    {"*", "a/c", false},
	    {"**", "a/c", true},
	    {"*.txt", "a.txt.txt", true},
	    {"*.txt", "a.txt.", false},
	    {"a*b*c", "aXbYbZc", true},
	    {"a*b*c", "aXbYbZd", false},
	    {"**/c", "a/b/c", true},
	    {"**/c", "a/b/cc", false},
	    {"a/**/z", "a/b/c/z", true},
	    {"a/*/z", "a/b/c/z", false},
	    {"**b*d", "a/bc/bxd", true},
	    {"**b*d", "a/bc/b/d", false},
	    {"?", "\xc3\xa4", true},
	    {"?", "/", false},
	    {"[a-c]x", "bx", true},
	    {"[!a-c]x", "bx", false},
	    {"[!a-c]x", "dx", true},
	    {"[\xc3\xa4-\xc3\xb6]", "\xc3\xa5", true},
	    {"[]]", "]", true},
	    {"[a", "[a", true},
	    {"\\*", "*", true},
	    {"\\*", "x", false},
	    {"a\\", "a\\", true},
	    {"[[[a", "[[[a", true},
	    {"[a]b[c", "ab[c", true},
	    {"**/*/b", "a/b", false},
	    {"***", "a/b", true},
	    {"*a*a*a*a*a*a*a*a*a*b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		false},
	};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++)
		if (glob_match(cases[i].pattern, cases[i].text) !=
		    cases[i].matches)
			fail_msg("%s %s", cases[i].pattern, cases[i].text);
}

/* What a user sends on purpose: the longest path, and patterns that nearly match
 * everywhere in it. Trying again from each place would take hours. */
static void
test_costly_patterns(void **state)
{
	static const char *const patterns[] = {
	    "**a*[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbba]"
	    "[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbba]b",
	    "**a*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	    "**[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	    "**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**b",
	};
	char text[PATH_BYTES_MAX], pattern[GLOB_MAX + 2];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = PATH_NAME_MAX; i < sizeof(text); i += PATH_NAME_MAX + 1)
		text[i] = '/';
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < NX_ARRAY_SIZE(patterns); i++)
		for (int k = 0; k < 10000; k++)
			assert_false(glob_match(patterns[i], text));
	memset(pattern, 'a', sizeof(pattern));
	memcpy(pattern, "**", 2);
	pattern[GLOB_MAX] = '\0';
	text[PATH_NAME_MAX] = '\0';
	assert_false(glob_match(pattern, text));
	memset(text, 'a', GLOB_MAX + 100);
	text[GLOB_MAX + 100] = '\0';
	assert_true(glob_match(pattern, text));
	pattern[GLOB_MAX] = 'a';
	pattern[GLOB_MAX + 1] = '\0';
	assert_false(glob_match(pattern, text));
}

/* Names in the order they came, each followed by a blank. */
static size_t
list(const char *path, const char *sort, bool reverse, uint32_t limit,
    char *ret_names, size_t size)
{
	Nx__FsListRequest q = NX__FS_LIST_REQUEST__INIT;
	char after[320] = "";
	size_t n = 0;

	q.path = (char *)(uintptr_t)path;
	q.sort = (char *)(uintptr_t)sort;
	q.reverse = reverse;
	q.limit = limit;
	q.after = after;
	ret_names[0] = '\0';
	do {
		const Nx__FsListReply *page;

		LAB_OK(lab_call(1, NX__METHOD__FS_LIST, &q));
		page = LAB_BODY(Nx__FsListReply);
		for (size_t i = 0; i < page->n_entries; i++) {
			size_t len = strlen(ret_names);

			snprintf(ret_names + len, size - len, "%s ",
			    page->entries[i]->name);
		}
		n += page->n_entries;
		snprintf(after, sizeof(after), "%s", page->next);
	} while (after[0]);
	return n;
}

static void
test_orders(void **state)
{
	static const struct {
		const char *sort;
		bool reverse;
		const char *names;
	} cases[] = {
	    {"", false, "a b c d e "},
	    {"name", true, "e d c b a "},
	    {"size", false, "e b d a c "},
	    {"size", true, "c a d b e "},
	};
	static const size_t sizes[] = {30, 20, 40, 20, 0};
	uint8_t *data = lab_random(64);
	char name[8], names[64];
	Nx__FsListRequest q = NX__FS_LIST_REQUEST__INIT;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "/%c", (char)('a' + i));
		LAB_OK(lab_put(1, name, data, sizes[i]));
	}
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++)
		for (uint32_t limit = 1; limit < 8; limit++) {
			assert_int_equal(
			    list("/", cases[i].sort, cases[i].reverse, limit,
				names, sizeof(names)),
			    5);
			assert_string_equal(names, cases[i].names);
		}
	assert_int_equal(list("/", "time", true, 2, names, sizeof(names)), 5);
	q.path = (char *)(uintptr_t) "/";
	q.sort = (char *)(uintptr_t) "color";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_LIST, &q), NX__STATUS__INVALID);
	q.sort = (char *)(uintptr_t) "size";
	q.after = (char *)(uintptr_t) "nonsense";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_LIST, &q), NX__STATUS__INVALID);
	free(data);
}

static size_t
find(Nx__FsFindRequest *q, char *ret_paths, size_t size)
{
	char after[4200] = "";
	size_t n = 0;

	q->after = after;
	ret_paths[0] = '\0';
	do {
		const Nx__FsFindReply *page;

		LAB_OK(lab_call(1, NX__METHOD__FS_FIND, q));
		page = LAB_BODY(Nx__FsFindReply);
		for (size_t i = 0; i < page->n_found; i++) {
			size_t len = strlen(ret_paths);

			snprintf(ret_paths + len, size - len, "%s ",
			    page->found[i]->path);
		}
		n += page->n_found;
		snprintf(after, sizeof(after), "%s", page->next);
	} while (after[0]);
	return n;
}

static void
test_find(void **state)
{
	static char paths[65536];
	Nx__FsFindRequest q = NX__FS_FIND_REQUEST__INIT;
	char path[64];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "/top/f%02d/in", i);
		LAB_OK(lab_mkdir(1, path, true));
		for (int k = 0; k < 12; k++) {
			snprintf(path, sizeof(path), "/top/f%02d/%s%02d.%s", i,
			    k % 2 ? "in/" : "", k, k % 3 ? "txt" : "bin");
			LAB_OK(lab_put(1, path, path, (size_t)k));
		}
	}
	for (uint32_t limit = 1; limit < 200; limit += 33) {
		q = (Nx__FsFindRequest)NX__FS_FIND_REQUEST__INIT;
		q.path = (char *)(uintptr_t) "/top";
		q.limit = limit;
		assert_int_equal(find(&q, paths, sizeof(paths)), 12 * 14);
		assert_memory_equal(paths, "f00 f00/00.bin f00/02.txt ", 26);
		q.folders = true;
		assert_int_equal(find(&q, paths, sizeof(paths)), 24);
		q.folders = false;
		q.files = true;
		q.name = (char *)(uintptr_t) "*.bin";
		assert_int_equal(find(&q, paths, sizeof(paths)), 12 * 4);
		q.min_size = 6;
		assert_int_equal(find(&q, paths, sizeof(paths)), 12 * 2);
		q.has_max_size = true;
		q.max_size = 6;
		assert_int_equal(find(&q, paths, sizeof(paths)), 12);
		q.pattern = (char *)(uintptr_t) "f0[1-3]/*";
		assert_int_equal(find(&q, paths, sizeof(paths)), 3);
		assert_string_equal(paths, "f01/06.bin f02/06.bin f03/06.bin ");
		q.until = 5;
		assert_int_equal(find(&q, paths, sizeof(paths)), 0);
	}
	/* what the cursor names goes meanwhile */
	q = (Nx__FsFindRequest)NX__FS_FIND_REQUEST__INIT;
	q.path = (char *)(uintptr_t) "/top";
	q.after = (char *)(uintptr_t) "f05/in/03.bin";
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/top/f05/in"));
	LAB_OK(lab_call(1, NX__METHOD__FS_FIND, &q));
	assert_string_equal(LAB_BODY(Nx__FsFindReply)->found[0]->path, "f06");
	q.path = (char *)(uintptr_t) "/none";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_FIND, &q), NX__STATUS__NOT_FOUND);
	q.path = (char *)(uintptr_t) "/top/f06/00.bin";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_FIND, &q), NX__STATUS__CONFLICT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patterns),
	    cmocka_unit_test(test_costly_patterns),
	    T(test_orders),
	    T(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
