/*
 * Snapshots in the catalogue: whatever happens to a tree afterwards, what was in
 * it is seen as it was, restored as it was, paid for, and gone with the last
 * snapshot that needs it.
 */
#include "tests/unit/storaged_history_lab.h"

static int
snap(uint64_t owner, const char *name, const char *path, bool make)
{
	static struct catalog_snapshot_op op;
	int result = INT32_MAX;

	memset(&op, 0, sizeof(op));
	(void)snprintf(op.snapshot.name, sizeof(op.snapshot.name), "%s", name);
	parse(path, &op.snapshot.path);
	op.owner = owner;
	op.done = on_done;
	op.arg = &result;
	if (make)
		catalog_snapshot_make(lab.c, &op);
	else
		catalog_snapshot_remove(lab.c, &op);
	wait_for(&result);
	return result;
}

static int
unsnap(uint64_t owner, const char *name)
{
	int r = snap(owner, name, "/", false);

	give_up(0, true);
	return r;
}

/* --- trees as text ----------------------------------------------------------*/

static void
say(char *text, size_t size, const char *path, const struct catalog_entry *e)
{
	size_t used = strlen(text);

	(void)snprintf(text + used, size - used, "%s%s %llu\n", path,
	    e->folder ? "/" : "", e->folder ? 0 : (unsigned long long)e->size);
}

/* Now, or with @name in that snapshot. */
static void
tell(uint64_t owner, const char *name, const char *top, char *text, size_t size)
{
	struct catalog_entry *es = calloc(64, sizeof(*es)), folder;
	char next[PATH_NAME_MAX + 1] = "", path[300];
	struct path p;
	size_t n;

	parse(top, &p);
	if (name) {
		do {
			assert_int_equal(catalog_snapshot_list(lab.c, owner,
					     name, &p, next, es, 64, &n, next),
			    0);
			assert_true(n < 64);
		} while (n == 0 && next[0]);
	} else {
		assert_int_equal(catalog_stat(lab.c, owner, &p, &folder), 0);
		n = (size_t)catalog_list(
		    lab.c, owner, folder.key, "", false, es, 64);
	}
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s",
		    strcmp(top, "/") == 0 ? "" : top, es[i].name);
		say(text, size, path, &es[i]);
		if (es[i].folder)
			tell(owner, name, path, text, size);
	}
	free(es);
}

#define TEXT 16384

static void
same(const char *was, uint64_t owner, const char *name, const char *top)
{
	char *is = calloc(1, TEXT);

	tell(owner, name, top, is, TEXT);
	assert_string_equal(was, is);
	free(is);
}

static int
copy_of(uint64_t owner, const char *name, const char *from, const char *to)
{
	int result;
	struct catalog_copy *op = copy_start(owner, from, to, &result);

	(void)snprintf(op->snapshot, sizeof(op->snapshot), "%s", name);
	catalog_copy(lab.c, op);
	wait_for(&result);
	free(op);
	return result;
}

static int64_t
held(void)
{
	return number("SELECT sum(held) FROM users");
}

/* --- tests ------------------------------------------------------------------*/

static void
test_rules(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(do_mkdir(1, "/a", false), 0);
	assert_int_equal(put_file(1, "/f", 1, 1), 0);
	assert_int_equal(snap(1, "s", "/a", true), 0);
	assert_int_equal(snap(1, "s", "/", true), CATALOG_SNAPSHOT_TAKEN);
	assert_int_equal(snap(2, "s", "/", true), 0);
	assert_int_equal(snap(1, "t", "/f", true), CATALOG_NOT_FOLDER);
	assert_int_equal(snap(1, "t", "/no", true), CATALOG_NO_PATH);
	assert_int_equal(unsnap(1, "t"), CATALOG_NO_SNAPSHOT);
	for (unsigned i = 1; i <= CATALOG_SNAPSHOTS; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(snap(1, name, "/", true),
		    i < CATALOG_SNAPSHOTS ? 0 : CATALOG_SNAPSHOTS_MANY);
	}
	assert_int_equal(unsnap(1, "s"), 0);
	assert_int_equal(snap(1, "last", "/", true), 0);
	assert_int_equal(copy_of(1, "last", "/f", "/g"), 0);
	assert_int_equal(copy_of(1, "s", "/f", "/h"), CATALOG_NO_SNAPSHOT);
	assert_int_equal(copy_of(1, "last", "/no", "/h"), CATALOG_NO_PATH);
	assert_int_equal(snap(1, "sub", "/a", true), CATALOG_SNAPSHOTS_MANY);
	check();
}

static const char *const changes[] = {
    "overwrite", "delete", "purge", "forever", "move", "move away", "folder"};

static void
change(size_t which)
{
	switch (which) {
	case 0: assert_int_equal(put_file(1, "/d/s0/f0", 999, 1), 0); break;
	case 1: assert_int_equal(do_delete(1, "/d/s0/f7"), 0); break;
	case 2: assert_int_equal(purge(1, "/", 0), 0); break;
	case 3: assert_int_equal(delete_forever(1, "/d/s1"), 0); break;
	case 4: assert_int_equal(do_move(1, "/d/s2", "/d/s9", false), 0); break;
	case 5:
		assert_int_equal(do_move(1, "/d/s3", "/away", false), 0);
		assert_int_equal(delete_forever(1, "/away/f3"), 0);
		assert_int_equal(delete_forever(1, "/away"), 0);
		break;
	default: assert_int_equal(delete_forever(1, "/d"), 0);
	}
}

/* With history and without. */
static void
see(uint64_t seconds, const char *top)
{
	char *was = calloc(1, TEXT);

	keep(seconds, QUOTA);
	fill_folder(1, "/d", 20);
	assert_int_equal(put_file(1, "/beside", 7, 1), 0);
	assert_int_equal(snap(1, "s", top, true), 0);
	tell(1, NULL, top, was, TEXT);
	assert_true(strlen(was) > 100);
	same(was, 1, "s", top);
	for (size_t i = 0; i < NX_ARRAY_SIZE(changes); i++) {
		change(i);
		give_up(0, true);
		give_up(1ULL << 40, true);
		reap_all();
		check();
		recount();
		same(was, 1, "s", top);
	}
	assert_true(held() > 19 * 4096);
	assert_int_equal(
	    copy_of(1, "s", strcmp(top, "/") == 0 ? "/d" : top, "/back"), 0);
	check();
	recount();
	assert_int_equal(size_at(1, "/back"), 2000);
	assert_int_equal(size_at(1, "/back/s3/f3"), 100);
	assert_int_equal(size_at(1, "/back/s0/f0"), 100);
	assert_int_equal(delete_forever(1, "/back"), 0);
	assert_int_equal(unsnap(1, "s"), 0);
	assert_int_equal(purge(1, "/", 0), 0);
	reap_all();
	check();
	assert_int_equal(held(), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	assert_int_equal(n_chunks(), 1);
	free(was);
}

static void
test_seen(void **state)
{
	(void)state;
	see(KEEP, "/");
}

static void
test_seen_below(void **state)
{
	(void)state;
	see(KEEP, "/d");
}

static void
test_seen_without_history(void **state)
{
	(void)state;
	see(0, "/");
}

/* A version that a snapshot needs is brought back beside what replaced it, under
 * another key: what goes there then is the snapshot's still. */
static void
test_brought_back_beside(void **state)
{
	char *was = calloc(1, TEXT);

	(void)state;
	assert_int_equal(put_file(1, "/f", 5000, 1), 0);
	assert_int_equal(snap(1, "s", "/", true), 0);
	tell(1, NULL, "/", was, TEXT);
	assert_int_equal(put_file(1, "/f", 6000, 1), 0);
	assert_int_equal(restore(1, "/f", 0, "/g"), 0);
	check();
	same(was, 1, "s", "/");
	assert_int_equal(delete_forever(1, "/g"), 0);
	reap_all();
	check();
	recount();
	same(was, 1, "s", "/");
	assert_int_equal(copy_of(1, "s", "/f", "/h"), 0);
	assert_int_equal(size_at(1, "/h"), 5000);
	assert_int_equal(n_chunks(), 2);
	free(was);
}

/* What is beside its folder costs nothing. */
static void
test_only_its_folder(void **state)
{
	(void)state;
	keep(0, QUOTA);
	fill_folder(1, "/d", 7);
	fill_folder(1, "/e", 7);
	assert_int_equal(snap(1, "s", "/d", true), 0);
	assert_int_equal(put_file(1, "/e/s0/f0", 5, 1), 0);
	assert_int_equal(do_delete(1, "/e"), 0);
	assert_int_equal(put_file(1, "/d/new", 5, 1), 0);
	assert_int_equal(put_file(1, "/d/new", 6, 1), 0);
	assert_int_equal(held(), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	assert_int_equal(do_delete(1, "/d/s0/f0"), 0);
	assert_int_equal(held(), 4096);
	/* It was there before, and is there since: nothing more is held. */
	assert_int_equal(do_delete(1, "/d/new"), 0);
	assert_int_equal(held(), 4096);
	check();
}

/* What snapshots hold is on the quota. */
static void
test_quota(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/f", 50000, 1), 0);
	assert_int_equal(snap(1, "s", "/", true), 0);
	assert_int_equal(
	    do_put(1, "/f", 60000, 0, 100000, NULL), CATALOG_OVER_QUOTA);
	assert_int_equal(size_at(1, "/f"), 50000);
	assert_int_equal(do_put(1, "/f", 40000, 0, 100000, NULL), 0);
	assert_int_equal(held(), 50000);
	assert_int_equal(
	    do_put(1, "/g", 20000, 0, 100000, NULL), CATALOG_OVER_QUOTA);
	/* Deleting works whatever there is, and moves. */
	assert_int_equal(do_move(1, "/f", "/h", false), 0);
	assert_int_equal(do_delete(1, "/h"), 0);
	assert_int_equal(unsnap(1, "s"), 0);
	assert_int_equal(held(), 0);
	assert_int_equal(do_put(1, "/g", 90000, 0, 100000, NULL), 0);
	recount();
}

static void
test_user_gone(void **state)
{
	(void)state;
	fill_folder(1, "/d", 20);
	assert_int_equal(snap(1, "s", "/d", true), 0);
	assert_int_equal(do_move(1, "/d/s1", "/x", false), 0);
	assert_int_equal(do_delete(1, "/d"), 0);
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(snap(1, "t", "/", true), CATALOG_NO_USER);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM snapshots"), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	assert_int_equal(n_chunks(), 0);
	check();
}

/* Random operations; every snapshot is seen as it was, all the time. */
static void
test_random(void **state)
{
	static const char *const names[] = {"/a", "/b", "/a/c", "/b/c",
	    "/a/c/d", "/b/e", "/a/f", "/e", "/b/c/g"};
	enum { SNAPS = 4 };
	static char was[SNAPS][TEXT];
	bool there[SNAPS] = {false};
	unsigned seed = (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 1200; i++) {
		const char *a = names[(size_t)rand() % NX_ARRAY_SIZE(names)];
		const char *b = names[(size_t)rand() % NX_ARRAY_SIZE(names)];
		int s = rand() % SNAPS, n;
		char name[16];

		(void)snprintf(name, sizeof(name), "s%d", s);
		switch (rand() % 16) {
		case 0: (void)do_mkdir(1, a, true); break;
		case 1:
		case 2: (void)do_delete(1, a); break;
		case 3: (void)delete_forever(1, a); break;
		case 4:
		case 5: (void)do_move(1, a, b, rand() % 2); break;
		case 6: (void)do_copy(1, a, b, rand() % 2); break;
		case 7: (void)purge(1, rand() % 2 ? "/" : a, 0); break;
		case 8: (void)restore(1, a, 0, rand() % 2 ? b : NULL); break;
		case 9:
			n = versions(1, a);
			if (n > 0 && rand() % 2)
				(void)restore_over(
				    1, a, pasts[rand() % n].past);
			else if (n > 0)
				(void)restore(1, a, pasts[rand() % n].past, b);
			break;
		case 10:
			keep(rand() % 3 ? KEEP : 0, 30 * 4096);
			(void)do_reap();
			(void)give_up(rand() % 4 ? 0 : 20000, rand() % 2);
			break;
		case 11:
			if (!there[s]) {
				assert_int_equal(snap(1, name, "/", true), 0);
				was[s][0] = '\0';
				tell(1, NULL, "/", was[s], TEXT);
			} else
				assert_int_equal(snap(1, name, "/", false), 0);
			there[s] = !there[s];
			break;
		case 12:
			if (there[s])
				(void)copy_of(1, name, a, b);
			break;
		default:
			(void)put_file(1, a, (uint64_t)(rand() % 9000),
			    (uint32_t)(1 + rand() % 3));
		}
		if (i % 40 != 0)
			continue;
		check();
		recount();
		for (int k = 0; k < SNAPS; k++) {
			(void)snprintf(name, sizeof(name), "s%d", k);
			if (there[k])
				same(was[k], 1, name, "/");
		}
	}
	for (int k = 0; k < SNAPS; k++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "s%d", k);
		if (there[k])
			assert_int_equal(unsnap(1, name), 0);
	}
	give_up(0, true);
	(void)purge(1, "/", 0);
	reap_all();
	check();
	assert_int_equal(held(), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    H(test_rules),
	    H(test_seen),
	    H(test_seen_below),
	    H(test_seen_without_history),
	    H(test_brought_back_beside),
	    H(test_only_its_folder),
	    H(test_quota),
	    H(test_user_gone),
	    H(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
