/*
 * Where everything is: every file, its chunks in order, each once, whatever the
 * pages are cut like; and which files are damaged, by their paths.
 */
#include "storaged_lab.h"

#define MIB  (1024 * 1024)
#define BIG  150 /* chunks: more than two pages */
#define MANY 40  /* files */
#define SIZE 5

static int
setup(void **state)
{
	int r = lab_setup(state);

	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

/* A file of @n chunks of which there are only the rows. */
static void
commit_rows(uint64_t owner, const char *text, uint32_t n)
{
	struct catalog_commit op = {0};
	struct catalog_chunk *chunks = calloc(n, sizeof(*chunks));
	int64_t volume = volume_find(lab.s.volumes, LAB_NODE("1"))->key;
	struct path path;
	int result = 1;

	assert_null(path_parse(text, strlen(text), &path));
	for (uint32_t i = 0; i < n; i++) {
		nx_id_new(chunks[i].id.text);
		chunks[i].sums.size = i; /* tells it from the others */
		chunks[i].n_replicas = 1;
		chunks[i].volumes[0] = volume;
	}
	op.file.owner = owner;
	op.file.chunks = n;
	op.file.want = 1;
	snprintf(op.file.name, sizeof(op.file.name), "%s", path_last(&path));
	op.path = &path;
	op.chunks = chunks;
	op.quota = 1ULL << 40;
	op.entries = 1000000;
	op.done = lab_on_done;
	op.arg = &result;
	catalog_commit(lab.s.catalog, &op);
	assert_int_equal(catalog_flush(lab.s.catalog), 0);
	assert_int_equal(result, 0);
	free(chunks);
}

struct seen {
	size_t pages, files, chunks;
	char id[33];    /* of the file last seen */
	uint32_t next;  /* chunk of it */
	uint32_t wants; /* chunks it has */
	char places[4 * MANY][520];
};

static void
see_file(struct seen *seen, const Nx__PlacedFile *f)
{
	if (strcmp(seen->id, f->file->id) != 0) {
		assert_int_equal(seen->next, seen->wants);
		snprintf(seen->id, sizeof(seen->id), "%s", f->file->id);
		snprintf(
		    seen->places[seen->files++], 520, "%s", f->file->place);
		seen->next = 0;
		seen->wants = f->file->chunks;
	}
	for (size_t i = 0; i < f->n_chunks; i++) {
		const Nx__PlacedChunk *c = f->chunks[i];

		assert_int_equal(c->index, seen->next++);
		assert_int_equal(strlen(c->id), NX_ID_LEN);
		assert_int_equal(strlen(c->md5), 32);
		assert_string_equal(c->condition, "good");
		assert_int_equal(c->n_replicas, 1);
		assert_string_equal(c->replicas[0]->volume, LAB_NODE("1"));
		assert_string_equal(c->replicas[0]->state, "good");
		if (seen->wants == BIG)
			assert_int_equal(c->size, c->index);
	}
	seen->chunks += f->n_chunks;
}

static void
see_all(struct seen *seen)
{
	Nx__PlacementRequest q = NX__PLACEMENT_REQUEST__INIT;
	char after[80] = "";

	memset(seen, 0, sizeof(*seen));
	q.after = after;
	do {
		const Nx__PlacementReply *page;
		size_t chunks = seen->chunks;

		LAB_OK(lab_call(0, NX__METHOD__STORAGE_PLACEMENT, &q));
		page = LAB_BODY(Nx__PlacementReply);
		assert_true(page->n_files <= 16);
		for (size_t i = 0; i < page->n_files; i++)
			see_file(seen, page->files[i]);
		assert_true(seen->chunks - chunks <= 64);
		seen->pages++;
		snprintf(after, sizeof(after), "%s", page->next);
	} while (after[0] != '\0');
	assert_int_equal(seen->next, seen->wants);
}

static void
test_every_chunk_once(void **state)
{
	static struct seen seen;
	char path[64];

	(void)state;
	commit_rows(1, "/first", 64); /* fills a page to the brim */
	commit_rows(1, "/big", BIG);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/d%d/f", i % 3);
		LAB_OK(lab_mkdir(1, path, true));
		snprintf(path, sizeof(path), "/d%d/f/%d", i % 3, i);
		LAB_OK(lab_put(1, path, "hello", SIZE));
	}
	LAB_OK(lab_put(1, "/empty", "", 0));
	see_all(&seen);
	assert_int_equal(seen.files, MANY + 3);
	assert_int_equal(seen.chunks, 64 + BIG + MANY);
	assert_true(seen.pages >= 6);
	assert_string_equal(seen.places[0], "/first");
	assert_string_equal(seen.places[1], "/big");
	assert_string_equal(seen.places[4], "/d2/f/2");
}

/* The longest names and paths, and chunks on a full page, fit a frame. */
static void
test_longest(void **state)
{
	static struct seen seen;
	char path[1200] = "";

	(void)state;
	for (int k = 0; k < 4; k++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path),
		    "/%0250d", k);
	LAB_OK(lab_mkdir(1, path, true));
	for (int i = 0; i < 20; i++) {
		snprintf(path + 1004, sizeof(path) - 1004, "/%0180d", i);
		commit_rows(1, path, 3);
	}
	see_all(&seen);
	assert_int_equal(seen.files, 20);
	assert_memory_equal(seen.places[0], "...", 3);
}

/* What was deleted is not there, reaped or not. */
static void
test_deleted_is_not_there(void **state)
{
	static struct seen seen;
	char path[64];

	(void)state;
	LAB_OK(lab_mkdir(1, "/gone/deep", true));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/gone/deep/%d", i);
		commit_rows(1, path, 1);
	}
	LAB_OK(lab_put(1, "/stays", "hello", SIZE));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/gone"));
	assert_int_equal(catalog_left(lab.s.catalog), 1);
	see_all(&seen);
	assert_int_equal(seen.files, 1);
	assert_string_equal(seen.places[0], "/stays");
}

static void
test_who_may_ask(void **state)
{
	Nx__PlacementRequest q = NX__PLACEMENT_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(0);
	char *bad[] = {"x", "1", "1:", "1:2x", "-1:0"};

	(void)state;
	assert_int_equal(lab_call_as(NX_ROLE_GATEWAY, &opts,
			     NX__METHOD__STORAGE_PLACEMENT, &q),
	    NX__STATUS__DENIED);
	assert_int_equal(lab_node_call(NX__METHOD__STORAGE_PLACEMENT, &q),
	    NX__STATUS__DENIED);
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		q.after = bad[i];
		assert_int_equal(lab_call(0, NX__METHOD__STORAGE_PLACEMENT, &q),
		    NX__STATUS__INVALID);
	}
}

static void
damage(uint64_t owner, const char *path)
{
	struct catalog_chunk chunk;
	struct catalog_entry entry;
	struct path p;

	commit_rows(owner, path, 1);
	assert_null(path_parse(path, strlen(path), &p));
	assert_int_equal(catalog_stat(lab.s.catalog, owner, &p, &entry), 0);
	assert_int_equal(
	    catalog_file_chunks(lab.s.catalog, entry.file, 0, &chunk, 1), 1);
	catalog_found(lab.s.catalog, chunk.key, CATALOG_DAMAGED);
	assert_int_equal(catalog_flush(lab.s.catalog), 0);
}

/* How many @user is shown; all of the last one's place in *ret_place. */
static size_t
list_damaged(uint64_t user, char ret_place[64], size_t *ret_pages)
{
	Nx__FileListRequest q = NX__FILE_LIST_REQUEST__INIT;
	char after[80] = "";
	size_t seen = 0;

	q.damaged = true;
	q.after = after;
	*ret_pages = 0;
	do {
		const Nx__FileListReply *page;

		LAB_OK(lab_call(user, NX__METHOD__FILE_LIST, &q));
		page = LAB_BODY(Nx__FileListReply);
		assert_true(page->n_files <= 50);
		for (size_t i = 0; i < page->n_files; i++)
			snprintf(ret_place, 64, "%s", page->files[i]->place);
		seen += page->n_files;
		++*ret_pages;
		snprintf(after, sizeof(after), "%s", page->next);
	} while (after[0] != '\0');
	return seen;
}

/* By path, page by page, only the caller's, and not what was deleted. However
 * many others have, a page looks at so many and no more. */
static void
test_damaged_by_path(void **state)
{
	char path[64], place[64];
	size_t pages;

	(void)state;
	LAB_OK(lab_mkdir(1, "/gone", true));
	LAB_OK(lab_mkdir(1, "/d", true));
	for (int i = 0; i < 400; i++) {
		snprintf(path, sizeof(path), "/%s/%d", i % 2 ? "d" : "gone", i);
		damage(1, path);
	}
	damage(2, "/mine");
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/gone"));
	assert_int_equal(list_damaged(1, place, &pages), 200);
	assert_string_equal(place, "/d/399");
	assert_int_equal(list_damaged(0, place, &pages), 201);
	assert_int_equal(list_damaged(2, place, &pages), 1);
	assert_string_equal(place, "/mine");
	assert_true(pages >= 2);
	assert_int_equal(list_damaged(3, place, &pages), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_every_chunk_once),
	    T(test_longest),
	    T(test_deleted_is_not_there),
	    T(test_who_may_ask),
	    T(test_damaged_by_path),
	};

	LAB_OR_SKIP("where files are");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
