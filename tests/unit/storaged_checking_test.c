/*
 * A check of a running storaged: it takes no turn from others, finds nothing
 * where nothing is, and names and mends what was put there.
 */
#include "common/db.h"
#include "tests/unit/storaged_lab.h"
#include "tests/unit/storaged_lab_files.h"

static const Nx__CheckStatusReply *
status(void)
{
	LAB_OK(lab_call(
	    0, NX__METHOD__STORAGE_CHECK_STATUS, &(Nx__Empty)NX__EMPTY__INIT));
	return LAB_BODY(Nx__CheckStatusReply);
}

static uint64_t
begin(bool repair)
{
	Nx__CheckRequest q = NX__CHECK_REQUEST__INIT;

	q.repair = repair;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_CHECK, &q));
	return LAB_BODY(Nx__CheckReply)->run;
}

static const Nx__CheckStatusReply *
await(uint64_t run)
{
	const Nx__CheckStatusReply *st;

	while ((st = status())->over < run) {
		lab_settle();
		usleep(1000);
	}
	return st;
}

static void
sql(const char *text)
{
	sqlite3 *db = nx_db_handle(catalog_db(lab.s.catalog));

	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
}

static void
mkdir_at(const char *path)
{
	Nx__MkdirRequest q = NX__MKDIR_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.parents = true;
	LAB_OK(lab_call(7, NX__METHOD__FS_MKDIR, &q));
}

static void
test_well(void **state)
{
	const Nx__CheckStatusReply *st;

	(void)state;
	assert_int_equal(status()->run, 0);
	mkdir_at("/a/b/c");
	st = await(begin(false));
	assert_int_equal(st->run, 1);
	assert_int_equal(st->found + st->left + st->mended, 0);
	assert_string_equal(st->error, "");
	assert_true(st->ended_at >= st->began_at && st->began_at > 0);
}

/* The first replica of @id is on the other volume now, in a segment. */
static void
move_replica(const char *id)
{
	struct catalog_chunk c;
	const struct volume *v;
	int result = INT32_MAX;
	struct catalog_replica_set op = {
	    .at = 9ULL << 32 | 4096, .done = lab_on_done, .arg = &result};

	lab_first_chunk(id, &c);
	op.chunk = c.key;
	op.old = c.volumes[0];
	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->key != op.old)
			op.volume = v->key;
	catalog_replica_set(lab.s.catalog, &op);
	while (result == INT32_MAX)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(result, 0);
}

/* What volumes and segments say of their chunks, whatever size these have. */
static void
test_counted(void **state)
{
	static const size_t sizes[] = {1, 7, 8, 4095, 70001, 300 << 10};
	uint8_t *data = lab_random(300 << 10);
	const struct lab_upload u = {.path = "/moved"};
	char path[32], id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 << 20));
	for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++) {
		(void)snprintf(path, sizeof(path), "/%zu", i);
		LAB_OK(lab_put(7, path, data, sizes[i]));
	}
	LAB_OK(lab_upload(7, &u, data, 4097, id));
	assert_int_equal(await(begin(false))->found, 0);
	LAB_OK(lab_volume(LAB_NODE("2"), 64 << 20));
	move_replica(id);
	assert_int_equal(await(begin(false))->found, 0);
	free(data);
}

/* Others change the tree in every turn of it. */
static void
test_beside_others(void **state)
{
	char path[64];
	uint64_t run;
	unsigned n = 0;

	(void)state;
	for (; n < 200; n++) {
		(void)snprintf(path, sizeof(path), "/x%u/y/z", n);
		mkdir_at(path);
	}
	run = begin(false);
	while (status()->over < run) {
		(void)snprintf(path, sizeof(path), "/x%u/y/%u", n % 200, n);
		mkdir_at(path);
		n++;
	}
	assert_true(n > 200);
	assert_int_equal(status()->found, 0);
}

static void
test_mends(void **state)
{
	const Nx__CheckStatusReply *st;

	(void)state;
	mkdir_at("/a/b/c");
	sql("UPDATE users SET charged = charged + 100 WHERE user = 7;"
	    "UPDATE entries SET folders = 9 WHERE name = 'b'");
	st = await(begin(false));
	assert_int_equal(st->found, 2);
	assert_int_equal(st->left, 2);
	assert_int_equal(st->mended, 0);
	assert_int_equal(st->n_said, 2);
	assert_non_null(strstr(st->said[0], "folder-sums: folder"));
	st = await(begin(true));
	assert_int_equal(st->found, 2);
	assert_int_equal(st->mended, 2);
	assert_int_equal(st->left, 0);
	assert_int_equal(st->n_said, 0);
	assert_int_equal(await(begin(false))->found, 0);
}

/* The copy is named, and gone afterwards; where it cannot be made, that is
 * said. */
static void
test_no_room(void **state)
{
	char path[160];
	const Nx__CheckStatusReply *st;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/storage/storage.copy", lab.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	st = await(begin(false));
	assert_true(strlen(st->error) > 0);
	assert_int_equal(rmdir(path), 0);
	st = await(begin(false));
	assert_string_equal(st->error, "");
	assert_int_equal(access(path, F_OK), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_well),
	    T(test_counted),
	    T(test_beside_others),
	    T(test_mends),
	    T(test_no_room),
	};

	LAB_OR_SKIP("storaged_checking");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
