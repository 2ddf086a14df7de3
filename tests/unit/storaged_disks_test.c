/*
 * Several disks: copies on different ones, one that goes away and comes back,
 * one that is not mounted, one that is full.
 */
#include <stdatomic.h>
#include <sys/syscall.h>

#include "storaged_disks_lab.h"

static atomic_bool hanging; /* whoever syncs what a disk is tried with waits */

int
fsync(int fd)
{
	char link[64], name[256] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	while (atomic_load(&hanging) &&
	    readlink(link, name, sizeof(name) - 1) > 0 &&
	    strstr(name, "/b/volumes/.probe"))
		usleep(10000);
	return (int)syscall(SYS_fsync, fd);
}

static int
setup(void **state)
{
	lab.away_grace = 1;
	return disks_setup(state, "ab", 270);
}

static void
put_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_put(7, path, path, strlen(path)));
	}
}

static void
read_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_read(
		    7, NULL, path, 0, 0, (const uint8_t *)(void *)path));
	}
}

static void
test_spread(void **state)
{
	(void)state;
	assert_non_null(disk_at('a'));
	assert_non_null(disk_at('b'));
	assert_false(disk_at('a')->away);
	assert_int_equal(lab_status()->base_volumes, 2);
	put_many(20);
	for (unsigned i = 0; i < 20; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/f%u", i);
		assert_int_equal(disks_of(7, path), 2);
	}
	/* none is in the state directory */
	assert_null(volume_by_key(lab.s.volumes, 0));
	lab_stop();
	lab_start();
	assert_int_equal(lab_status()->base_volumes, 2);
	read_many(20);
	put_many(20);
}

/* However the volumes are: two on one disk and one on the other. */
static void
test_other_disk_first(void **state)
{
	struct volume *v;
	unsigned on_a = 0;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 16 * MIB));
	LAB_OK(lab_volume(LAB_NODE("3"), 16 * MIB));
	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		on_a += v->disk == disk_at('a');
	assert_in_range(on_a, 2, 3); /* nodes' volumes are spread too */
	for (int i = 0; i < 40; i++) {
		LAB_OK(lab_put(7, "/x", "hello", 5));
		assert_int_equal(disks_of(7, "/x"), 2);
	}
}

static void
test_pulled_and_back(void **state)
{
	struct disk *b;
	struct stat st;
	char path[256];

	(void)state;
	put_many(10);
	b = disk_at('b');
	disk_pull('b');
	look_at(b);
	turn_until(is_away, b);
	/* reads go on, writes too, with what there is */
	read_many(10);
	LAB_OK(lab_put(7, "/more", "more", 4));
	assert_int_equal(disks_of(7, "/more"), 1);
	assert_int_equal(lab_status()->away, 1);
	/* the directory that is there now is not written to */
	for (int i = 0; i < 50; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
	snprintf(path, sizeof(path), "%s/volumes", disk_path('b'));
	assert_int_equal(stat(path, &st), -1);
	disk_mount('b');
	look_at(b);
	turn_until(is_well, b);
	lab_settle();
	read_many(10);
	LAB_OK(lab_put(7, "/again", "again", 5));
	assert_int_equal(disks_of(7, "/again"), 2);
}

static bool
is_swept_clean(void *arg)
{
	(void)arg;
	return lab_chunk_files() == 0;
}

/* What was deleted while it was away takes no room there once it is back: nobody
 * has to delete anything else first. */
static void
test_deleted_while_away(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 2};
	uint8_t *data = lab_random(MIB);
	struct disk *b;

	(void)state;
	LAB_OK(lab_upload(7, &u, data, MIB, NULL));
	b = disk_at('b');
	disk_pull('b');
	look_at(b);
	turn_until(is_away, b);
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/f"));
	lab_settle();
	disk_mount('b');
	look_at(b);
	turn_until(is_well, b);
	turn_until(is_swept_clean, NULL);
	free(data);
}

/* At start it is not there. */
static void
test_not_mounted(void **state)
{
	struct stat st;
	char path[256];

	(void)state;
	put_many(10);
	lab_stop();
	disk_pull('b');
	lab_start();
	assert_true(disk_at('b')->away);
	read_many(10);
	snprintf(path, sizeof(path), "%s/" DISK_FILE, disk_path('b'));
	assert_int_equal(stat(path, &st), -1);
	disk_mount('b');
	look_at(disk_at('b'));
	turn_until(is_well, disk_at('b'));
	assert_int_equal(lab_status()->away, 0);
}

static void
test_read_only(void **state)
{
	struct disk *b;

	(void)state;
	put_many(10);
	b = disk_at('b');
	disk_break('b');
	look_at(b);
	turn_until(is_away, b);
	read_many(10);
	/* nobody of ours keeps it busy */
	turn_until(is_let_go, b);
	run("for i in $(seq 50); do umount %s && exit; sleep 0.1; done; exit 1",
	    disk_path('b'));
	disk_mount('b');
	look_at(b);
	turn_until(is_well, b);
	LAB_OK(lab_put(7, "/again", "again", 5));
	assert_int_equal(disks_of(7, "/again"), 2);
}

/* Something else is mounted there, even another Nexus's disk. */
static void
test_another_in_its_place(void **state)
{
	struct disk *b;

	(void)state;
	put_many(10);
	b = disk_at('b');
	disk_create('c', 200);
	run("mkdir %s/volumes && echo 'nexus disk %s' >%s/" DISK_FILE,
	    disk_path('c'), LAB_NODE("c"), disk_path('c'));
	run("mount --move %s %s", disk_path('c'), disk_path('b'));
	look_at(b);
	turn_until(is_away, b);
	assert_non_null(strstr(b->why, "another disk"));
	lab_settle();
	look_at(b);
	for (int i = 0; i < 50; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
	assert_true(b->away);
	run("! ls -A %s/volumes | grep .", disk_path('b'));
	read_many(10);
	disk_pull('b');
	look_at(b);
	turn_until(is_well, b);
}

/* It neither fails nor answers: nobody waits for it. */
static void
test_hangs(void **state)
{
	struct disk *b;

	(void)state;
	put_many(10);
	b = disk_at('b');
	atomic_store(&hanging, true);
	look_at(b);
	turn_until(is_away, b);
	assert_true(b->hung);
	assert_string_equal(b->why, "it does not answer");
	read_many(10);
	LAB_OK(lab_put(7, "/more", "more", 4));
	assert_int_equal(disks_of(7, "/more"), 1);
	atomic_store(&hanging, false);
	turn_until(is_well, b);
	LAB_OK(lab_put(7, "/again", "again", 5));
	assert_int_equal(disks_of(7, "/again"), 2);
}

static bool
has_base(void *arg)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->disk == arg && volume_writable(v))
			return true;
	return false;
}

static bool
is_made(void *arg)
{
	(void)arg;
	return !base_making(lab.s.volumes);
}

/* While a volume is made there: it is not made somewhere else, and nothing of it
 * stands in the way of the next. */
static void
test_away_while_made(void **state)
{
	Nx__DiskRequest q = NX__DISK_REQUEST__INIT;
	struct disk *c;

	(void)state;
	disk_create('c', 300);
	q.path = (char *)(uintptr_t)disk_path('c');
	LAB_OK(lab_call(0, NX__METHOD__DISK_ADD, &q));
	c = disk_at('c');
	assert_false(is_made(NULL));
	disk_lost(lab.s.volumes, c, "as the test wants it");
	turn_until(is_made, NULL);
	lab_settle();
	run("test -z \"$(find %s/storage/mnt %s -name 'base-*.img')\"", lab.dir,
	    disk_path('c'));
	look_at(c);
	c->base_retry_us = 0;
	turn_until(has_base, c);
	run("test -n \"$(find %s -name 'base-*.img')\"", disk_path('c'));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, disks_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_spread),
	    T(test_other_disk_first),
	    T(test_pulled_and_back),
	    T(test_deleted_while_away),
	    T(test_not_mounted),
	    T(test_another_in_its_place),
	    T(test_read_only),
	    T(test_hangs),
	    T(test_away_while_made),
	};

	LAB_OR_SKIP("disks");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
