/*
 * Small chunks of stores that code: records in segments of their own, beside
 * those of plain ones; none of what was written is on the disk.
 */
#include <ftw.h>

#include "storaged/chunks/packer.h"
#include "tests/unit/storaged_chunk_lab.h"

static const uint8_t key[SEAL_KEY_LEN] = "the volume's key, of 32 bytes..";
static const struct coding_how both = {.key = key, .seal = true, .pack = true};
static const struct coding_how off = {.key = key};
#define NODE "0123456789abcdef0123456789abcdef"

static struct chunk_store *store;

static void
open_with(const struct coding_how *how)
{
	struct chunk_store_spec spec = {
	    .kind = CHUNK_STORE_CODED, .how = how, .volume = NODE};
	char path[128];

	store = chunk_store_free(store);
	snprintf(path, sizeof(path), "%s/0", top);
	spec.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/0/.coded", top);
	(void)mkdir(path, 0700);
	spec.coded_dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chunk_store_new(&spec, &store), 0);
}

static int
remove_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
setup_small(void **state)
{
	if (setup(state) < 0 || seal_setup() < 0)
		return -1;
	open_with(&both);
	return 0;
}

static int
teardown_small(void **state)
{
	(void)state;
	store = chunk_store_free(store);
	for (int i = 0; i < STORES; i++)
		stores[i] = chunk_store_free(stores[i]);
	packer_free_all();
	return nftw(top, remove_file, 8, FTW_DEPTH | FTW_PHYS);
}

struct kept {
	struct chunk_place place;
	uint8_t *data;
};

static uint8_t *
words(uint32_t size)
{
	uint8_t *data = malloc(size);

	assert_non_null(data);
	for (uint32_t i = 0; i < size; i++)
		data[i] = (uint8_t) "words that can be found; "[i % 25];
	return data;
}

static void
on_appended(struct chunk_append *a)
{
	a->over = true;
}

/* By a draft, in the loop's thread, or waiting: all come to the same. */
static struct kept
put_small(int way, uint32_t size)
{
	struct kept k = {.data = words(size), .place.size = size};
	struct chunk_append a = {
	    .data = k.data, .length = size, .done = on_appended};
	struct chunk_draft *d;

	nx_id_new(k.place.id.text);
	a.id = k.place.id;
	if (way == 0) {
		assert_int_equal(chunk_begin(store, &d), 0);
		assert_int_equal(chunk_write(d, k.data, size), 0);
		assert_int_equal(
		    chunk_commit(d, &k.place.id, false, &k.place.at), 0);
		return k;
	}
	if (way == 1)
		chunk_append(store, &a);
	else
		assert_int_equal(chunk_append_wait(store, &a), 0);
	assert_int_equal(a.result, 0);
	k.place.at = a.at;
	return k;
}

static void
check_small(const struct kept *k, int expected)
{
	for (int cold = 0; cold < 2; cold++) {
		uint8_t *got = malloc(k->place.size);
		struct chunk_reader *reader;
		int r = cold ? chunk_open_cold(store, &k->place, &reader)
			     : chunk_open(store, &k->place, &reader);

		if (r == 0) {
			r = chunk_read_at(reader, got, k->place.size, 0);
			if (r == 0)
				assert_memory_equal(
				    got, k->data, k->place.size);
			chunk_close(reader);
		}
		assert_int_equal(r, expected);
		free(got);
	}
}

static bool disk_has;

static int
search_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	uint8_t *data = malloc((size_t)st->st_size + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	(void)ftw;
	if (flag == FTW_F)
		n = read(fd, data, (size_t)st->st_size);
	disk_has |= n > 0 &&
	    memmem(data, (size_t)n, "words that can be found", 23) != NULL;
	close(fd);
	free(data);
	return 0;
}

static bool
found_on_disk(void)
{
	disk_has = false;
	assert_int_equal(nftw(top, search_file, 8, FTW_PHYS), 0);
	return disk_has;
}

static const uint32_t sizes[] = {1, 100, 4096, 65536, 65537, 200000,
    SEGMENT_CHUNK_MAX - 1, SEGMENT_CHUNK_MAX};

static void
test_written(void **state)
{
	struct kept kept[3 * NX_ARRAY_SIZE(sizes)];
	size_t n = 0;

	(void)state;
	for (int way = 0; way < 3; way++)
		for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++)
			kept[n++] = put_small(way, sizes[i]);
	for (size_t i = 0; i < n; i++) {
		check_small(&kept[i], 0);
		/* what the catalogue keeps is a positive number */
		assert_true((int64_t)kept[i].place.at > 0);
	}
	assert_false(found_on_disk());
	/* off: those stay, new ones are plain, among their like */
	open_with(&off);
	for (size_t i = 0; i < n; i++)
		check_small(&kept[i], 0);
	for (int way = 0; way < 3; way++) {
		struct kept plain = put_small(way, 4096);

		check_small(&plain, 0);
		open_with(&both);
		check_small(&plain, 0);
		open_with(&off);
		free(plain.data);
	}
	assert_true(found_on_disk());
	for (size_t i = 0; i < n; i++)
		free(kept[i].data);
}

/* --- care of segments -------------------------------------------------------*/

struct seen {
	uint32_t plain, coded; /* the last segment of each */
	unsigned n_plain, n_coded, records;
	uint64_t at[8];
};

static void
see_segment(const struct chunk_segment *segment, void *arg)
{
	struct seen *s = arg;

	if (segment->number & 0x40000000) {
		s->coded = segment->number;
		s->n_coded++;
	} else {
		s->plain = segment->number;
		s->n_plain++;
	}
}

static void
see_record(const struct chunk_id *id, uint64_t at, uint32_t length, bool good,
    void *arg)
{
	struct seen *s = arg;

	(void)id;
	assert_true(good && length > 0 && s->records < 8);
	s->at[s->records++] = at;
}

static void
test_care(void **state)
{
	struct kept a = put_small(1, 4096), b = put_small(1, 5000), c;
	struct seen seen = {0};

	(void)state;
	open_with(&off);
	c = put_small(1, 4096);
	assert_int_equal(chunk_segments(store, see_segment, &seen), 0);
	assert_int_equal(seen.n_plain, 1);
	assert_int_equal(seen.n_coded, 1);
	assert_int_equal(chunk_scan(store, seen.coded, see_record, &seen), 0);
	assert_int_equal(seen.records, 2);
	assert_int_equal(seen.at[0], a.place.at);
	assert_int_equal(seen.at[1], b.place.at);
	assert_int_equal(chunk_scan(store, seen.plain, see_record, &seen), 0);
	assert_int_equal(seen.at[2], c.place.at);
	/* a hold is of the one it was taken on */
	chunk_hold(store, a.place.at);
	assert_int_equal(chunk_retire(store, seen.coded), -EBUSY);
	chunk_settle(store, a.place.at);
	assert_int_equal(chunk_retire(store, seen.coded), 0);
	check_small(&c, 0);
	assert_int_equal(chunk_retire(store, seen.plain), -EBUSY);
	chunk_forget(store, &c.place);
	check_small(&c, 0);
	free(a.data);
	free(b.data);
	free(c.data);
}

/* A record under another's name or place, and a flipped bit of it. */
static void
test_damage(void **state)
{
	struct kept a = put_small(0, 4096), b = put_small(0, 4096), wrong = a;
	char path[160];
	uint8_t byte;
	int fd;

	(void)state;
	wrong.place.at = b.place.at;
	check_small(&wrong, -ENOENT);
	wrong.place.at = a.place.at & ~(1ULL << 62); /* among the plain ones */
	check_small(&wrong, -ENOENT);
	snprintf(path, sizeof(path), "%s/0/.coded/.segments/%08x", top,
	    segment_number(a.place.at) & 0x3fffffff);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	for (off_t at = 0; at < SEGMENT_RECORD + 130; at += 7) {
		off_t where = (off_t)segment_offset(a.place.at) + at;
		struct chunk_reader *reader;
		uint8_t got[4096];
		int r;

		assert_int_equal(pread(fd, &byte, 1, where), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, where), 1);
		r = chunk_open_cold(store, &a.place, &reader);
		if (r == 0) {
			r = chunk_read_at(reader, got, sizeof(got), 0);
			chunk_close(reader);
		}
		if (r != -EBADMSG && r != -ENOENT)
			fail_msg("byte %d: %d", (int)at, r);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, where), 1);
	}
	close(fd);
	check_small(&a, 0);
	check_small(&b, 0);
	free(a.data);
	free(b.data);
}

#define S(f) cmocka_unit_test_setup_teardown(f, setup_small, teardown_small)

static unsigned n_spare;

static int
count_spare(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)st;
	(void)ftw;
	n_spare += flag == FTW_F && len > 5 &&
	    strcmp(path + len - 5, ".free") == 0 &&
	    strstr(path, "/.coded/") != NULL;
	return 0;
}

/* Room is put by where it will be needed: a full volume could give none of its
 * room back otherwise. */
static void
test_spare(void **state)
{
	struct kept k = put_small(1, 5000);

	(void)state;
	assert_int_equal(chunk_spare(store), 0);
	n_spare = 0;
	assert_int_equal(nftw(top, count_spare, 8, FTW_PHYS), 0);
	assert_int_equal(n_spare, 1);
	chunk_settle(store, k.place.at);
	free(k.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    S(test_written),
	    S(test_spare),
	    S(test_care),
	    S(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
