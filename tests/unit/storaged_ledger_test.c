/*
 * A lost catalogue is made anew from the volumes: with every commit that
 * anybody was told of, the same row for row; also by one volume when the other
 * is damaged, and never from an old copy when there is a newer one.
 */
#include "tests/unit/storaged_ledger_lab.h"

/* Things of every kind. */
static void
work(unsigned round)
{
	uint8_t *data = lab_random(300000);
	char path[64];

	(void)snprintf(path, sizeof(path), "/r%u/a/b", round);
	LAB_OK(lab_mkdir(7, path, true));
	(void)snprintf(path, sizeof(path), "/r%u/a/file", round);
	LAB_OK(lab_put(7, path, data, 300000));
	LAB_OK(lab_put(7, path, data + 1, 200000));
	(void)snprintf(path, sizeof(path), "/r%u/small", round);
	LAB_OK(lab_put(7, path, data, 1));
	(void)snprintf(path, sizeof(path), "/r%u/a/file", round);
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, path));
	LAB_OK(lab_put(7, path, data + 2, 100000));
	if (round % 2) {
		(void)snprintf(path, sizeof(path), "/r%u", round - 1);
		LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, path));
	}
	free(data);
}

static void
same_again(void)
{
	char was[160], now[160], *a, *b;

	db_path(was, ".was");
	db_path(now, "");
	a = dump(was);
	b = dump(now);
	assert_true(strlen(a) > 2000);
	assert_string_equal(a, b);
	free(a);
	free(b);
	(void)unlink(was);
}

/* Stops, loses it, makes it anew, compares, starts. */
static void
lose_and_rebuild(void)
{
	char was[160];

	lab_stop();
	db_path(was, ".was");
	copy_database(was);
	lose_database();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	assert_int_equal(last_rescue.found, 0);
	same_again();
	lab_start();
}

static void
test_rebuild(void **state)
{
	(void)state;
	await_copies(1);
	for (unsigned i = 0; i < 6; i++)
		work(i);
	lose_and_rebuild();
	/* and it goes on from there, again and again */
	for (unsigned i = 6; i < 9; i++) {
		await_copies(1);
		work(i);
		lose_and_rebuild();
	}
	assert_true(last_rescue.records > 0);
}

/* The catalogue's log goes into it, over and over, and the copies' logs grow
 * until they begin anew. */
static void
test_much(void **state)
{
	char path[64];

	(void)state;
	await_copies(1);
	for (unsigned i = 0; i < 1500; i++) {
		(void)snprintf(path, sizeof(path), "/m%u/x", i);
		LAB_OK(lab_mkdir(7, path, true));
	}
	lose_and_rebuild();
}

/* --- damaged copies ---------------------------------------------------------*/

/* The files of the copy on @node, one after the other. */
static void
each_file(const char *node, void (*each)(const char *path))
{
	char command[400], path[300];
	FILE *f;

	(void)snprintf(command, sizeof(command),
	    "ls %s/storage/mnt/%s/chunks/.catalogue/*", lab.dir, node);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(path, sizeof(path), f)) {
		path[strcspn(path, "\n")] = '\0';
		each(path);
	}
	(void)pclose(f);
}

static unsigned flips;

/* A byte in each of its blocks of 64 KiB that has any. */
static void
flip_much(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 0; at < st.st_size; at += 65536) {
		off_t where = at + rand() % 65536;
		uint8_t byte;

		if (where >= st.st_size || pread(fd, &byte, 1, where) != 1)
			continue;
		byte ^= (uint8_t)(1 << rand() % 8);
		assert_int_equal(pwrite(fd, &byte, 1, where), 1);
		flips++;
	}
	close(fd);
}

/* A check's copy takes the place of what was damaged. */
static void
renew(void)
{
	uint64_t run = check_begin(lab.s.check, false);

	for (int i = 0; check_status(lab.s.check)->over < run; i++) {
		assert_true(i < 20000);
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	await_copies(2);
}

/* Whatever is damaged of one, the other has it. */
static void
test_one_damaged(void **state)
{
	(void)state;
	await_copies(1);
	second_volume();
	srand(11);
	for (unsigned i = 0; i < 4; i++) {
		work(2 * i);
		work(2 * i + 1);
		flips = 0;
		each_file(i % 2 ? "base-1" : "base-2", flip_much);
		assert_true(flips > 10);
		lose_and_rebuild();
		renew();
	}
}

static off_t only; /* the record to damage, by its place in the file */

static void
flip_record(const char *path)
{
	uint32_t magic = 0;
	int fd, seen = 0;

	if (!strstr(path, "/log."))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t at = LEDGER_PAGE; pread(fd, &magic, 4, at) == 4;
	     at += LEDGER_PAGE)
		if (magic != 0 && ++seen == only) {
			magic ^= 4;
			assert_int_equal(pwrite(fd, &magic, 4, at + 100), 4);
			flips++;
		}
	close(fd);
}

/* A commit that is nowhere is not passed over in silence. */
static void
test_gap(void **state)
{
	(void)state;
	await_copies(1);
	for (unsigned i = 0; i < 4; i++)
		work(i);
	flips = 0;
	only = 5;
	each_file("base-1", flip_record);
	assert_true(flips > 0);
	lab_stop();
	lose_database();
	assert_int_equal(rebuild(false), -ENODATA);
	assert_non_null(strstr(last_rescue.text, "--partial"));
	assert_int_equal(rebuild(true), 0);
	lab_start();
	LAB_OK(lab_mkdir(7, "/on", false));
}

/* --- damaged pages ----------------------------------------------------------*/

static void
count_bad(const struct catalog_finding *f, void *arg)
{
	(void)f;
	++*(unsigned *)arg;
}

/* As it is found at start, or by a check: not a database, or bad pages. */
static bool
is_found_bad(const char *path)
{
	struct catalog *c = NULL;
	unsigned bad = 0;
	struct catalog_check check = {
	    .path = path, .found = count_bad, .arg = &bad};
	int r = catalog_open(lab.base, path, &c);

	catalog_close(c);
	if (r < 0)
		return true;
	assert_int_equal(catalog_check(&check), 0);
	return bad > 0;
}

static void
damage_page(const char *path, unsigned page)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	uint8_t noise[4096];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rand();
	assert_true(fd >= 0);
	assert_int_equal(
	    pwrite(fd, noise, sizeof(noise), (off_t)page * 4096), 4096);
	close(fd);
}

/* Whatever page it is that was overwritten: it is found, and what is made anew
 * is what there was. Pages in the order of a seed. */
static void
test_pages(void **state)
{
	char was[160], now[160], *a;
	unsigned n_pages, found = 0;
	struct stat st;

	(void)state;
	await_copies(1);
	for (unsigned i = 0; i < 30; i++)
		work(i);
	lab_stop();
	db_path(was, ".was");
	db_path(now, "");
	copy_database(was);
	a = dump(was);
	assert_int_equal(stat(was, &st), 0);
	n_pages = (unsigned)(st.st_size / 4096);
	srand(64);
	for (unsigned i = 0; i < 64; i++) {
		char command[400], *b;
		unsigned page = i == 0 ? 0 : (unsigned)rand() % n_pages;

		(void)snprintf(command, sizeof(command), "cp %s %s", was, now);
		assert_int_equal(system(command), 0);
		damage_page(now, page);
		if (!is_found_bad(now)) {
			/* nothing is on it */
			b = dump(now);
		} else {
			found++;
			if (rebuild(false) != 0)
				fail_msg("%s", last_rescue.text);
			assert_int_equal(last_rescue.found, 0);
			b = dump(now);
		}
		if (strcmp(a, b) != 0)
			fail_msg("page %u of %u", page, n_pages);
		free(b);
	}
	free(a);
	assert_true(found > 40);
	lab_start();
}

/* --- old copies -------------------------------------------------------------*/

/* A volume that was away has an old copy: it is not taken, and made new. */
static void
test_stale(void **state)
{
	char was[160];

	(void)state;
	await_copies(1);
	second_volume();
	work(0);
	lab_stop();
	rename_image("base-2", ".img", ".away");
	lab_start();
	await_copies(1);
	work(2);
	work(4);
	lab_stop();
	rename_image("base-2", ".away", ".img");
	db_path(was, ".was");
	copy_database(was);
	lose_database();
	assert_int_equal(rebuild(false), 0);
	same_again();
	lab_start();
	await_copies(2);
	work(6);
	lose_and_rebuild();
}

static int
open_only(char why[256])
{
	struct storaged *s = &lab.s;
	char path[160];
	int r;

	db_path(path, "");
	assert_int_equal(volumes_new(s, &s->volumes), 0);
	assert_int_equal(catalog_open(s->base, path, &s->catalog), 0);
	assert_int_equal(ledger_new(s, &s->ledger), 0);
	assert_int_equal(ledger_begin(s->ledger), 0);
	assert_int_equal(volumes_load(s->volumes), 0);
	r = ledger_open(s->ledger, why);
	s->catalog = catalog_close(s->catalog);
	s->ledger = ledger_free(s->ledger);
	s->volumes = volumes_free(s->volumes);
	return r;
}

/* Somebody put an old storage.db back: it is not taken for what there is. */
static void
test_old_database(void **state)
{
	char was[160], now[160], why[256], command[400];

	(void)state;
	await_copies(1);
	work(0);
	lab_stop();
	db_path(was, ".old");
	copy_database(was);
	assert_int_equal(open_only(why), 0);
	lab_start();
	work(2);
	lab_stop();
	db_path(now, "");
	(void)snprintf(command, sizeof(command), "cp %s %s", was, now);
	db_path(was, ".was");
	copy_database(was);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_only(why), 1);
	assert_non_null(strstr(why, "commits"));
	assert_int_equal(rebuild(false), 0);
	same_again();
	lab_start();
}

/* Without storage.db, or with one that knows nothing, it is not as if there were
 * nothing. */
static void
test_never_empty(void **state)
{
	char path[160], why[256] = "";
	struct storaged *s = &lab.s;

	(void)state;
	await_copies(1);
	assert_false(rescue_needed(s, why));
	assert_false(rescue_empty(s, why));
	lab_stop();
	lose_database();
	assert_true(rescue_needed(s, why));
	assert_non_null(strstr(why, "missing"));
	db_path(path, "");
	assert_int_equal(catalog_open(lab.base, path, &s->catalog), 0);
	assert_false(rescue_needed(s, why));
	assert_true(rescue_empty(s, why));
	s->catalog = catalog_close(s->catalog);
	rescue_remember(s, "it was so");
	assert_true(rescue_needed(s, why));
	assert_string_equal(why, "it was so");
	assert_int_equal(rebuild(false), 0);
	assert_false(rescue_needed(s, why));
	lab_start();
	await_copies(1);
}

#define L(f) cmocka_unit_test_setup_teardown(f, ledger_lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_rebuild),
	    L(test_much),
	    L(test_one_damaged),
	    L(test_gap),
	    L(test_pages),
	    L(test_stale),
	    L(test_old_database),
	    L(test_never_empty),
	};

	LAB_OR_SKIP("storaged_ledger");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
