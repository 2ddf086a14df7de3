/*
 * Emptying volumes and disks on purpose: what is there is elsewhere before it
 * is given up, restarts do not matter, and what cannot go anywhere stays.
 */
#include "storaged_disks_lab.h"

#define FILES 12U

static int
setup(void **state)
{
	lab.away_grace = 600;
	return disks_setup(state, "ab", 300);
}

static int
setup_one(void **state)
{
	return disks_setup(state, "a", 300);
}

static int
teardown(void **state)
{
	lab.move_rate = 0;
	return disks_teardown(state);
}

static void
name_of(unsigned i, char path[32])
{
	snprintf(path, 32, "/f%u", i);
}

static void
put_many(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		char path[32];

		name_of(i, path);
		LAB_OK(lab_put(7, path, path, strlen(path)));
	}
}

static void
read_many(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		char path[32];

		name_of(i, path);
		LAB_OK(lab_read(
		    7, NULL, path, 0, 0, (const uint8_t *)(void *)path));
	}
}

static unsigned
least_disks(void)
{
	unsigned least = 99;

	for (unsigned i = 0; i < FILES; i++) {
		char path[32];
		unsigned n;

		name_of(i, path);
		n = disks_of(7, path);
		least = n < least ? n : least;
	}
	return least;
}

static Nx__Status
empty(const char *volume, bool failed)
{
	Nx__VolumeEmptyRequest q = NX__VOLUME_EMPTY_REQUEST__INIT;

	q.node = (char *)(uintptr_t)volume;
	q.failed = failed;
	return lab_call(0, NX__METHOD__VOLUME_EMPTY, &q);
}

static Nx__Status
disk_call(Nx__Method method, const char *path)
{
	Nx__DiskRequest q = NX__DISK_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	return lab_call(0, method, &q);
}

static struct volume *
base_on(char disk)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->base && v->disk == disk_at(disk))
			return v;
	fail_msg("no base volume there");
	return NULL;
}

static bool
is_gone(void *arg)
{
	return volume_find(lab.s.volumes, arg) == NULL;
}

static bool
is_spread(void *arg)
{
	(void)arg;
	return least_disks() == 2;
}

static bool
is_no_disk(void *arg)
{
	return disk_find(lab.s.volumes, arg) == NULL;
}

static void
test_drain(void **state)
{
	char name[NX_ID_LEN + 1];
	struct volume *v;

	(void)state;
	put_many();
	v = base_on('a');
	snprintf(name, sizeof(name), "%s", v->node);
	LAB_OK(empty(name, false));
	assert_string_equal(LAB_BODY(Nx__VolumeInfo)->state, "draining");
	/* one more is made there, so that copies are apart again */
	turn_until(is_gone, name);
	read_many();
	turn_until(is_spread, NULL);
	assert_int_equal(lab_status()->degraded_files, 0);
	assert_int_equal(lab_status()->base_volumes, 2);
	assert_string_not_equal(base_on('a')->node, name);
}

/* The intent is there after a restart, and is taken back. */
static void
test_drain_over_restarts(void **state)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;
	char name[NX_ID_LEN + 1];
	struct volume *v;

	(void)state;
	put_many();
	v = base_on('b');
	snprintf(name, sizeof(name), "%s", v->node);
	/* so slow that nothing will have moved but the first */
	lab.s.conf.move_rate = lab.move_rate = 1;
	LAB_OK(empty(name, false));
	lab_settle();
	lab_stop();
	lab_start();
	v = volume_find(lab.s.volumes, name);
	assert_non_null(v);
	assert_string_equal(volume_condition(v), "draining");
	assert_false(volume_writable(v));
	read_many();
	q.node = name;
	LAB_OK(lab_call(0, NX__METHOD__VOLUME_TRUST, &q));
	assert_string_equal(volume_condition(v), "good");
	lab_stop();
	lab.move_rate = 0;
	lab_start();
	assert_true(volume_writable(volume_find(lab.s.volumes, name)));
	LAB_OK(empty(name, false));
	lab_stop();
	lab_start();
	turn_until(is_gone, name);
	read_many();
}

static void
test_fail(void **state)
{
	char name[NX_ID_LEN + 1];
	struct volume *v;

	(void)state;
	put_many();
	v = base_on('a');
	snprintf(name, sizeof(name), "%s", v->node);
	LAB_OK(empty(name, true));
	assert_string_equal(volume_condition(v), "failed");
	turn_until(is_gone, name);
	read_many();
	assert_int_equal(lab_status()->degraded_files, 0);
	assert_int_equal(empty("base-9", false), NX__STATUS__NOT_FOUND);
}

static void
test_remove_disk(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	put_many();
	/* nexus.conf names it: the next start would add it again */
	assert_int_equal(disk_call(NX__METHOD__DISK_REMOVE, disk_path('b')),
	    NX__STATUS__CONFLICT);
	lab_stop();
	lab.disks = (char *)(uintptr_t) "";
	lab_start();
	LAB_OK(disk_call(NX__METHOD__DISK_REMOVE, disk_path('b')));
	assert_string_equal(LAB_BODY(Nx__DiskInfo)->state, "leaving");
	/* it goes on after a restart */
	lab_stop();
	lab_start();
	snprintf(path, sizeof(path), "%s", disk_path('b'));
	turn_until(is_no_disk, path);
	lab_settle();
	read_many();
	snprintf(path, sizeof(path), "%s/" DISK_FILE, disk_path('b'));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(lab_status()->degraded_files, 0);
	/* and comes back, empty */
	LAB_OK(disk_call(NX__METHOD__DISK_ADD, disk_path('b')));
	assert_string_equal(LAB_BODY(Nx__DiskInfo)->state, "good");
	turn_until(is_spread, NULL);
}

/* One that is lost for good: what it held is made anew, and it is forgotten. */
static void
test_remove_lost_disk(void **state)
{
	char path[128];

	(void)state;
	put_many();
	lab_stop();
	lab.disks = (char *)(uintptr_t) "";
	lab_start();
	disk_pull('b');
	look_at(disk_at('b'));
	turn_until(is_away, disk_at('b'));
	turn_until(is_let_go, disk_at('b'));
	LAB_OK(disk_call(NX__METHOD__DISK_REMOVE, disk_path('b')));
	snprintf(path, sizeof(path), "%s", disk_path('b'));
	turn_until(is_no_disk, path);
	read_many();
	turn_until(is_spread, NULL);
	assert_int_equal(lab_status()->degraded_files, 0);
	assert_int_equal(lab_status()->away, 0);
}

static bool
is_spread_file(void *arg)
{
	struct catalog_chunk chunk;

	lab_first_chunk(arg, &chunk);
	return chunk.n_replicas == 2 &&
	    volume_by_key(lab.s.volumes, chunk.volumes[0])->disk !=
	    volume_by_key(lab.s.volumes, chunk.volumes[1])->disk;
}

/* The volume, or it is gone. */
static bool
is_stuck(void *arg)
{
	struct volume *v = volume_find(lab.s.volumes, arg);

	return !v || v->stuck > 0;
}

/* What is good only there holds the removal up: a copy elsewhere that is rotten
 * does not take its place. */
static void
test_only_good_one_away(void **state)
{
	struct lab_upload u = {.path = "/f"};
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk chunk;
	char id[33], node[NX_ID_LEN + 1];
	struct volume *v;

	(void)state;
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	turn_until(is_spread_file, id);
	lab_first_chunk(id, &chunk);
	assert_int_equal(chunk.n_replicas, 2);
	lab_flip(base_on('a'), chunk.id.text, 100000);
	lab_stop();
	lab.disks = (char *)(uintptr_t) "";
	lab_start();
	v = base_on('b');
	disk_pull('b');
	look_at(disk_at('b'));
	turn_until(is_away, disk_at('b'));
	turn_until(is_let_go, disk_at('b'));
	LAB_OK(disk_call(NX__METHOD__DISK_REMOVE, disk_path('b')));
	snprintf(node, sizeof(node), "%s", v->node);
	turn_until(is_stuck, node);
	v = volume_find(lab.s.volumes, node);
	assert_non_null(v);
	lab_first_chunk(id, &chunk);
	assert_true(catalog_replica_on(&chunk, v->key) < CATALOG_REPLICAS);
	assert_non_null(disk_find(lab.s.volumes, disk_path('b')));
	free(data);
}

static void
test_bad_disks(void **state)
{
	char path[160];

	(void)state;
	put_many();
	assert_int_equal(
	    disk_call(NX__METHOD__DISK_ADD, "srv"), NX__STATUS__INVALID);
	assert_int_equal(disk_call(NX__METHOD__DISK_ADD, "/srv/a, /srv/b"),
	    NX__STATUS__INVALID);
	assert_int_equal(
	    disk_call(NX__METHOD__DISK_ADD, "/no/such"), NX__STATUS__CONFLICT);
	/* not mounted: the directory below is on the root file system */
	snprintf(path, sizeof(path), "%s/c", lab.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
	    disk_call(NX__METHOD__DISK_ADD, path), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "not mounted"));
	/* one disk twice */
	snprintf(path, sizeof(path), "%s/again", disk_path('a'));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
	    disk_call(NX__METHOD__DISK_ADD, path), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "same file system"));
	/* not empty */
	disk_create('d', 100);
	run("echo x >%s/precious", disk_path('d'));
	assert_int_equal(disk_call(NX__METHOD__DISK_ADD, disk_path('d')),
	    NX__STATUS__CONFLICT);
	run("rm %s/precious && ! ls %s | grep -v lost+found", disk_path('d'),
	    disk_path('d'));
	LAB_OK(disk_call(NX__METHOD__DISK_ADD, disk_path('d')));
}

/* The only disk: nothing has room elsewhere, so nothing begins. */
static void
test_no_room(void **state)
{
	struct lab_upload u = {.name = "big", .replicas = 1};
	uint8_t *data = lab_random(40 * MIB);
	struct volume *v;

	(void)state;
	lab.s.conf.base_max = 1;
	LAB_OK(lab_upload(7, &u, data, 40 * MIB, NULL));
	v = base_on('a');
	assert_int_equal(empty(v->node, false), NX__STATUS__FULL);
	assert_string_equal(volume_condition(v), "good");
	lab.s.conf.disks = NULL;
	lab.s.conf.base_size = 0;
	assert_int_equal(disk_call(NX__METHOD__DISK_REMOVE, disk_path('a')),
	    NX__STATUS__FULL);
	/* taken for failed it is, and what has nowhere to go stays */
	LAB_OK(empty(v->node, true));
	lab_settle();
	assert_true(v->stuck > 0);
	assert_ptr_equal(volume_find(lab.s.volumes, v->node), v);
	free(data);
}

/* Copies on one disk move apart when there is another. */
static void
test_spread(void **state)
{
	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 32 * MIB));
	put_many();
	assert_int_equal(least_disks(), 1);
	disk_create('b', 300);
	LAB_OK(disk_call(NX__METHOD__DISK_ADD, disk_path('b')));
	turn_until(is_spread, NULL);
	read_many();
	lab_settle();
	assert_int_equal(lab_status()->unspread, 0);
}

static void
test_who_may_ask(void **state)
{
	Nx__DiskRequest q = NX__DISK_REQUEST__INIT;
	Nx__VolumeEmptyRequest e = NX__VOLUME_EMPTY_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(0);

	(void)state;
	q.path = (char *)(uintptr_t) "/srv/x";
	assert_int_equal(
	    lab_node_call(NX__METHOD__DISK_ADD, &q), NX__STATUS__DENIED);
	assert_int_equal(
	    lab_call_as(NX_ROLE_GATEWAY, &opts, NX__METHOD__DISK_REMOVE, &q),
	    NX__STATUS__DENIED);
	assert_int_equal(
	    lab_node_call(NX__METHOD__VOLUME_EMPTY, &e), NX__STATUS__DENIED);
}

#define T(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T1(f) cmocka_unit_test_setup_teardown(f, setup_one, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_drain),
	    T(test_drain_over_restarts),
	    T(test_fail),
	    T(test_remove_disk),
	    T(test_remove_lost_disk),
	    T(test_only_good_one_away),
	    T(test_bad_disks),
	    T1(test_no_room),
	    T1(test_spread),
	    T1(test_who_may_ask),
	};

	LAB_OR_SKIP("emptying volumes and disks");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
