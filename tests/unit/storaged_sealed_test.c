/*
 * Copies of the catalogue on volumes that are encrypted: nothing of it can be
 * read there, with the key it is made anew, and without it is said that the key
 * is missing.
 */
#include "storaged/ledger/gather.h"
#include "tests/unit/storaged_ledger_lab.h"

#define NAME "a-name-that-is-nobodys-business"

/* The place on @v: the caller's. -1: there is none. */
static int
place_on(const struct volume *v)
{
	int chunks = mount_chunks(&v->mounted.mount), dir;

	assert_true(chunks >= 0);
	dir = openat(chunks, ".catalogue", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(chunks);
	return dir;
}

/* Files of places with @needle in them; *@ret_files: of all. */
static unsigned
files_with(const char *needle, unsigned *ret_files)
{
	const struct volume *v;
	char command[400];
	unsigned n = 0, all = 0, some[2];
	FILE *p;
	int dir;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry) {
		dir = place_on(v);
		if (dir < 0)
			continue;
		snprintf(command, sizeof(command),
		    "cd /proc/%d/fd/%d && ls | wc -l; grep -la -- '%s' * | "
		    "wc -l",
		    getpid(), dir, needle);
		p = popen(command, "re");
		assert_non_null(p);
		assert_int_equal(fscanf(p, "%u %u", &some[0], &some[1]), 2);
		pclose(p);
		all += some[0];
		n += some[1];
		close(dir);
	}
	*ret_files = all;
	return n;
}

/* In a base and in a log. */
static void
put_names(void)
{
	LAB_OK(lab_put(7, "/" NAME "-1", "hello", 5));
	base_want(lab.s.volumes);
	await_copies(2);
	LAB_OK(lab_put(7, "/" NAME "-2", "hello", 5));
}

static void
test_cannot_be_read(void **state)
{
	unsigned all;

	(void)state;
	put_names();
	assert_int_equal(files_with(NAME, &all), 0);
	assert_true(all >= 6);
	assert_int_equal(files_with("CREATE TABLE", &all), 0);
}

/* What is looked for above is there where there is no key. */
static void
test_plain(void **state)
{
	unsigned all;

	(void)state;
	put_names();
	assert_true(files_with(NAME, &all) >= 2);
	assert_true(files_with("CREATE TABLE", &all) >= 2);
}

static void
keep_and_lose(void)
{
	char was[160];

	lab_stop();
	db_path(was, ".was");
	copy_database(was);
	lose_database();
}

static void
same_again(void)
{
	char was[160], now[160], *a, *b;

	db_path(was, ".was");
	db_path(now, "");
	a = dump(was);
	b = dump(now);
	assert_non_null(strstr(a, NAME "-2"));
	assert_string_equal(a, b);
	free(a);
	free(b);
	(void)unlink(was);
}

static void
test_key_is_missing(void **state)
{
	char *key, other[160];
	unsigned all;

	(void)state;
	put_names();
	assert_int_equal(files_with(NAME, &all), 0);
	keep_and_lose();
	key = lab.s.conf.encryption_key;
	snprintf(other, sizeof(other), "%s/other", lab.dir);
	lab.s.conf.encryption_key = other;
	assert_int_equal(rebuild(false), -ENOKEY);
	assert_non_null(strstr(last_rescue.text, "base-"));
	assert_non_null(strstr(last_rescue.text, "key"));
	assert_int_equal(rebuild(true), -ENOENT);
	lab.s.conf.encryption_key = key;
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	same_again();
	lab_start();
	LAB_OK(
	    lab_read(7, NULL, "/" NAME "-2", 0, 0, (const uint8_t *)"hello"));
}

/* Encryption comes later: what was written before does not stay. */
static void
test_key_comes(void **state)
{
	unsigned all;

	(void)state;
	put_names();
	assert_true(files_with(NAME, &all) >= 2);
	lab_stop();
	lab.coded = true;
	lab_start();
	await_copies(2);
	assert_int_equal(files_with(NAME, &all), 0);
	LAB_OK(lab_put(7, "/" NAME "-3", "hello", 5));
	assert_int_equal(files_with(NAME, &all), 0);
	keep_and_lose();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	same_again();
	lab_start();
	lab_stop();
	/* the volumes have their keys from then on */
	lab.coded = false;
	lab_start();
	await_copies(2);
	LAB_OK(lab_put(7, "/" NAME "-4", "hello", 5));
	assert_int_equal(files_with(NAME, &all), 0);
}

static bool
is_whole(const struct gather_base *b)
{
	static uint8_t block[LEDGER_BLOCK];
	uint64_t left = b->sums.head.size;
	bool whole = true;

	for (uint32_t i = 0; i < b->sums.head.blocks; i++) {
		size_t len = left < LEDGER_BLOCK ? left : LEDGER_BLOCK;

		whole = whole && gather_block(b, i, block, len);
		left -= len;
	}
	return whole;
}

/* And 1,000 for each base that can be read. */
static size_t
records_of(int dir, const struct volume_key *key)
{
	struct gathered g = {0};
	size_t n;

	assert_int_equal(gather_add(&g, dir, key), 0);
	n = g.n_records;
	for (size_t i = 0; i < g.n_bases; i++)
		n += is_whole(&g.bases[i]) ? 1000 : 0;
	gather_fini(&g);
	return n;
}

/* A record opens where it was written and nowhere else, and under the volume's
 * own key. */
static void
test_place_is_bound(void **state)
{
	const struct volume *v = TAILQ_FIRST(&lab.s.volumes->list);
	struct volume_key none = {0}, other = {0};
	char command[300];
	size_t n;
	int dir;

	(void)state;
	put_names();
	dir = place_on(v);
	assert_true(dir >= 0);
	n = records_of(dir, &v->mounted.key);
	assert_true(n > 1000);
	/* without a key it is passed over, with another nothing opens */
	assert_int_equal(records_of(dir, &none), 0);
	assert_int_equal(volume_key_copy(&v->mounted.key, &other), 0);
	other.bytes[3] ^= 1;
	assert_int_equal(records_of(dir, &other), 0);
	volume_key_fini(&other);
	snprintf(command, sizeof(command),
	    "cd /proc/%d/fd/%d && for f in log.*; do cp $f ${f}77; done && "
	    "for f in base.*.sum; do cp $f base.1-1.sum; "
	    "cp ${f%%.sum} base.1-1; done",
	    getpid(), dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(records_of(dir, &v->mounted.key), n);
	close(dir);
}

static int
setup_coded(void **state)
{
	lab.coded = true;
	return ledger_lab_setup(state);
}

static int
setup_plain(void **state)
{
	lab.coded = false;
	return ledger_lab_setup(state);
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup_coded, lab_teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, setup_plain, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    C(test_cannot_be_read),
	    P(test_plain),
	    C(test_key_is_missing),
	    P(test_key_comes),
	    C(test_place_is_bound),
	};

	LAB_OR_SKIP("copies of the catalogue that are sealed");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
