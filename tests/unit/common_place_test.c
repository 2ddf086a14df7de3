/* Places: what is inside, in all the ways to write a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/place.h"
#include "proto/bucket.pb-c.h"
#include "proto/storage.pb-c.h"

static void
test_paths(void **state)
{
	static const struct {
		const char *place, *path;
		bool inside;
	} all[] = {
	    {"", "/anywhere", true},
	    {"/", "/anywhere", true},
	    {"/", "/", true},
	    {"/box", "/box", true},
	    {"/box", "/box/", true},
	    {"/box", "box/a", true},
	    {"/box", "//box//./a", true},
	    {"/box/", "/box/a/b", true},
	    {"/box", "/boxes/a", false},
	    {"/box", "/bo", false},
	    {"/box", "/", false},
	    {"/box", "", false},
	    {"/box", "/BOX/a", false},
	    {"/box", "/box/../a", false},
	    {"/box", "/a/../box/b", false},
	    {"/box", "/box/..", false},
	    {"/box", "/box/...", true},
	    {"/box/in", "/box", false},
	    {"/box/in", "/box/in/a", true},
	    {"box", "/box/a", false},
	    {"box/in", "/box/in", false},
	};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(all); i++)
		if (nx_place_has_path(all[i].place, all[i].path) !=
		    all[i].inside)
			fail_msg("%s in %s", all[i].path, all[i].place);
}

static bool
has(const char *place, const char *bucket, const char *key)
{
	return nx_place_has_key(place, bucket, key, strlen(key));
}

static void
test_keys(void **state)
{
	(void)state;
	assert_true(has("", "photos", "a"));
	assert_true(has("photos", "photos", "a"));
	assert_true(has("photos", "photos", ""));
	assert_true(has("photos/", "photos", ""));
	assert_true(has("photos/20", "photos", "2025/a"));
	assert_true(has("photos/2025/", "photos", "2025/"));
	assert_false(has("photos/2025/", "photos", "2025"));
	assert_false(has("photos/2025/", "photos", ""));
	assert_false(has("photos", "photos2", "a"));
	assert_false(has("photos", "photo", "a"));
	assert_false(has("photos", "", "photos/a"));
	assert_false(has("/photos", "photos", "a"));
	assert_false(has("/", "photos", "a"));
}

static void
test_wrong(void **state)
{
	char longest[NX_PLACE_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[NX_PLACE_MAX + 1] = '\0';
	assert_non_null(nx_place_wrong(longest));
	longest[NX_PLACE_MAX] = '\0';
	assert_null(nx_place_wrong(longest));
	assert_null(nx_place_wrong("/"));
	assert_null(nx_place_wrong("photos/2025/"));
	assert_non_null(nx_place_wrong(""));
	assert_non_null(nx_place_wrong("/a/../b"));
	assert_non_null(nx_place_wrong("/a\n"));
	assert_non_null(nx_place_wrong("/\xff"));
}

/* Whoever adds a method has to say what it names: else no place opens it. */
static void
test_a_method_that_names_nothing(void **state)
{
	static const char *const places[] = {"/", "/box", "photos", "photos/a"};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < nx_methods_count; i++) {
		const struct nx_method *m = &nx_methods[i];
		ProtobufCMessage *empty = calloc(1, m->request->sizeof_message);

		protobuf_c_message_init(m->request, empty);
		for (size_t k = 0; k < NX_ARRAY_SIZE(places); k++)
			if (nx_place_admits(places[k], m, empty) != m->within)
				fail_msg("%s at %s", m->name, places[k]);
		assert_true(nx_place_admits("", m, empty));
		n += m->within;
		free(empty);
	}
	assert_true(n > 5 && n < 20);
}

static void
test_what_is_inside_of_several(void **state)
{
	Nx__ObjectDeleteManyRequest q = NX__OBJECT_DELETE_MANY_REQUEST__INIT;
	Nx__ObjectToDelete a = NX__OBJECT_TO_DELETE__INIT, b = a;
	Nx__ObjectToDelete *both[] = {&a, &b};
	const struct nx_method *m =
	    nx_method_find(NX__METHOD__OBJECT_DELETE_MANY);

	(void)state;
	q.bucket = (char[]){"photos"};
	q.objects = both;
	q.n_objects = 2;
	a.key = (ProtobufCBinaryData){3, (uint8_t *)(char[]){"in/"}};
	b.key = (ProtobufCBinaryData){3, (uint8_t *)(char[]){"out"}};
	assert_true(nx_place_admits("photos", m, &q.base));
	assert_false(nx_place_admits("photos/in/", m, &q.base));
	assert_false(nx_place_admits("other", m, &q.base));
	assert_false(nx_place_admits("/", m, &q.base));
	q.n_objects = 1;
	assert_true(nx_place_admits("photos/in/", m, &q.base));
	q.n_objects = 0;
	assert_false(nx_place_admits("photos/in/", m, &q.base));
}

static void
test_from_and_to(void **state)
{
	Nx__FsMoveRequest q = NX__FS_MOVE_REQUEST__INIT;
	const struct nx_method *m = nx_method_find(NX__METHOD__FS_MOVE);

	(void)state;
	q.from = (char[]){"/box/a"};
	q.to = (char[]){"/out"};
	assert_false(nx_place_admits("/box", m, &q.base));
	q.to = (char[]){"/box/b"};
	assert_true(nx_place_admits("/box", m, &q.base));
	q.from = (char[]){"/out"};
	assert_false(nx_place_admits("/box", m, &q.base));
}

/* What a bucket is like is told to who may have some of its keys. */
static void
test_a_bucket_as_a_whole(void **state)
{
	Nx__BucketRequest q = NX__BUCKET_REQUEST__INIT;
	const struct nx_method *stat = nx_method_find(NX__METHOD__BUCKET_STAT);
	const struct nx_method *drop =
	    nx_method_find(NX__METHOD__BUCKET_DELETE);

	(void)state;
	q.name = (char[]){"photos"};
	assert_true(nx_place_admits("photos/in/", stat, &q.base));
	assert_false(nx_place_admits("photos/in/", drop, &q.base));
	assert_true(nx_place_admits("photos", drop, &q.base));
	assert_false(nx_place_admits("other", stat, &q.base));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_a_method_that_names_nothing),
	    cmocka_unit_test(test_what_is_inside_of_several),
	    cmocka_unit_test(test_from_and_to),
	    cmocka_unit_test(test_a_bucket_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
