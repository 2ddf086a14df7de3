/*
 * The catalogue's sums, held against a recount after random operations, some of
 * which fail at their end; a catalogue of the version before; what counts
 * against a quota.
 */
#include "storaged_catalog_lab.h"

/* --- sums -------------------------------------------------------------------*/

static uint64_t rng;

static unsigned
pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng % n);
}

static void
random_path(char path[64])
{
	unsigned depth = 1 + pick(4);

	path[0] = '\0';
	for (unsigned i = 0; i < depth; i++)
		(void)sprintf(path + strlen(path), "/%.*s", 1 + (int)pick(3),
		    pick(2) ? "aaa" : "bbb");
}

static void
random_step(void)
{
	uint64_t owner = 1 + pick(3);
	char path[64], to[64], id[NX_ID_LEN + 1];

	random_path(path);
	random_path(to);
	switch (pick(16)) {
	case 0:
	case 1:
	case 2: (void)do_mkdir(owner, path, pick(2)); break;
	case 3:
	case 4:
	case 5:
	case 6:
		/* Some find at the very end that it does not fit. */
		(void)do_put(owner, path, pick(9000), pick(3),
		    pick(4) ? QUOTA : pick(40000), NULL);
		break;
	case 7: (void)do_put(owner, path, pick(9000), 200, QUOTA, NULL); break;
	case 8:
		if (do_put(owner, pick(2) ? path : NULL, pick(9000), pick(3),
			QUOTA, id) == 0 &&
		    pick(2))
			assert_int_equal(do_remove(owner, id), 0);
		break;
	case 9:
	case 10: (void)do_delete(owner, path); break;
	case 11:
	case 12:
	case 13: (void)do_move(owner, path, to, pick(2)); break;
	case 14: (void)do_reap(); break;
	default:
		if (pick(20) == 0)
			assert_int_equal(do_drop_user(owner), 0);
	}
}

static void
test_sums(void **state)
{
	const char *seed = getenv("SEED");

	(void)state;
	rng = seed ? strtoull(seed, NULL, 0) : nx_now_us() | 1;
	print_message("# SEED=%llu\n", (unsigned long long)rng);
	for (int i = 0; i < 3000; i++) {
		random_step();
		if (i % 20 == 19)
			recount();
		/* Until then who was deleted stays so. */
		if (i % 50 == 49)
			reopen();
	}
	while (do_reap())
		;
	recount();
	assert_int_equal(number("SELECT count(*) FROM going"), 0);
	assert_int_equal(number("SELECT count(*) FROM going_files"), 0);
	assert_int_equal(number(LIVE "SELECT (SELECT count(*) FROM entries) -"
				     " (SELECT count(*) FROM live)"),
	    0);
	assert_int_equal(number("SELECT count(*) FROM chunks WHERE file NOT IN"
				" (SELECT file FROM files)"),
	    0);
}

/* --- a catalogue of the version before --------------------------------------*/

static void
run(const char *sql)
{
	if (sqlite3_exec(nx_db_handle(lab.c->db), sql, NULL, NULL, NULL) !=
	    SQLITE_OK)
		fail_msg(
		    "%s: %s", sql, sqlite3_errmsg(nx_db_handle(lab.c->db)));
}

/* What all steps but the first did, taken back. */
static const char *const undo[] = {
    "DROP INDEX users_history",
    "DROP TABLE past",
    "DROP TABLE keeping",
    "DROP TABLE snapshots",
    "DROP TABLE loosening",
    "ALTER TABLE users DROP COLUMN epoch",
    "ALTER TABLE users DROP COLUMN history",
    "ALTER TABLE users DROP COLUMN pasts",
    "ALTER TABLE users DROP COLUMN held",
    "ALTER TABLE entries DROP COLUMN born",
    "DROP TRIGGER policy_went",
    "DROP TRIGGER policies_went",
    "DROP TABLE policies",
    "ALTER TABLE chunks DROP COLUMN code",
    "DROP TRIGGER record_went",
    "DROP TRIGGER record_moved",
    "DROP TABLE segments",
    "DROP INDEX replicas_at",
    "ALTER TABLE replicas DROP COLUMN at",
    "DROP TABLE volume_keys",
    "DROP TABLE events",
    "DROP TABLE point",
    "DROP TABLE disks",
    "ALTER TABLE volumes DROP COLUMN own",
    "ALTER TABLE volumes DROP COLUMN disk",
    "ALTER TABLE volumes DROP COLUMN intent",
    "DROP TRIGGER volume_came",
    "DROP TABLE scrub",
    "ALTER TABLE volumes DROP COLUMN scrub_cycle",
    "ALTER TABLE volumes DROP COLUMN scrub_began",
    "ALTER TABLE volumes DROP COLUMN scrub_after",
    "ALTER TABLE volumes DROP COLUMN scrub_passed",
    "ALTER TABLE volumes DROP COLUMN scrub_since",
    "ALTER TABLE users DROP COLUMN folders",
    "ALTER TABLE users DROP COLUMN charged",
    "ALTER TABLE users DROP COLUMN tree",
    "ALTER TABLE users DROP COLUMN tree_at",
    "ALTER TABLE entries DROP COLUMN charged",
    "ALTER TABLE entries DROP COLUMN height",
    "ALTER TABLE entries DROP COLUMN reach",
    "DROP TRIGGER replica_went",
    "ALTER TABLE volumes DROP COLUMN chunks",
    "DROP INDEX files_raw_all",
    "DROP TABLE damage",
    "DROP INDEX trash_owner",
    "DROP INDEX trash_turn",
    "ALTER TABLE trash DROP COLUMN owner",
    "ALTER TABLE trash DROP COLUMN size",
    "DROP TABLE clock",
    "DROP TABLE locks",
    "DROP TABLE buckets",
    "DROP TABLE objects",
    "DROP TABLE uploads", /* with sums, and sha256 */
    "DROP TABLE parts",
    "ALTER TABLE files DROP COLUMN parts",
    "DROP TABLE copying",
    "DROP INDEX files_content",
    "ALTER TABLE files DROP COLUMN content",
    "ALTER TABLE files DROP COLUMN mtime",
    "ALTER TABLE files DROP COLUMN type",
    "ALTER TABLE files DROP COLUMN extra",
    "ALTER TABLE files DROP COLUMN meta",
    "ALTER TABLE files DROP COLUMN sha256",
    "ALTER TABLE files DROP COLUMN sums",
    "DROP TABLE going",
    "DROP TABLE going_files",
    "PRAGMA user_version = 1",
};

static void
test_old_version(void **state)
{
	(void)state;
	rng = 4711;
	for (int i = 0; i < 400; i++)
		random_step();
	assert_int_equal(do_mkdir(9, "/only/folders", true), 0);
	while (do_reap())
		;
	for (size_t i = 0; i < NX_ARRAY_SIZE(undo); i++)
		run(undo[i]);
	reopen();
	recount();
	assert_int_equal(number("SELECT user_version FROM pragma_user_version"),
	    (int64_t)catalog_schema_steps);
	/* nothing there is known to have been read since the oldest file came */
	assert_int_equal(
	    number("SELECT count(*) FROM volumes WHERE scrub_since <>"
		   " (SELECT min(created_at) FROM files)"),
	    0);
	assert_true(number("SELECT count(*) FROM volumes") > 0);
}

/* --- bounds -----------------------------------------------------------------*/

/* A bound that was once true and is no more costs a look, not a refusal. */
static void
test_depth_after_deletion(void **state)
{
	char deep[PATH_BYTES_MAX] = "/top";

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(deep, "/d");
	assert_int_equal(do_mkdir(1, deep, true), 0);
	assert_int_equal(do_mkdir(1, "/x/y/z/w/v", true), 0);
	assert_int_equal(
	    do_move(1, "/top", "/x/y/z/w/v/top", false), CATALOG_TOO_DEEP);
	assert_int_equal(do_delete(1, "/top/d/d"), 0);
	assert_int_equal(do_move(1, "/top", "/x/y/z/w/v/top", false), 0);
	recount();
}

static void
test_what_counts(void **state)
{
	static struct catalog_tree_op op;
	struct catalog_usage usage;
	struct put *p = malloc(sizeof(*p));
	int result;

	(void)state;
	assert_int_equal(do_mkdir(1, "/a", false), 0);
	assert_int_equal(do_put(1, "/a/one", 1, 1, 512 + 4096, NULL), 0);
	assert_int_equal(
	    do_put(1, "/a/two", 1, 1, 512 + 4096, NULL), CATALOG_OVER_QUOTA);
	/* the same path again adds nothing, a large one counts as it is */
	assert_int_equal(do_put(1, "/a/one", 4096, 1, 512 + 4096, NULL), 0);
	assert_int_equal(
	    do_put(1, "/a/one", 4097, 1, 512 + 4096, NULL), CATALOG_OVER_QUOTA);
	assert_int_equal(catalog_usage(lab.c, 1, &usage), 0);
	assert_int_equal(usage.used, 4096);
	assert_int_equal(usage.charged, 512 + 4096);
	assert_int_equal(usage.files, 1);
	assert_int_equal(usage.folders, 1);
	/* folders count too, and entries are limited */
	tree_op(&op, 1, "/b", NULL, &result);
	op.quota = 512 + 4096 + 511;
	catalog_mkdir(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	tree_op(&op, 1, "/b", NULL, &result);
	op.entries = 2;
	catalog_mkdir(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_TOO_MANY);
	put_start(p, 1, NULL, 1, 1);
	p->op.entries = 2;
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	assert_int_equal(p->result, CATALOG_TOO_MANY);
	free(p->chunks);
	free(p);
	recount();
}

/* The write beside it is refused, so that it is made twice: the row of the volume
 * is there all the same. */
static void
test_volume_again(void **state)
{
	int result = INT32_MAX;
	struct catalog_volume_op op = {
	    .volume = {.state = CATALOG_VOLUME_READY, .size = 1},
	    .done = on_done,
	    .arg = &result};
	struct put *refused = malloc(sizeof(*refused));

	(void)state;
	(void)snprintf(op.volume.node, sizeof(op.volume.node), "another");
	put_start(refused, 1, "/no/such/folder", 1, 0);
	catalog_volume_save(lab.c, &op);
	catalog_commit(lab.c, &refused->op);
	wait_for(&result);
	assert_int_equal(refused->result, CATALOG_NO_PARENT);
	assert_int_equal(result, 0);
	assert_int_equal(
	    number("SELECT volume FROM volumes WHERE node = 'another'"),
	    op.volume.key);
	free(refused->chunks);
	free(refused);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_sums),
	    T(test_old_version),
	    T(test_depth_after_deletion),
	    T(test_what_counts),
	    T(test_volume_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
