/*
 * Trees: the rules of each operation, then a random run against a model, in
 * which every folder's sums, every user's account and every chunk's fate are
 * compared with a recount.
 */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

static uint64_t
size_of(uint64_t user, const char *path)
{
	LAB_OK(lab_fs(user, NX__METHOD__FS_STAT, path));
	return LAB_BODY(Nx__FsEntry)->size;
}

static void
test_mkdir(void **state)
{
	(void)state;
	LAB_OK(lab_mkdir(1, "/a", false));
	assert_int_equal(lab_mkdir(1, "/a", false), NX__STATUS__EXISTS);
	assert_int_equal(lab_mkdir(1, "/x/y", false), NX__STATUS__NOT_FOUND);
	assert_non_null(strstr(reply.error, "make it first"));
	LAB_OK(lab_mkdir(1, "/x/y", true));
	LAB_OK(lab_mkdir(1, "/x/y", true));
	assert_int_equal(lab_mkdir(1, "/", false), NX__STATUS__EXISTS);
	assert_int_equal(lab_mkdir(1, "/a/../b", true), NX__STATUS__INVALID);
	LAB_OK(lab_put(1, "/f", "x", 1));
	assert_int_equal(lab_mkdir(1, "/f/g", true), NX__STATUS__CONFLICT);
	assert_int_equal(lab_mkdir(1, "/f", true), NX__STATUS__EXISTS);
	/* an old client's bare path */
	LAB_OK(lab_mkdir(1, "bare", false));
	LAB_OK(lab_fs(1, NX__METHOD__FS_STAT, "/bare"));
	assert_int_equal(
	    lab_fs(2, NX__METHOD__FS_STAT, "/bare"), NX__STATUS__NOT_FOUND);
}

static void
test_upload_rules(void **state)
{
	(void)state;
	assert_int_equal(lab_put(1, "/no/f", "x", 1), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_mkdir(1, "/d", false));
	assert_int_equal(lab_put(1, "/d", "x", 1), NX__STATUS__CONFLICT);
	assert_int_equal(lab_put(1, "/", "x", 1), NX__STATUS__CONFLICT);
	LAB_OK(lab_put(1, "/d/f", "one", 3));
	LAB_OK(lab_put(1, "/d/f", "other", 5));
	LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, (const uint8_t *)"other"));
	assert_int_equal(lab_put(1, "/d/f/g", "x", 1), NX__STATUS__CONFLICT);
	assert_int_equal(size_of(1, "/d"), 5);
	assert_int_equal(lab_usage(1)->used, 5);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 1);
	assert_int_equal(
	    lab_read(1, NULL, "/d", 0, 0, NULL), NX__STATUS__CONFLICT);
}

static void
test_list(void **state)
{
	Nx__FsListRequest q = NX__FS_LIST_REQUEST__INIT;
	char after[256] = "", last[256] = "", path[300];
	size_t seen = 0;

	(void)state;
	LAB_OK(lab_mkdir(1, "/d", false));
	for (int i = 0; i < 250; i++) {
		/* names as long as they can be: a page must still fit */
		snprintf(path, sizeof(path), "/d/%03d%.252s", (i * 37) % 250,
		    "................................................"
		    "................................................"
		    "................................................"
		    "................................................"
		    ".........................................................."
		    "..");
		LAB_OK(lab_mkdir(1, path, false));
	}
	do {
		const Nx__FsListReply *a;

		q.path = (char *)(uintptr_t) "/d";
		q.after = after;
		LAB_OK(lab_call(1, NX__METHOD__FS_LIST, &q));
		a = LAB_BODY(Nx__FsListReply);
		assert_true(a->n_entries > 0);
		for (size_t i = 0; i < a->n_entries; i++) {
			assert_true(strcmp(last, a->entries[i]->name) < 0);
			snprintf(last, sizeof(last), "%s", a->entries[i]->name);
			seen++;
		}
		snprintf(after, sizeof(after), "%s", a->next);
	} while (after[0]);
	assert_int_equal(seen, 250);
	q.after = (char *)(uintptr_t) "";
	q.path = (char *)(uintptr_t) "";
	LAB_OK(lab_call(1, NX__METHOD__FS_LIST, &q));
	assert_int_equal(LAB_BODY(Nx__FsListReply)->n_entries, 1);
	q.path = (char *)(uintptr_t) "/none";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_LIST, &q), NX__STATUS__NOT_FOUND);
}

static void
test_move(void **state)
{
	(void)state;
	LAB_OK(lab_mkdir(1, "/a/b", true));
	LAB_OK(lab_mkdir(1, "/c", false));
	LAB_OK(lab_put(1, "/a/b/f", "12345", 5));
	LAB_OK(lab_put(1, "/c/g", "123", 3));
	assert_int_equal(
	    lab_move(1, "/a", "/a/b/a", false), NX__STATUS__INVALID);
	assert_int_equal(lab_move(1, "/", "/x", false), NX__STATUS__INVALID);
	assert_int_equal(
	    lab_move(1, "/none", "/x", false), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    lab_move(1, "/a", "/none/x", false), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    lab_move(1, "/a/b/f", "/c/g", false), NX__STATUS__EXISTS);
	assert_int_equal(lab_move(1, "/a", "/c/g", true), NX__STATUS__CONFLICT);
	assert_int_equal(lab_move(1, "/a", "/c", true), NX__STATUS__CONFLICT);
	LAB_OK(lab_move(1, "/a", "/a", false));
	LAB_OK(lab_move(1, "/a/b", "/c/b", false));
	assert_int_equal(size_of(1, "/a"), 0);
	assert_int_equal(size_of(1, "/c"), 8);
	LAB_OK(lab_move(1, "/c/b/f", "/c/g", true));
	assert_int_equal(size_of(1, "/c"), 5);
	assert_int_equal(size_of(1, "/c/b"), 0);
	LAB_OK(lab_read(1, NULL, "/c/g", 0, 0, (const uint8_t *)"12345"));
	assert_int_equal(lab_usage(1)->files, 1);
	LAB_OK(lab_move(1, "/c/b", "/a", true)); /* onto an empty folder */
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_STAT, "/c/b"), NX__STATUS__NOT_FOUND);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 1);
}

static void
test_depth(void **state)
{
	char path[PATH_BYTES_MAX + 1] = "";

	(void)state;
	for (unsigned i = 0; i < PATH_DEPTH_MAX - 1; i++)
		strcat(path, "/d");
	LAB_OK(lab_mkdir(1, path, true));
	strcat(path, "/e");
	LAB_OK(lab_mkdir(1, path, false));
	strcat(path, "/f");
	assert_int_equal(lab_mkdir(1, path, true), NX__STATUS__INVALID);
	LAB_OK(lab_mkdir(1, "/x", false));
	assert_int_equal(lab_move(1, "/d", "/x/d", false), NX__STATUS__INVALID);
	LAB_OK(lab_move(1, "/d", "/y", false));
	/* long error sentences about long names stay whole */
	memset(path, 0, sizeof(path));
	for (int i = 0; i < 60; i++)
		strcat(path, "/\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_STAT, path), NX__STATUS__NOT_FOUND);
}

static void
test_delete(void **state)
{
	const Nx__FsDeleteReply *a;

	(void)state;
	LAB_OK(lab_mkdir(1, "/a/b/c", true));
	LAB_OK(lab_put(1, "/a/b/c/f", "12345", 5));
	LAB_OK(lab_put(1, "/a/g", "123", 3));
	LAB_OK(lab_put(1, "/keep", "1", 1));
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_DELETE, "/"), NX__STATUS__INVALID);
	assert_int_equal(
	    lab_fs(2, NX__METHOD__FS_DELETE, "/a"), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/a"));
	a = LAB_BODY(Nx__FsDeleteReply);
	assert_int_equal(a->files, 2);
	assert_int_equal(a->folders, 3);
	assert_int_equal(a->bytes, 8);
	assert_int_equal(lab_usage(1)->used, 1);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 1);
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_STAT, "/a"), NX__STATUS__NOT_FOUND);
}

/* A file of the tree deleted by its id leaves the tree as well. */
static void
test_delete_by_id(void **state)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	char id[33];

	(void)state;
	LAB_OK(lab_mkdir(1, "/a", false));
	LAB_OK(lab_put(1, "/a/f", "12345", 5));
	LAB_OK(lab_fs(1, NX__METHOD__FS_STAT, "/a/f"));
	snprintf(id, sizeof(id), "%s", LAB_BODY(Nx__FsEntry)->id);
	q.id = id;
	LAB_OK(lab_call(1, NX__METHOD__FILE_DELETE, &q));
	assert_int_equal(size_of(1, "/a"), 0);
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_STAT, "/a/f"), NX__STATUS__NOT_FOUND);
}

/* --- against a model --------------------------------------------------------*/

#define MODEL_MAX 400

static struct {
	char path[128];
	bool folder;
	uint64_t size;
	uint8_t fill;
} model[MODEL_MAX];
static size_t n_model;
static uint64_t rng;

static unsigned
pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng % n);
}

static int
model_find(const char *path)
{
	for (size_t i = 0; i < n_model; i++)
		if (strcmp(model[i].path, path) == 0)
			return (int)i;
	return -1;
}

static bool
below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 &&
	    (path[len] == '/' || path[len] == '\0');
}

static bool
parent_is_folder(const char *path)
{
	char parent[128];
	int i;

	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	if (!parent[0])
		return true;
	i = model_find(parent);
	return i >= 0 && model[i].folder;
}

static void
model_remove(const char *top)
{
	size_t kept = 0;

	for (size_t i = 0; i < n_model; i++)
		if (!below(model[i].path, top))
			model[kept++] = model[i];
	n_model = kept;
}

static void
random_path(char path[128])
{
	unsigned depth = 1 + pick(3);

	path[0] = '\0';
	for (unsigned i = 0; i < depth; i++)
		sprintf(path + strlen(path), "/%c", 'a' + (int)pick(4));
}

static void
do_mkdir(void)
{
	char path[128];
	bool good;

	random_path(path);
	good = parent_is_folder(path) && model_find(path) < 0;
	assert_int_equal(lab_mkdir(5, path, false) == NX__STATUS__OK, good);
	if (good) {
		snprintf(model[n_model].path, 128, "%s", path);
		model[n_model].size = 0;
		model[n_model++].folder = true;
	}
}

static void
do_put(void)
{
	uint8_t data[3000], fill = (uint8_t)pick(256);
	size_t size = pick(sizeof(data));
	char path[128];
	bool good;
	int i;

	memset(data, fill, sizeof(data));
	random_path(path);
	i = model_find(path);
	good = parent_is_folder(path) && (i < 0 || !model[i].folder);
	assert_int_equal(lab_put(5, path, data, size) == NX__STATUS__OK, good);
	if (!good)
		return;
	if (i < 0) {
		i = (int)n_model++;
		snprintf(model[i].path, 128, "%s", path);
	}
	model[i].folder = false;
	model[i].size = size;
	model[i].fill = fill;
}

static void
do_delete(void)
{
	char path[128];
	bool good;

	random_path(path);
	good = model_find(path) >= 0;
	assert_int_equal(
	    lab_fs(5, NX__METHOD__FS_DELETE, path) == NX__STATUS__OK, good);
	if (good)
		model_remove(path);
}

static bool
may_replace(int from, int to)
{
	if (model[from].folder != model[to].folder)
		return false;
	if (!model[to].folder)
		return true;
	for (size_t i = 0; i < n_model; i++)
		if ((int)i != to && below(model[i].path, model[to].path))
			return false;
	return true;
}

static void
do_move(void)
{
	char from[128], to[128], moved[260] = "";
	bool replace = pick(2), good;
	int i, k;

	random_path(from);
	random_path(to);
	i = model_find(from);
	k = model_find(to);
	good = i >= 0;
	if (good && strcmp(from, to) != 0)
		good = !below(to, from) && parent_is_folder(to) &&
		    (k < 0 || (replace && may_replace(i, k)));
	assert_int_equal(
	    lab_move(5, from, to, replace) == NX__STATUS__OK, good);
	if (!good || strcmp(from, to) == 0)
		return;
	if (k >= 0)
		model_remove(to);
	for (size_t n = 0; n < n_model; n++)
		if (below(model[n].path, from)) {
			snprintf(moved, sizeof(moved), "%s%s", to,
			    model[n].path + strlen(from));
			memcpy(model[n].path, moved, sizeof(model[n].path));
		}
}

static void
compare(void)
{
	uint64_t total = 0, files = 0;

	for (size_t i = 0; i < n_model; i++) {
		uint64_t size = model[i].size;

		if (model[i].folder)
			for (size_t k = 0; k < n_model; k++)
				if (below(model[k].path, model[i].path) &&
				    !model[k].folder)
					size += model[k].size;
		assert_int_equal(size_of(5, model[i].path), size);
		if (!model[i].folder) {
			total += size;
			files++;
		}
	}
	assert_int_equal(lab_usage(5)->used, total);
	assert_int_equal(lab_usage(5)->files, files);
	assert_int_equal(size_of(5, "/"), total);
}

static void
test_random(void **state)
{
	static void (*const ops[])(void) = {
	    do_mkdir, do_put, do_put, do_delete, do_move, do_move};
	const char *seed = getenv("SEED");
	uint8_t data[3000];

	(void)state;
	rng = seed ? strtoull(seed, NULL, 0) : nx_now_us() | 1;
	print_message("# SEED=%llu\n", (unsigned long long)rng);
	n_model = 0;
	for (int i = 0; i < 1500; i++) {
		ops[pick(NX_ARRAY_SIZE(ops))]();
		if (i % 100 == 99)
			compare();
		if (i % 500 == 499) {
			lab_stop();
			lab_start();
		}
	}
	for (size_t i = 0; i < n_model; i++)
		if (!model[i].folder) {
			memset(data, model[i].fill, sizeof(data));
			LAB_OK(lab_read(5, NULL, model[i].path, 0, 0, data));
		}
	lab_settle();
	assert_int_equal(lab_chunk_files(), lab_status()->chunks);
	compare();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_mkdir),
	    T(test_upload_rules),
	    T(test_list),
	    T(test_move),
	    T(test_depth),
	    T(test_delete),
	    T(test_delete_by_id),
	    T(test_random),
	};

	LAB_OR_SKIP("storaged's trees");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
