/*
 * Uploads in pieces, in the catalogue: parts in any order, replaced, completed,
 * given up, expired; and where the bytes of the whole are then.
 */
#include "storaged_bucket_lab.h"

#define MIB     (1ULL << 20)
#define ENTRIES number("SELECT files FROM users WHERE user = 1")

/* --- parts ------------------------------------------------------------------*/

static void
test_parts(void **state)
{
	struct catalog_part list[4], found[4];
	struct catalog_assembly assembly;
	struct catalog_upload u, got;
	struct catalog_object o;
	size_t wrong;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 7, 0, 1), 0);
	assert_int_equal(put_part(&u, 2, 0, 25 * MIB), 0);
	assert_int_equal(put_part(&u, 3, 0, 5 * MIB), 0);
	recount();
	/* replaced by another of its number */
	assert_int_equal(put_part(&u, 3, 0, 6 * MIB), 0);
	recount();
	assert_int_equal(catalog_part_list(lab.c, u.file, 2, found, 4), 2);
	assert_int_equal(found[0].number, 3);
	assert_int_equal(found[0].size, 6 * MIB);
	assert_int_equal(catalog_upload_find(lab.c, 1, "", u.id, &got), 0);
	assert_int_equal(got.size, 31 * MIB + 1);
	assert_int_equal(
	    catalog_upload_find(lab.c, 2, "", u.id, &got), CATALOG_NO_UPLOAD);
	/* nobody sees it yet */
	assert_int_equal(find_object("mp", "key", NULL, &o), CATALOG_NO_KEY);
	assert_int_equal(do_remove(1, u.id), CATALOG_NO_FILE);
	/* what is wrong is refused, and nothing is changed */
	list[0] = part(2, 25 * MIB);
	list[1] = part(3, 5 * MIB);
	assert_int_equal(complete(&u, list, 2, &wrong), CATALOG_BAD_PART);
	assert_int_equal(wrong, 1);
	list[1] = part(2, 25 * MIB);
	assert_int_equal(complete(&u, list, 2, &wrong), CATALOG_PART_ORDER);
	list[1] = part(4, 1);
	assert_int_equal(complete(&u, list, 2, &wrong), CATALOG_BAD_PART);
	recount();
	/* something came between the list and the end */
	list[1] = part(7, 1);
	assert_int_equal(place_parts(&u, list, 2, &assembly, NULL), 0);
	assert_int_equal(put_part(&u, 2, 0, 25 * MIB), 0);
	assert_int_equal(commit_assembly(&u, NULL, &assembly), CATALOG_OFFSET);
	recount();
	/* 2 and 3, and 7 goes, though it was listed before */
	list[1] = part(3, 6 * MIB);
	assert_int_equal(complete(&u, list, 2, NULL), 0);
	recount();
	assert_int_equal(find_object("mp", "key", NULL, &o), 0);
	assert_string_equal(o.id, u.id);
	assert_int_equal(o.size, 31 * MIB);
	assert_int_equal(o.parts, 2);
	assert_string_equal(o.etag.text, "whole-2");
	assert_int_equal(
	    catalog_upload_find(lab.c, 1, "", u.id, &got), CATALOG_NO_UPLOAD);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 4);
	assert_int_equal(ENTRIES, 1);
	recount();
	/* and all of it goes */
	assert_int_equal(remove_object("mp", "key", NULL, false, NULL), 0);
	recount();
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
	assert_int_equal(number("SELECT count(*) FROM parts"), 0);
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	recount();
}

/* Two complete one upload at once, with other lists: one of them wins, with what
 * it listed, and the other one's list is nothing. */
static void
test_two_lists(void **state)
{
	struct catalog_part all[2] = {part(1, 5 * MIB), part(2, 7 * MIB)};
	struct catalog_assembly first, second;
	struct catalog_chunk chunk;
	struct catalog_upload u;
	struct catalog_object o;
	struct catalog_file f;
	uint64_t start;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 5 * MIB), 0);
	assert_int_equal(put_part(&u, 2, 0, 7 * MIB), 0);
	assert_int_equal(place_parts(&u, all, 2, &first, NULL), 0);
	assert_int_equal(place_parts(&u, &all[1], 1, &second, NULL), 0);
	assert_int_equal(commit_assembly(&u, NULL, &first), CATALOG_OFFSET);
	assert_int_equal(commit_assembly(&u, NULL, &second), 0);
	recount();
	assert_int_equal(find_object("mp", "key", NULL, &o), 0);
	assert_int_equal(o.size, 7 * MIB);
	while (do_reap())
		;
	assert_int_equal(catalog_file_get(lab.c, o.file, &f), 0);
	assert_int_equal(catalog_file_at(lab.c, &f, 0, &chunk, 1, &start), 1);
	assert_int_equal(start, 0);
	assert_int_equal(chunk.sums.size, 7 * MIB);
	recount();
}

/* The write beside it is refused, so that it is made twice: what it says of the
 * parts is in their rows all the same. */
static void
test_placed_again(void **state)
{
	struct catalog_part list[2] = {part(1, 5 * MIB), part(2, 7 * MIB)};
	int result = INT32_MAX;
	struct catalog_placing op = {.owner = 1,
	    .parts = list,
	    .n_parts = 2,
	    .done = on_done,
	    .arg = &result};
	struct put *refused = malloc(sizeof(*refused));
	struct catalog_upload u;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 5 * MIB), 0);
	assert_int_equal(put_part(&u, 2, 0, 7 * MIB), 0);
	op.upload = u.file;
	put_start(refused, 2, "/no/such/folder", 1, 0);
	catalog_place_parts(lab.c, &op);
	catalog_commit(lab.c, &refused->op);
	wait_for(&result);
	assert_int_equal(refused->result, CATALOG_NO_PARENT);
	assert_int_equal(result, 0);
	assert_int_equal(op.size, 12 * MIB);
	assert_int_equal(
	    number("SELECT sum(offset) FROM parts WHERE offset >= 0"), 5 * MIB);
	assert_int_equal(
	    number("SELECT count(*) FROM parts WHERE offset >= 0"), 2);
	free(refused->chunks);
	free(refused);
}

static void
test_small_part(void **state)
{
	struct catalog_part list[2] = {part(1, 5 * MIB - 1), part(2, 1)};
	struct catalog_upload u;
	size_t wrong;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 5 * MIB - 1), 0);
	assert_int_equal(put_part(&u, 2, 0, 1), 0);
	assert_int_equal(complete(&u, list, 2, &wrong), CATALOG_PART_SMALL);
	assert_int_equal(wrong, 0);
	assert_int_equal(complete(&u, list, 1, NULL), 0);
	recount();
}

/* A bucket with an upload in it stays; one given up leaves nothing. */
static void
test_given_up(void **state)
{
	struct catalog_upload u, v;
	struct catalog_key none = {0};

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "b", &u), 0);
	assert_int_equal(open_upload(1, "mp", "a", &v), 0);
	assert_int_equal(put_part(&u, 1, 0, 100), 0);
	assert_int_equal(delete_bucket(1, "mp"), CATALOG_BUCKET_FULL);
	assert_int_equal(
	    catalog_upload_list(lab.c, u.bucket, &none, 0, &u, 1), 1);
	assert_int_equal(u.key[0], 'a');
	assert_int_equal(
	    catalog_upload_list(lab.c, u.bucket,
		&(struct catalog_key){u.key, u.key_len}, u.file, &v, 1),
	    1);
	assert_int_equal(v.key[0], 'b');
	assert_int_equal(drop_upload(&u), 0);
	assert_int_equal(drop_upload(&u), CATALOG_NO_UPLOAD);
	assert_int_equal(put_part(&u, 2, 0, 100), CATALOG_NO_UPLOAD);
	recount();
	assert_int_equal(catalog_upload_expired(lab.c), 0);
	assert_int_equal(
	    number("UPDATE uploads SET expires_at = 1 RETURNING 1"), 1);
	assert_int_equal(catalog_upload_expired(lab.c), v.file);
	assert_int_equal(drop_upload(&v), 0);
	recount();
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
	assert_int_equal(delete_bucket(1, "mp"), 0);
	assert_int_equal(
	    number("SELECT charged + files + folders FROM users"), 0);
}

/* --- where the bytes are ----------------------------------------------------*/

static uint64_t
piece_size(int i)
{
	static const uint64_t sizes[] = {
	    25 * MIB, 10 * MIB, 5 * MIB, 10 * MIB + 1, 5 * MIB + 3, 77};

	return sizes[i % 6];
}

/* Walks the whole by offsets, windows of @max chunks, from @at. */
static uint64_t
read_from(const struct catalog_file *f, uint64_t at, size_t max)
{
	struct catalog_chunk *chunks = calloc(max, sizeof(*chunks));
	uint64_t read = 0;

	while (at < f->size) {
		uint64_t start = UINT64_MAX;
		int n = catalog_file_at(lab.c, f, at, chunks, max, &start);

		assert_true(n > 0 && start <= at);
		assert_true(at < start + chunks[0].sums.size);
		for (int i = 0; i < n; i++) {
			uint64_t end = start + chunks[i].sums.size;

			read += end - at;
			at = start = end;
		}
	}
	free(chunks);
	return read;
}

#define PIECES 40

static void
test_offsets(void **state)
{
	struct catalog_upload u, got;
	struct catalog_file f;
	uint64_t size = 0;

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(open_upload(1, NULL, "/d/f", &u), 0);
	for (int i = 0; i < PIECES; i++) {
		assert_int_equal(put_part(&u, 0, size + 1, 5), CATALOG_OFFSET);
		assert_int_equal(put_part(&u, 0, size, piece_size(i)), 0);
		size += piece_size(i);
	}
	recount();
	assert_int_equal(catalog_upload_find(lab.c, 1, "", u.id, &got), 0);
	assert_int_equal(got.size, size);
	assert_int_equal(got.parts, PIECES);
	assert_int_equal(finish(&u, "/d/f", PIECES), CATALOG_OFFSET);
	assert_int_equal(finish(&got, "/d/f", PIECES), 0);
	recount();
	assert_int_equal(catalog_file_find(lab.c, 1, "", u.id, &f), 0);
	assert_true(f.in_tree);
	assert_int_equal(f.size, size);
	assert_int_equal(f.parts, PIECES);
	for (size_t max = 1; max <= 16; max += 5)
		for (uint64_t at = 0; at < size; at += 7 * MIB - 1)
			assert_int_equal(read_from(&f, at, max), size - at);
	/* moved, replaced, gone: as any other */
	assert_int_equal(do_move(1, "/d/f", "/g", false), 0);
	assert_int_equal(do_copy(1, "/g", "/copy", false), 0);
	assert_int_equal(do_put(1, "/g", 1, 1, QUOTA, NULL), 0);
	recount();
	while (do_reap())
		;
	assert_int_equal(catalog_file_next(lab.c,
			     number("SELECT max(file) FROM files") - 1, &f),
	    0);
	assert_int_equal(read_from(&f, 3 * MIB, 4), size - 3 * MIB);
	assert_int_equal(do_delete(1, "/copy"), 0);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 1);
	assert_int_equal(number("SELECT count(*) FROM parts"), 0);
}

/* Who reads the whole keeps its pieces. */
static void
test_pinned(void **state)
{
	struct catalog_part list[] = {part(1, 20 * MIB)};
	struct catalog_upload u;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 20 * MIB), 0);
	assert_int_equal(complete(&u, list, 1, NULL), 0);
	assert_int_equal(catalog_pin(lab.c, u.file), 0);
	assert_int_equal(remove_object("mp", "key", NULL, false, NULL), 0);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 2);
	assert_int_equal(catalog_unpin(lab.c, u.file), 1);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
	recount();
}

/* Damage of a piece is the whole's. */
static void
test_damage(void **state)
{
	struct catalog_part list[] = {part(1, 20 * MIB)};
	struct catalog_upload u;
	struct catalog_file f;
	char place[300];
	int result = INT32_MAX;
	struct catalog_barrier barrier = {on_done, &result};

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 20 * MIB), 0);
	assert_int_equal(complete(&u, list, 1, NULL), 0);
	catalog_found(
	    lab.c, number("SELECT max(chunk) FROM chunks"), CATALOG_DAMAGED);
	catalog_barrier(lab.c, &barrier);
	wait_for(&result);
	assert_int_equal(catalog_file_find(lab.c, 1, "", u.id, &f), 0);
	assert_int_equal(f.damaged, 1);
	catalog_file_place(lab.c, &f, place, sizeof(place));
	assert_string_equal(place, "mp:key");
	assert_int_equal(
	    catalog_file_with(lab.c, number("SELECT file FROM parts"), 0, &f),
	    0);
	assert_int_equal(catalog_file_there(lab.c, &f), 1);
	catalog_file_place(lab.c, &f, place, sizeof(place));
	assert_string_equal(place, "mp:key");
}

/* --- a user goes ------------------------------------------------------------*/

static void
test_user_goes(void **state)
{
	struct catalog_part list[] = {part(1, 20 * MIB), part(2, 5)};
	struct catalog_upload u, open;
	struct catalog_bucket b;

	(void)state;
	assert_int_equal(make_bucket(1, "mine", false), 0);
	assert_int_equal(make_bucket(2, "theirs", false), 0);
	for (int i = 0; i < 30; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(put_object("mine", key, 1, NULL), 0);
		assert_int_equal(put_object("theirs", key, 1, NULL), 0);
	}
	assert_int_equal(open_upload(1, "mine", "key", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 20 * MIB), 0);
	assert_int_equal(put_part(&u, 2, 0, 5), 0);
	assert_int_equal(complete(&u, list, 2, NULL), 0);
	assert_int_equal(open_upload(1, NULL, "/f", &open), 0);
	assert_int_equal(put_part(&open, 0, 0, 20 * MIB), 0);
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(
	    catalog_bucket_find(lab.c, 0, "mine", &b), CATALOG_NO_BUCKET);
	assert_int_equal(put_part(&open, 0, 20 * MIB, 5), CATALOG_NO_USER);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM files"), 30);
	assert_int_equal(number("SELECT count(*) FROM chunks"), 30);
	assert_int_equal(number("SELECT count(*) FROM uploads"), 0);
	assert_int_equal(number("SELECT count(*) FROM buckets"), 1);
	assert_int_equal(number("SELECT count(*) FROM users"), 1);
	recount();
}

/* --- as many as there may be ------------------------------------------------*/

static void
test_many_parts(void **state)
{
	struct catalog_part *list = calloc(CATALOG_PARTS_MAX, sizeof(*list));
	struct catalog_upload u;
	struct catalog_object o;
	uint64_t began;

	(void)state;
	assert_int_equal(make_bucket(1, "mp", false), 0);
	assert_int_equal(open_upload(1, "mp", "key", &u), 0);
	for (uint32_t i = 0; i < CATALOG_PARTS_MAX; i++) {
		assert_int_equal(put_part(&u, i + 1, 0, 5 * MIB), 0);
		list[i] = part(i + 1, 5 * MIB);
	}
	began = nx_now_us();
	assert_int_equal(complete(&u, list, CATALOG_PARTS_MAX, NULL), 0);
	printf("# %u parts completed in %llu us\n", CATALOG_PARTS_MAX,
	    (unsigned long long)(nx_now_us() - began));
	assert_int_equal(find_object("mp", "key", NULL, &o), 0);
	assert_int_equal(o.size, CATALOG_PARTS_MAX * 5 * MIB);
	recount();
	assert_int_equal(remove_object("mp", "key", NULL, false, NULL), 0);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	recount();
	free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_parts),
	    T(test_two_lists),
	    T(test_placed_again),
	    T(test_small_part),
	    T(test_given_up),
	    T(test_offsets),
	    T(test_pinned),
	    T(test_damage),
	    T(test_user_goes),
	    T(test_many_parts),
	};

	return cmocka_run_group_tests_name("storaged_part", tests, NULL, NULL);
}
