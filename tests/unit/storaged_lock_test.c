/*
 * Locked paths, in the catalogue alone: whatever anybody does, what is there stays
 * what it was until its time by the clock that never goes back; new names come.
 */
#include <time.h>

#include "storaged/catalog/catalog_lock.h"
#include "tests/unit/storaged_bucket_lab.h"

#define HOUR 3600U

static int
lock_until(uint64_t owner, const char *path, uint64_t until)
{
	struct catalog_lock_path *op = calloc(1, sizeof(*op));
	int result = INT32_MAX;

	parse(path, &op->path);
	op->owner = owner;
	op->until = until;
	op->done = on_done;
	op->arg = &result;
	catalog_lock_path(lab.c, op);
	wait_for(&result);
	free(op);
	return result;
}

/* For an hour from now, by the clock that counts. */
static int
lock(const char *path)
{
	return lock_until(1, path, catalog_clock(lab.c) + HOUR);
}

static void
pass(unsigned seconds)
{
	char sql[80];

	(void)snprintf(sql, sizeof(sql),
	    "UPDATE clock SET seen = max(seen, unixepoch()) + %u RETURNING 1",
	    seconds);
	assert_int_equal(number(sql), 1);
}

static int
put(const char *path)
{
	return do_put(1, path, 10, 1, QUOTA, NULL);
}

static uint64_t
until_of(const char *path, bool below)
{
	uint64_t until = 1;
	struct path p;

	parse(path, &p);
	assert_int_equal(catalog_kept_until(lab.c, 1, &p, below, &until), 0);
	return until;
}

/* /top/kept/{f,sub/g}, /top/kept/empty, /other; /top/kept is locked. */
static void
fill(void)
{
	assert_int_equal(do_mkdir(1, "/top/kept/sub", true), 0);
	assert_int_equal(do_mkdir(1, "/top/kept/empty", true), 0);
	assert_int_equal(do_mkdir(1, "/top/beside", true), 0);
	assert_int_equal(put("/top/kept/f"), 0);
	assert_int_equal(put("/top/kept/sub/g"), 0);
	assert_int_equal(put("/other"), 0);
	assert_int_equal(put("/top/beside/h"), 0);
	assert_int_equal(lock("/top/kept"), 0);
}

static void
check_there(void)
{
	static const char *const paths[] = {
	    "/top/kept/f", "/top/kept/sub/g", "/top/kept/empty"};
	struct catalog_entry e;
	struct path p;

	for (size_t i = 0; i < NX_ARRAY_SIZE(paths); i++) {
		parse(paths[i], &p);
		assert_int_equal(catalog_stat(lab.c, 1, &p, &e), 0);
		assert_true(e.folder || e.size == 10);
	}
	recount();
}

/* --- every way around -------------------------------------------------------*/

static int
finish_onto(const char *path)
{
	struct catalog_assembly a;
	struct catalog_upload u;

	assert_int_equal(open_upload(1, NULL, path, &u), 0);
	assert_int_equal(put_part(&u, 0, 0, 12), 0);
	assert_int_equal(put_part(&u, 0, 12, 5), 0);
	a = (struct catalog_assembly){.upload = u.file,
	    .changes = 2,
	    .parts = 2,
	    .size = 17,
	    .chunks = 2};
	return commit_assembly(&u, path, &a);
}

static int
remove_by_id(const char *path)
{
	struct catalog_entry e;
	struct path p;

	parse(path, &p);
	assert_int_equal(catalog_stat(lab.c, 1, &p, &e), 0);
	return do_remove(1, e.id);
}

static const struct {
	const char *what;
	int (*one)(const char *path);
	int (*two)(uint64_t owner, const char *from, const char *to, bool yes);
	const char *path, *to;
	int expected;
} tries[] = {
    {"replace", put, NULL, "/top/kept/f", NULL, CATALOG_KEPT},
    {"replace deeper", put, NULL, "/top/kept/sub/g", NULL, CATALOG_KEPT},
    {"finish onto it", finish_onto, NULL, "/top/kept/f", NULL, CATALOG_KEPT},
    {"delete by id", remove_by_id, NULL, "/top/kept/sub/g", NULL, CATALOG_KEPT},
    {"move away", NULL, do_move, "/top/kept/f", "/away", CATALOG_KEPT},
    {"move within", NULL, do_move, "/top/kept/f", "/top/kept/z", CATALOG_KEPT},
    {"move the folder", NULL, do_move, "/top/kept", "/away", CATALOG_KEPT},
    {"move a folder in it", NULL, do_move, "/top/kept/sub", "/a", CATALOG_KEPT},
    {"move what it is in", NULL, do_move, "/top", "/away", CATALOG_KEPT},
    {"move onto it", NULL, do_move, "/other", "/top/kept/f", CATALOG_KEPT},
    {"move onto the empty", NULL, do_move, "/top/beside", "/top/kept/empty",
	CATALOG_KEPT},
    {"copy onto it", NULL, do_copy, "/other", "/top/kept/f", CATALOG_KEPT},
    {"copy onto the empty", NULL, do_copy, "/top/beside", "/top/kept/empty",
	CATALOG_KEPT},
    {"copy itself onto it", NULL, do_copy, "/top/kept/f", "/top/kept/f",
	CATALOG_KEPT},
};

static void
test_ways_around(void **state)
{
	(void)state;
	fill();
	for (size_t i = 0; i < NX_ARRAY_SIZE(tries); i++) {
		int r = tries[i].one
		    ? tries[i].one(tries[i].path)
		    : tries[i].two(1, tries[i].path, tries[i].to, true);

		if (r != tries[i].expected)
			fail_msg("%s: %d", tries[i].what, r);
		check_there();
	}
	assert_int_equal(do_delete(1, "/top/kept/f"), CATALOG_KEPT);
	assert_int_equal(do_delete(1, "/top/kept/empty"), CATALOG_KEPT);
	assert_int_equal(do_delete(1, "/top/kept"), CATALOG_KEPT);
	assert_int_equal(do_delete(1, "/top"), CATALOG_KEPT);
	while (do_reap())
		;
	check_there();
	reopen();
	assert_int_equal(do_delete(1, "/top"), CATALOG_KEPT);
	assert_int_equal(put("/top/kept/f"), CATALOG_KEPT);
	check_there();
}

/* What is not there can come, and stays then; what is beside it is free. */
static void
test_additions(void **state)
{
	(void)state;
	fill();
	assert_int_equal(put("/top/kept/new"), 0);
	assert_int_equal(put("/top/kept/new"), CATALOG_KEPT);
	assert_int_equal(do_mkdir(1, "/top/kept/made/deep", true), 0);
	assert_int_equal(do_copy(1, "/other", "/top/kept/copied", false), 0);
	assert_int_equal(do_move(1, "/other", "/top/kept/moved", false), 0);
	assert_int_equal(finish_onto("/top/kept/finished"), 0);
	assert_int_equal(do_delete(1, "/top/kept/moved"), CATALOG_KEPT);
	assert_int_equal(
	    do_move(1, "/top/kept/moved", "/back", false), CATALOG_KEPT);
	assert_int_equal(do_copy(1, "/top/kept", "/free", false), 0);
	assert_int_equal(put("/free/f"), 0);
	assert_int_equal(do_delete(1, "/free"), 0);
	assert_int_equal(put("/top/beside/h"), 0);
	assert_int_equal(do_move(1, "/top/beside", "/gone", false), 0);
	assert_int_equal(do_delete(1, "/gone"), 0);
	assert_int_equal(do_mkdir(2, "/top/kept", true), 0);
	assert_int_equal(do_delete(2, "/top"), 0);
	check_there();
}

/* --- time -------------------------------------------------------------------*/

static void
test_time(void **state)
{
	uint64_t until;

	(void)state;
	fill();
	until = until_of("/top/kept/f", false);
	assert_true(until > (uint64_t)time(NULL));
	assert_int_equal(until_of("/top/kept/sub/none/x", false), until);
	assert_int_equal(until_of("/top", false), 0);
	assert_int_equal(until_of("/top", true), until);
	assert_int_equal(
	    lock_until(1, "/top/kept", until - 1), CATALOG_LOCK_SHORTER);
	assert_int_equal(lock_until(1, "/top/kept", 5), CATALOG_LOCK_PAST);
	assert_int_equal(lock_until(1, "/top/beside", catalog_clock(lab.c)),
	    CATALOG_LOCK_PAST);
	assert_int_equal(lock_until(1, "/top/kept", until), 0);
	assert_int_equal(lock_until(1, "/none", until), CATALOG_NO_PATH);
	/* What is in it can be locked for less: the longer counts. */
	assert_int_equal(lock_until(1, "/top/kept/sub", until - 60), 0);
	assert_int_equal(lock_until(1, "/top/kept/f", until + HOUR), 0);
	pass(HOUR - 2);
	assert_int_equal(do_delete(1, "/top/kept/sub"), CATALOG_KEPT);
	pass(10);
	assert_int_equal(until_of("/top/kept/sub/g", false), 0);
	assert_int_equal(put("/top/kept/sub/g"), 0);
	assert_int_equal(do_delete(1, "/top/kept/sub"), 0);
	/* Its own is longer. */
	assert_int_equal(put("/top/kept/f"), CATALOG_KEPT);
	assert_int_equal(do_delete(1, "/top"), CATALOG_KEPT);
	pass(HOUR);
	assert_int_equal(do_move(1, "/top", "/moved", false), 0);
	assert_int_equal(do_delete(1, "/moved"), 0);
	recount();
}

/* The clock of the host is behind what was seen: what has ended has ended, and
 * nothing else changes. */
static void
test_clock(void **state)
{
	(void)state;
	fill();
	/* It was a year later once. */
	pass(31536000);
	assert_int_equal(put("/top/kept/f"), 0);
	assert_int_equal(
	    lock_until(1, "/top/kept", (uint64_t)time(NULL) + HOUR),
	    CATALOG_LOCK_PAST);
	assert_int_equal(lock("/top/kept"), 0);
	assert_int_equal(put("/top/kept/f"), CATALOG_KEPT);
	assert_true(
	    until_of("/top/kept", false) > (uint64_t)time(NULL) + 31536000);
	reopen();
	assert_int_equal(put("/top/kept/f"), CATALOG_KEPT);
}

static void
test_root(void **state)
{
	(void)state;
	assert_int_equal(put("/f"), 0);
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(lock("/"), 0);
	assert_int_equal(put("/f"), CATALOG_KEPT);
	assert_int_equal(do_delete(1, "/d"), CATALOG_KEPT);
	assert_int_equal(put("/d/new"), 0);
	assert_int_equal(put("/d/new"), CATALOG_KEPT);
}

/* --- how many, and which ----------------------------------------------------*/

static void
test_many(void **state)
{
	struct catalog_held *held = calloc(14, sizeof(*held)), after = {0};
	uint64_t now = catalog_clock(lab.c);
	unsigned n = 0;
	char path[64];
	int got;

	(void)state;
	for (unsigned i = 0; i <= CATALOG_LOCKS_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/d%u", i);
		assert_int_equal(do_mkdir(1, path, true), 0);
		assert_int_equal(
		    lock_until(1, path, now + HOUR + (i * 7) % 1000),
		    i < CATALOG_LOCKS_MAX ? 0 : CATALOG_LOCKS_MANY);
	}
	/* Longer is no further one; others have their own. */
	assert_int_equal(lock_until(1, "/d0", now + 3 * HOUR), 0);
	assert_int_equal(do_mkdir(2, "/d", true), 0);
	assert_int_equal(lock_until(2, "/d", now + HOUR), 0);
	while ((got = catalog_locks(lab.c, 1, &after, held, 14)) > 0) {
		for (int i = 0; i < got; i++) {
			assert_true(held[i].until >= after.until);
			after = held[i];
			n++;
		}
	}
	assert_int_equal(got, 0);
	assert_int_equal(n, CATALOG_LOCKS_MAX);
	assert_string_equal(after.path, "/d0");
	/* Those that have ended make room, and their rows go. */
	pass(2 * HOUR);
	for (unsigned i = 1; i < 10; i++) {
		(void)snprintf(path, sizeof(path), "/d%u", i);
		assert_int_equal(
		    lock_until(1, path, catalog_clock(lab.c) + HOUR), 0);
	}
	assert_int_equal(
	    number("SELECT count(*) FROM locks WHERE owner = 1"), 10);
	free(held);
}

static void
test_user_gone(void **state)
{
	struct catalog_held held, none = {0};

	(void)state;
	fill();
	assert_int_equal(do_mkdir(2, "/d", true), 0);
	assert_int_equal(lock_until(2, "/d", catalog_clock(lab.c) + HOUR), 0);
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(catalog_locks(lab.c, 1, &none, &held, 1), 0);
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM locks"), 1);
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	assert_int_equal(catalog_locks(lab.c, 2, &none, &held, 1), 1);
}

/* --- what may not be lost ---------------------------------------------------*/

static int
forget(int64_t losable, int64_t *ret_kept)
{
	int result = INT32_MAX;
	struct catalog_forget op = {.volume = lab.volume,
	    .losable = &losable,
	    .n_losable = 1,
	    .done = on_done,
	    .arg = &result};

	catalog_volume_forget(lab.c, &op);
	wait_for(&result);
	*ret_kept = op.kept;
	return result;
}

static void
test_volume(void **state)
{
	int64_t kept = 0, file;

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", true), 0);
	assert_int_equal(put("/free"), 0);
	/* It is a copy that is locked, of what is free to go. */
	assert_int_equal(do_copy(1, "/free", "/d/f", false), 0);
	assert_int_equal(lock("/d"), 0);
	file = number("SELECT min(file) FROM files");
	assert_int_equal(forget(0, &kept), CATALOG_WOULD_LOSE);
	assert_int_equal(forget(file, &kept), CATALOG_KEPT);
	assert_int_equal(
	    kept, number("SELECT file FROM files WHERE name = 'f'"));
	assert_int_equal(do_delete(1, "/free"), 0);
	assert_int_equal(forget(file, &kept), CATALOG_KEPT);
	assert_int_equal(number("SELECT count(*) FROM replicas"), 1);
	pass(2 * HOUR);
	assert_int_equal(forget(file, &kept), 0);
	assert_int_equal(number("SELECT count(*) FROM replicas"), 0);
}

static void
test_volume_objects(void **state)
{
	struct catalog_lock hold = {.hold = true}, none = {0};
	struct object_more more = {.lock = {.mode = CATALOG_COMPLIANCE}};
	int64_t kept = 0, file;

	(void)state;
	more.lock.until = catalog_clock(lab.c) + HOUR;
	assert_int_equal(make_bucket(1, "lock", true), 0);
	assert_int_equal(put_object("lock", "k", 10, &more), 0);
	file = number("SELECT file FROM files");
	assert_int_equal(forget(file, &kept), CATALOG_KEPT);
	pass(2 * HOUR);
	assert_int_equal(
	    lock_object("lock", "k", more.version, hold, false, true, false),
	    0);
	assert_int_equal(forget(file, &kept), CATALOG_KEPT);
	assert_int_equal(
	    lock_object("lock", "k", more.version, none, false, true, false),
	    0);
	assert_int_equal(forget(file, &kept), 0);
}

/* A file in pieces: its chunks are the pieces'. */
static void
test_volume_pieces(void **state)
{
	int64_t kept = 0, piece;

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", true), 0);
	assert_int_equal(finish_onto("/d/f"), 0);
	assert_int_equal(lock("/d"), 0);
	piece = number("SELECT file FROM chunks ORDER BY chunk LIMIT 1");
	assert_int_equal(forget(piece, &kept), CATALOG_KEPT);
	assert_int_equal(
	    kept, number("SELECT file FROM files WHERE name = 'f'"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_ways_around),
	    T(test_additions),
	    T(test_time),
	    T(test_clock),
	    T(test_root),
	    T(test_many),
	    T(test_user_gone),
	    T(test_volume),
	    T(test_volume_objects),
	    T(test_volume_pieces),
	};

	return cmocka_run_group_tests_name("storaged_lock", tests, NULL, NULL);
}
