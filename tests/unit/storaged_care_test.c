/*
 * What gives space back, when something is wrong: a volume that refuses, a
 * catalogue older than the chunks, a full disk, one without inodes.
 */
#include "storaged_lab.h"
#include "proto/history.pb-c.h"
#include "storaged/care/pace.h"

#define MIB (1024 * 1024)

static struct volume *
volume_of(const char *node)
{
	struct volume *v = volume_find(lab.s.volumes, node);

	assert_non_null(v);
	return v;
}

/* A file that is no small one: its chunk has a file of its own. */
static void
put_large(uint64_t user, const char *path)
{
	static const uint8_t data[SEGMENT_CHUNK_MAX + 1] = "precious";

	LAB_OK(lab_put(user, path, data, sizeof(data)));
}

static size_t
files_on(const char *node)
{
	size_t n = 0;

	assert_int_equal(
	    chunk_list(volume_of(node)->store, lab_count_name, &n), 0);
	return n;
}

/* --- trash ------------------------------------------------------------------*/

/* A store that cannot unlink, as on a volume that has become read-only. */
static int
refuse_to_remove(struct chunk_store *store, const struct chunk_id *id)
{
	(void)store;
	(void)id;
	return -EROFS;
}

static void
test_one_volume_refuses(void **state)
{
	struct chunk_store_ops ops;
	const struct chunk_store_ops *good;
	struct volume *first;
	char path[16];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		put_large(1, path);
	}
	assert_int_equal(files_on(LAB_NODE("1")), 8);
	assert_int_equal(files_on(LAB_NODE("2")), 8);
	first = volume_of(LAB_NODE("1"));
	good = first->store->ops;
	ops = *good;
	ops.remove = refuse_to_remove;
	first->store->ops = &ops;
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
	}
	lab_settle();
	assert_int_equal(files_on(LAB_NODE("1")), 8);
	assert_int_equal(files_on(LAB_NODE("2")), 0);
	assert_true(first->suspect);
	first->store->ops = good;
}

/* --- orphans ----------------------------------------------------------------*/

static void
copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* An older copy of the catalogue is put in place, noticed, and the newest put
 * back: nothing is lost. */
static void
test_older_catalogue(void **state)
{
	char db[128], older[128], newest[128], path[16];

	(void)state;
	snprintf(db, sizeof(db), "%s/storage/storage.db", lab.dir);
	snprintf(older, sizeof(older), "%s/older", lab.dir);
	snprintf(newest, sizeof(newest), "%s/newest", lab.dir);
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	lab_stop();
	copy_file(db, older);
	lab_start();
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		put_large(1, path);
	}
	lab_stop();
	copy_file(db, newest);
	copy_file(older, db);
	lab_start();
	lab.s.conf.orphan_grace = 0;
	sleep(2);
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_status()->files, 0);
	assert_int_equal(lab_status()->set_aside, 5);
	lab_stop();
	copy_file(newest, db);
	lab_start();
	collector_sweep(lab.s.collector);
	lab_settle();
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(
		    lab_read(1, NULL, path, 0, 8, (const uint8_t *)"precious"));
	}
	assert_int_equal(lab_status()->set_aside, 0);
}

static void
test_too_many_orphans(void **state)
{
	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	for (int i = 0; i < 65; i++)
		lab_orphan(volume_of(LAB_NODE("1")));
	lab_orphan(volume_of(LAB_NODE("2")));
	lab.s.conf.orphan_grace = 0;
	sleep(2);
	collector_sweep(lab.s.collector);
	lab_settle();
	/* refused on the one, not on the other */
	assert_int_equal(lab_status()->orphans_refused, 65);
	assert_int_equal(lab_status()->set_aside, 1);
	/* the operator says that they may go */
	lab.s.conf.orphans = 65;
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_status()->orphans_refused, 0);
	assert_int_equal(lab_status()->set_aside, 66);
}

/* --- inodes -----------------------------------------------------------------*/

/* One-byte files do not take a volume's last inodes; what is there stays. */
static void
test_inodes_are_kept(void **state)
{
	struct statvfs fs;
	char name[32];
	int view, dir;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	LAB_OK(lab_put(7, "/before", "x", 1));
	view = volume_find(lab.s.volumes, LAB_NODE("1"))->mounted.mount.view;
	assert_int_equal(mkdirat(view, "others", 0700), 0);
	dir = openat(view, "others", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0;; i++) {
		int fd;

		assert_int_equal(fstatvfs(dir, &fs), 0);
		if (fs.f_favail <= fs.f_files / 8)
			break;
		snprintf(name, sizeof(name), "%u", i);
		fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_true(fs.f_favail > 0);
	assert_int_equal(lab_put(7, "/after", "x", 1), NX__STATUS__FULL);
	LAB_OK(lab_read(7, NULL, "/before", 0, 0, (const uint8_t *)"x"));
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/before"));
	assert_int_equal(unlinkat(dir, "0", 0), 0);
	lab_settle();
	LAB_OK(lab_put(7, "/after", "x", 1));
	close(dir);
}

/* --- a full disk ------------------------------------------------------------*/

static int
setup_small_disk(void **state)
{
	lab.tmpfs = "size=130M";
	return lab_setup(state);
}

static void
fill_disk(void)
{
	static uint8_t junk[65536];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/junk", lab.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (size_t n = sizeof(junk); n > 0;)
		if (write(fd, junk, n) != (ssize_t)n)
			n /= 2;
	close(fd);
}

/* Somebody goes on making folders while others delete: the reserve is not for
 * them, and the deletions all work. */
static void
test_reserve_is_for_deleting(void **state)
{
	unsigned made = 0, refused = 0;
	char path[32], junk[256];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/f%d", i);
		LAB_OK(lab_put(7, path, "x", 1));
	}
	fill_disk();
	for (int i = 0; i < 20000 && refused == 0; i++) {
		snprintf(path, sizeof(path), "/fill-%d", i);
		refused = lab_mkdir(8, path, false) != NX__STATUS__OK;
	}
	assert_int_equal(reply.status, NX__STATUS__FULL);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/f%d", i);
		LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, path));
		if (reserve_held(lab.s.reserve))
			continue;
		for (int k = 0; k < 10; k++) {
			snprintf(path, sizeof(path), "/more-%d-%d", i, k);
			made += lab_mkdir(8, path, false) == NX__STATUS__OK;
		}
		assert_int_equal(reply.status, NX__STATUS__FULL);
		assert_non_null(strstr(reply.error, "only deleting works"));
		assert_int_equal(lab_put(8, "/up", "x", 1), NX__STATUS__FULL);
		assert_int_equal(
		    lab_move(7, "/f299", "/g", false), NX__STATUS__FULL);
	}
	assert_int_equal(made, 0);
	assert_true(lab_status()->disk_full);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	/* room again: the reserve comes back, and everything works */
	snprintf(junk, sizeof(junk), "%s/junk", lab.dir);
	assert_int_equal(unlink(junk), 0);
	lab_stop();
	lab_start();
	assert_false(lab_status()->disk_full);
	LAB_OK(lab_mkdir(8, "/again", false));
}

/* Giving up for good is deleting, too. */
static void
test_reserve_is_for_purging(void **state)
{
	Nx__FsPurgeRequest purge = NX__FS_PURGE_REQUEST__INIT;
	Nx__SnapshotRequest snapshot = NX__SNAPSHOT_REQUEST__INIT;
	Nx__Status status = NX__STATUS__OK;
	char path[64];

	(void)state;
	assert_int_equal(catalog_history_default(
			     lab.s.catalog, 604800, 500ULL << 20, 1000000),
	    0);
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/f%d", i);
		LAB_OK(lab_put(7, path, "x", 1));
		LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, path));
	}
	lab_settle();
	snapshot.name = (char *)(uintptr_t) "s";
	LAB_OK(lab_call(7, NX__METHOD__SNAPSHOT_MAKE, &snapshot));
	fill_disk();
	for (int i = 0; i < 20000 && status == NX__STATUS__OK; i++) {
		snprintf(path, sizeof(path), "/fill-%d", i);
		status = lab_mkdir(8, path, false);
	}
	assert_int_equal(status, NX__STATUS__FULL);
	purge.path = (char *)(uintptr_t) "/";
	LAB_OK(lab_call(7, NX__METHOD__FS_PURGE, &purge));
	assert_int_equal(LAB_BODY(Nx__FsPurgeReply)->files, 300);
	LAB_OK(lab_call(7, NX__METHOD__SNAPSHOT_DELETE, &snapshot));
	assert_true(lab_status()->disk_full);
	lab_settle();
}

/* A sweep rests after every 64 names; the rests can be told from how long it
 * takes at least. */
static void
test_sweep_rests(void **state)
{
	enum { FILES = 300, RESTS = FILES / 64, REST_US = 2000 };
	uint64_t began;
	char path[32];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 128 * MIB));
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/f%d", i);
		put_large(7, path);
	}
	lab_settle();
	sleep(2); /* what is younger than the second is not looked at */
	lab.s.conf.orphan_grace = 0;
	began = nx_now_us();
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_true(nx_now_us() - began >= RESTS * REST_US + 10 * 500);
	assert_int_equal(lab_chunk_files(), FILES);
}

/* Beside others a step is followed by a rest a hundred times as long; when
 * nobody has asked for anything for a second, by one of its own length. */
static void
test_pace_leaves_time(void **state)
{
	struct pace pace = {0};

	(void)state;
	assert_int_equal(pace_rest(&pace, &lab.s, 5000), 5000);
	LAB_OK(lab_mkdir(7, "/a", false));
	assert_true(pace_others(&pace, &lab.s));
	assert_int_equal(pace_rest(&pace, &lab.s, 5000), 5000 * 99);
	/* and no more often than ten times a second */
	assert_int_equal(pace_rest(&pace, &lab.s, 10), 100000);
	usleep(1100000);
	assert_false(pace_others(&pace, &lab.s));
	assert_int_equal(pace_rest(&pace, &lab.s, 5000), 5000);
}

/* Whoever is ahead of the reaping waits for it: twice the quota, and no more. */
static void
test_nobody_gets_ahead(void **state)
{
	Nx__SetQuotaRequest q = NX__SET_QUOTA_REQUEST__INIT;
	Nx__Status status = NX__STATUS__OK;

	(void)state;
	q.user_id = 1;
	q.quota = 1024; /* two folders */
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &q));
	for (int i = 0; i < 1000; i++) {
		status = lab_mkdir(1, "/x", false);
		if (status != NX__STATUS__OK)
			break;
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/x"));
	}
	assert_int_equal(status, NX__STATUS__LIMIT);
	assert_non_null(strstr(reply.error, " of what you deleted"));
	/* the sentence and Retry-After say the same */
	assert_non_null(strstr(reply.error, "again in 10 seconds"));
	assert_int_equal(reply.retry_s, 10);
	LAB_OK(lab_mkdir(2, "/x", false));
	lab_settle();
	LAB_OK(lab_mkdir(1, "/x", false));
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_one_volume_refuses),
	    T(test_older_catalogue),
	    T(test_too_many_orphans),
	    T(test_inodes_are_kept),
	    T(test_pace_leaves_time),
	    T(test_sweep_rests),
	    T(test_nobody_gets_ahead),
	    cmocka_unit_test_setup_teardown(
		test_reserve_is_for_deleting, setup_small_disk, lab_teardown),
	    cmocka_unit_test_setup_teardown(
		test_reserve_is_for_purging, setup_small_disk, lab_teardown),
	};

	LAB_OR_SKIP("giving space back");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
