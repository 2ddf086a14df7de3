/*
 * Sums that commits of new files put off to the end of their transaction: held
 * against a recount after batches in which all sorts of writes come together,
 * some of which fail; and what the writes beside them find.
 */
#include "storaged_catalog_lab.h"

#define MANY 60

static uint64_t rng;

static unsigned
pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng % n);
}

/* Each chunk a record of one of @segments segments. */
static void
put_in(struct put *p, uint64_t owner, const char *path, unsigned segments)
{
	static uint64_t at;
	uint64_t size = 0;

	put_start(p, owner, path, 0, pick(3));
	for (uint32_t i = 0; i < p->op.file.chunks; i++) {
		p->chunks[i].sums.size = 1 + pick(3000);
		size += p->chunks[i].sums.size;
		at += 8192;
		if (pick(5) > 0)
			p->chunks[i].at[0] = (uint64_t)(1 + pick(segments))
				<< 32 |
			    (at & 0xffffff);
	}
	p->op.file.size = size;
}

static void
put_end(struct put *p)
{
	free(p->chunks);
	p->chunks = NULL;
}

static void
recount_all(void)
{
	recount();
	assert_int_equal(
	    number("SELECT count(*) FROM segments s WHERE (s.chunks, s.bytes)"
		   " <> (SELECT count(*), ifnull(sum((size + 63) / 8 * 8), 0)"
		   " FROM replicas r JOIN chunks c ON c.chunk = r.chunk"
		   " WHERE r.volume = s.volume AND r.at >> 32 = s.segment"
		   " AND r.at <> 0) OR s.high < (SELECT ifnull(max(r.at), 0)"
		   " FROM replicas r WHERE r.volume = s.volume"
		   " AND r.at >> 32 = s.segment)"),
	    0);
	assert_int_equal(
	    number("SELECT count(*) FROM replicas r WHERE at <> 0 AND NOT"
		   " EXISTS (SELECT 1 FROM segments s WHERE"
		   " s.volume = r.volume AND s.segment = r.at >> 32)"),
	    0);
}

/* --- all sorts --------------------------------------------------------------*/

static void
random_path(char path[64])
{
	/* Seldom so many folders that not all sums can be kept. */
	unsigned folders = pick(8) == 0 ? 40 : 4;

	if (pick(6) == 0)
		(void)sprintf(path, "/f%u", pick(30));
	else if (pick(3) == 0)
		(void)sprintf(path, "/d%u/e/f%u", pick(4), pick(30));
	else
		(void)sprintf(path, "/d%u/f%u", pick(folders), pick(30));
}

struct step {
	struct put put;
	struct catalog_tree_op op;
	int result;
};

static void
begin_step(struct step *s)
{
	uint64_t owner = 1 + pick(pick(8) == 0 ? 30 : 2);
	char path[64];

	random_path(path);
	s->put.chunks = NULL;
	switch (pick(20)) {
	case 0:
		*strrchr(path, 'f') = 'g';
		tree_op(&s->op, owner, path, NULL, &s->result);
		catalog_mkdir(lab.c, &s->op);
		return;
	case 1:
		tree_op(&s->op, owner, path, NULL, &s->result);
		catalog_delete(lab.c, &s->op);
		return;
	case 2:
		tree_op(&s->op, owner, path, "/moved", &s->result);
		s->op.replace = true;
		catalog_move(lab.c, &s->op);
		return;
	default:
		put_in(&s->put, owner, pick(9) == 0 ? NULL : path,
		    pick(9) == 0 ? 40 : 2);
		s->put.op.arg = &s->result;
		s->result = INT32_MAX;
		s->put.op.create_only = pick(3) == 0;
		if (pick(40) == 0)
			s->put.op.quota = 1 + pick(1 << 20);
		catalog_commit(lab.c, &s->put.op);
	}
}

static void
make_folders(void)
{
	char path[64];

	for (uint64_t owner = 1; owner <= 30; owner++)
		for (unsigned d = 0; d < (owner < 3 ? 40 : 4); d++) {
			(void)sprintf(path, "/d%u/e", d);
			(void)do_mkdir(owner, path, true);
		}
}

static void
test_all_sorts(void **state)
{
	struct step *steps = calloc(MANY, sizeof(*steps));

	(void)state;
	rng = 0x0ed5;
	make_folders();
	for (unsigned round = 0; round < 60; round++) {
		unsigned n = 1 + pick(MANY);

		for (unsigned i = 0; i < n; i++)
			begin_step(&steps[i]);
		for (unsigned i = 0; i < n; i++) {
			wait_for(&steps[i].result);
			put_end(&steps[i].put);
		}
		recount_all();
	}
	while (do_reap())
		;
	recount_all();
	free(steps);
}

/* --- what others find -------------------------------------------------------*/

/* Those that fit are there, and no other. */
static void
test_quota(void **state)
{
	struct put *puts = calloc(MANY, sizeof(*puts));
	unsigned good = 0;
	char path[32];

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	for (unsigned i = 0; i < MANY; i++) {
		(void)sprintf(path, "/d/%u", i);
		put_start(&puts[i], 1, path, 1, 0);
		puts[i].op.quota =
		    CATALOG_FOLDER_CHARGE + 10 * CATALOG_FILE_CHARGE + 1;
		puts[i].op.entries = i % 2 ? 8 : 1000;
		catalog_commit(lab.c, &puts[i].op);
	}
	for (unsigned i = 0; i < MANY; i++) {
		wait_for(&puts[i].result);
		good += puts[i].result == 0;
		assert_int_equal(puts[i].result,
		    i < 7 ? 0
			: good == 10
			? i <= 12 && i % 2 == 0 ? 0 : CATALOG_OVER_QUOTA
			: i % 2 == 0 ? 0
				     : CATALOG_TOO_MANY);
		put_end(&puts[i]);
	}
	assert_int_equal(good, 10);
	assert_int_equal(number("SELECT files FROM users WHERE user = 1"), 10);
	assert_int_equal(
	    number("SELECT files FROM entries WHERE name = 'd'"), 10);
	recount_all();
	free(puts);
}

struct look {
	int64_t files, result;
};

static int
write_look(struct nx_db *db, void *arg)
{
	struct look *look = arg;

	(void)db;
	look->files = number("SELECT files FROM users WHERE user = 1");
	return 0;
}

static void
looked(int result, void *arg)
{
	((struct look *)arg)->result = result;
}

/* A write of another kind finds what came before it, whatever is put off. */
static void
test_others(void **state)
{
	struct put *puts = calloc(3, sizeof(*puts));
	struct look look = {.result = 1};

	(void)state;
	put_start(&puts[0], 1, "/a", 1, 1);
	put_start(&puts[1], 1, "/b", 1, 1);
	put_start(&puts[2], 1, "/c", 1, 1);
	catalog_commit(lab.c, &puts[0].op);
	catalog_commit(lab.c, &puts[1].op);
	nx_db_write(lab.c->db, write_look, looked, &look);
	catalog_commit(lab.c, &puts[2].op);
	wait_for(&puts[2].result);
	assert_int_equal(look.result, 0);
	assert_int_equal(look.files, 2);
	assert_int_equal(number("SELECT files FROM users WHERE user = 1"), 3);
	recount_all();
	for (unsigned i = 0; i < 3; i++)
		put_end(&puts[i]);
	free(puts);
}

static int
look_at(const char *text)
{
	static const struct catalog_condition none;
	struct path path;
	uint64_t old;

	parse(text, &path);
	return catalog_check_target(lab.c, 1, &path, false, &none, &old);
}

/* A folder that goes, and one of its name that comes, between files for it: where
 * the way led is not where it leads. */
static void
test_other_folder(void **state)
{
	struct put *puts = calloc(4, sizeof(*puts));
	struct catalog_tree_op *ops = calloc(3, sizeof(*ops));
	int results[3];

	(void)state;
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	assert_int_equal(look_at("/a/b/x"), 0);
	for (unsigned i = 0; i < 4; i++) {
		char path[16];

		(void)sprintf(path, "/a/b/%u", i);
		put_start(&puts[i], 1, path, 1, 0);
	}
	tree_op(&ops[0], 1, "/a/b", "/c", &results[0]);
	tree_op(&ops[1], 1, "/a/b", NULL, &results[1]);
	tree_op(&ops[2], 1, "/a", "/d", &results[2]);
	catalog_commit(lab.c, &puts[0].op);
	catalog_move(lab.c, &ops[0]);
	catalog_commit(lab.c, &puts[1].op);
	catalog_mkdir(lab.c, &ops[1]);
	catalog_commit(lab.c, &puts[2].op);
	catalog_move(lab.c, &ops[2]);
	catalog_commit(lab.c, &puts[3].op);
	wait_for(&puts[3].result);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(results[i], 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(puts[i].result, i % 2 ? CATALOG_NO_PARENT : 0);
		put_end(&puts[i]);
	}
	assert_int_equal(look_at("/a/b/x"), CATALOG_NO_PARENT);
	assert_int_equal(look_at("/c/0"), 0);
	assert_int_equal(look_at("/d/b/2"), 0);
	assert_int_equal(
	    number("SELECT count(*) FROM entries e JOIN entries p"
		   " ON p.entry = e.parent WHERE"
		   " (p.name, e.name) IN (('c', '0'), ('b', '2'))"),
	    2);
	assert_int_equal(do_delete(1, "/d"), 0);
	assert_int_equal(look_at("/d/b/2"), CATALOG_NO_PARENT);
	assert_int_equal(
	    do_put(1, "/d/b/3", 1, 0, QUOTA, NULL), CATALOG_NO_PARENT);
	recount_all();
	free(ops);
	free(puts);
}

/* The folder is undone with who made it, and made again. */
static void
test_undone_folder(void **state)
{
	struct put *puts = calloc(3, sizeof(*puts));
	struct catalog_tree_op *op = calloc(1, sizeof(*op));
	int result;

	(void)state;
	tree_op(op, 1, "/n", NULL, &result);
	put_start(&puts[0], 1, "/n/a", 1, 0);
	put_start(&puts[1], 1, "/n/b", 1, 0);
	put_start(&puts[2], 1, "/n/c", 1, 0);
	op->quota = 1; /* it does not fit, when that is looked at */
	catalog_mkdir(lab.c, op);
	for (unsigned i = 0; i < 3; i++)
		catalog_commit(lab.c, &puts[i].op);
	wait_for(&puts[2].result);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(puts[i].result, CATALOG_NO_PARENT);
		put_end(&puts[i]);
	}
	assert_int_equal(number("SELECT count(*) FROM entries"), 0);
	recount_all();
	free(op);
	free(puts);
}

/* A volume that goes while files for it come: those behind that have none. */
static void
test_volume_goes(void **state)
{
	int result = INT32_MAX;
	struct catalog_volume_op op = {.volume = {.key = lab.volume,
					   .state = CATALOG_VOLUME_GOING,
					   .size = 1},
	    .done = on_done,
	    .arg = &result};
	struct put *puts = calloc(2, sizeof(*puts));

	(void)state;
	(void)snprintf(op.volume.node, sizeof(op.volume.node), "volume");
	put_start(&puts[0], 1, "/a", 1, 1);
	put_start(&puts[1], 1, "/b", 1, 1);
	catalog_commit(lab.c, &puts[0].op);
	catalog_volume_save(lab.c, &op);
	catalog_commit(lab.c, &puts[1].op);
	wait_for(&puts[1].result);
	assert_int_equal(puts[0].result, 0);
	assert_int_equal(result, 0);
	assert_int_equal(puts[1].result, CATALOG_NO_VOLUME);
	recount_all();
	put_end(&puts[0]);
	put_end(&puts[1]);
	free(puts);
}

/* A sum that would fall below zero, which is a fault of the disk's: only who
 * adds to that is refused. */
static void
test_below_zero(void **state)
{
	struct put *puts = calloc(2, sizeof(*puts));

	(void)state;
	assert_int_equal(do_mkdir(1, "/bad", false), 0);
	assert_int_equal(do_mkdir(1, "/good", false), 0);
	assert_int_equal(number("UPDATE entries SET files = -5"
				" WHERE name = 'bad' RETURNING 1"),
	    1);
	put_start(&puts[0], 1, "/bad/a", 1, 1);
	put_start(&puts[1], 1, "/good/a", 1, 1);
	catalog_commit(lab.c, &puts[0].op);
	catalog_commit(lab.c, &puts[1].op);
	wait_for(&puts[0].result);
	wait_for(&puts[1].result);
	assert_int_equal(puts[0].result, -EBADMSG);
	assert_int_equal(puts[1].result, 0);
	assert_int_equal(
	    number("UPDATE entries SET files = 0 WHERE name = 'bad'"
		   " RETURNING 1"),
	    1);
	recount_all();
	put_end(&puts[0]);
	put_end(&puts[1]);
	free(puts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_all_sorts),
	    T(test_quota),
	    T(test_others),
	    T(test_other_folder),
	    T(test_undone_folder),
	    T(test_volume_goes),
	    T(test_below_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
