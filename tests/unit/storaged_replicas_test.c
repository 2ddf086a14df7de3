/*
 * Replicas in the catalogue: the fewest that a file has, kept while they come
 * and go one by one, and volumes forgotten in steps.
 */
#include "storaged_catalog_lab.h"

#define VOLUMES 4
#define A_STEP  (64 * 4 + 8) /* rows changed in one commit of forgetting */

static int64_t volumes[VOLUMES];

static int64_t
add_volume(const char *name)
{
	int result = INT32_MAX;
	struct catalog_volume_op op = {
	    .volume = {.state = CATALOG_VOLUME_READY, .size = 1},
	    .done = on_done,
	    .arg = &result};

	(void)snprintf(op.volume.node, sizeof(op.volume.node), "%s", name);
	catalog_volume_save(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	return op.volume.key;
}

static int
setup_volumes(void **state)
{
	int r = setup(state);
	char name[16];

	volumes[0] = lab.volume;
	for (int i = 1; i < VOLUMES; i++) {
		(void)snprintf(name, sizeof(name), "v%d", i);
		volumes[i] = add_volume(name);
	}
	return r;
}

/* A raw file of @n chunks, each on the first @copies of the volumes. */
static int64_t
put_copies(uint32_t n, uint32_t copies)
{
	struct put p;

	put_start(&p, 1, NULL, 10, n);
	p.op.file.want = 3;
	for (uint32_t i = 0; i < n; i++) {
		p.chunks[i].n_replicas = copies;
		for (uint32_t k = 0; k < copies; k++)
			p.chunks[i].volumes[k] = volumes[k];
	}
	catalog_commit(lab.c, &p.op);
	wait_for(&p.result);
	assert_int_equal(p.result, 0);
	free(p.chunks);
	return p.op.file.key;
}

static int
set_replica(int64_t chunk, int64_t volume, int64_t old)
{
	int result = INT32_MAX;
	struct catalog_replica_set op = {.chunk = chunk,
	    .volume = volume,
	    .old = old,
	    .done = on_done,
	    .arg = &result};

	catalog_replica_set(lab.c, &op);
	wait_for(&result);
	return result;
}

static void
forget_start(struct catalog_forget *op, int64_t volume, int *result)
{
	*op = (struct catalog_forget){
	    .volume = volume, .done = on_done, .arg = result};
	*result = INT32_MAX;
}

/* Files whose kept number is not what the rows say. */
static int64_t
wrong(void)
{
	return number(
	    "SELECT count(*) FROM files f WHERE f.replicas <>"
	    " (SELECT min(n) FROM (SELECT (SELECT count(*) FROM replicas r"
	    " WHERE r.chunk = c.chunk) AS n FROM chunks c"
	    " WHERE c.file = f.file))");
}

static uint64_t rng;

static int64_t
pick(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (int64_t)(rng % n);
}

static void
test_fewest_is_kept(void **state)
{
	const char *seed = getenv("SEED");
	int64_t chunks;

	(void)state;
	rng = seed ? strtoull(seed, NULL, 0) : nx_now_us() | 1;
	print_message("# SEED=%llu\n", (unsigned long long)rng);
	for (uint32_t i = 1; i < 8; i++)
		(void)put_copies(i, 1 + i % 2);
	chunks = number("SELECT max(chunk) FROM chunks");
	for (int i = 0; i < 2000; i++) {
		int64_t chunk = 1 + pick((uint64_t)chunks);
		int64_t to = volumes[pick(VOLUMES)];
		int64_t from = pick(3) ? volumes[pick(VOLUMES)] : 0;

		/* A chunk keeps one at least: so does the healer. */
		if (to == from)
			continue;
		assert_int_equal(set_replica(chunk, to, from), 0);
		assert_int_equal(wrong(), 0);
	}
	for (int i = 1; i < VOLUMES; i++) {
		struct catalog_forget op;
		int64_t losable[8];
		int result;

		forget_start(&op, volumes[i], &result);
		for (int k = 0; k < 7; k++)
			losable[op.n_losable++] = k + 1;
		op.losable = losable;
		catalog_volume_forget(lab.c, &op);
		wait_for(&result);
		assert_int_equal(result, 0);
		assert_int_equal(wrong(), 0);
	}
	assert_int_equal(number("SELECT count(*) FROM volumes v WHERE v.chunks"
				" <> (SELECT count(*) FROM replicas r"
				" WHERE r.volume = v.volume)"),
	    0);
}

/* --- forgetting -------------------------------------------------------------*/

static int most, last_changes;

static int
on_commit(void *arg)
{
	int now = sqlite3_total_changes(nx_db_handle(lab.c->db));

	(void)arg;
	if (now - last_changes > most)
		most = now - last_changes;
	last_changes = now;
	return 0;
}

/* However much is on it, no commit is long, and others' come in between. */
static void
test_forgotten_in_steps(void **state)
{
	struct catalog_forget op;
	struct catalog_tree_op mk;
	int result, made, before = 0;
	char path[32];

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)put_copies(300, 2);
	(void)put_copies(1, 1);
	assert_int_equal(set_replica(1, volumes[2], volumes[1]), 0);
	assert_int_equal(number("SELECT count(*) FROM trash"), 1);
	most = 0;
	last_changes = sqlite3_total_changes(nx_db_handle(lab.c->db));
	sqlite3_commit_hook(nx_db_handle(lab.c->db), on_commit, NULL);
	forget_start(&op, volumes[1], &result);
	catalog_volume_forget(lab.c, &op);
	while (result == INT32_MAX) {
		(void)snprintf(path, sizeof(path), "/%d", before);
		tree_op(&mk, 2, path, NULL, &made);
		catalog_mkdir(lab.c, &mk);
		wait_for(&made);
		assert_int_equal(made, 0);
		before += result == INT32_MAX;
		event_base_loop(lab.base, EVLOOP_ONCE);
	}
	assert_int_equal(result, 0);
	assert_int_equal(op.lost, 0);
	print_message("# %d others between, at most %d rows\n", before, most);
	assert_true(before > 20);
	assert_true(most < A_STEP);
	assert_int_equal(wrong(), 0);
	assert_int_equal(number("SELECT count(*) FROM replicas r JOIN volumes v"
				" USING(volume) WHERE v.node = 'v1'"),
	    0);
	assert_int_equal(number("SELECT count(*) FROM trash"), 0);
	assert_int_equal(number("SELECT state FROM volumes WHERE node = 'v1'"),
	    CATALOG_VOLUME_GOING);
}

/* What would be lost is found before anything has changed, wherever it is. */
static void
test_refused_whole(void **state)
{
	struct catalog_forget op;
	int64_t only, losable[1];
	int result;

	(void)state;
	(void)put_copies(300, 2);
	only = put_copies(3, 1);
	forget_start(&op, volumes[0], &result);
	catalog_volume_forget(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_WOULD_LOSE);
	assert_int_equal(
	    number("SELECT chunks FROM volumes WHERE volume = 1"), 303);
	assert_int_equal(number("SELECT state FROM volumes WHERE volume = 1"),
	    CATALOG_VOLUME_READY);
	/* with leave to lose it: one file, once, and it is known as missing */
	losable[0] = only;
	forget_start(&op, volumes[0], &result);
	op.losable = losable;
	op.n_losable = 1;
	catalog_volume_forget(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	assert_int_equal(op.lost, 1);
	assert_int_equal(
	    number("SELECT count(*) FROM damage WHERE kind = 2"), 3);
	assert_int_equal(wrong(), 0);
}

/* An upload is committed while a volume is being forgotten: it is not lost. */
static void
test_late_upload(void **state)
{
	struct catalog_forget op;
	int result;

	(void)state;
	(void)put_copies(300, 2);
	forget_start(&op, volumes[0], &result);
	catalog_volume_forget(lab.c, &op);
	while (number("SELECT chunks FROM volumes WHERE volume = 1") > 100)
		event_base_loop(lab.base, EVLOOP_ONCE);
	(void)put_copies(1, 1);
	wait_for(&result);
	assert_int_equal(result, CATALOG_WOULD_LOSE);
	assert_int_equal(number("SELECT count(*) FROM replicas WHERE chunk ="
				" (SELECT max(chunk) FROM chunks)"),
	    1);
	assert_int_equal(wrong(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define R(f) cmocka_unit_test_setup_teardown(f, setup_volumes, teardown)
	    R(test_fewest_is_kept),
	    R(test_forgotten_in_steps),
	    R(test_refused_whole),
	    R(test_late_upload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
