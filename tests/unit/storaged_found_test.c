/*
 * The catalogue is lost, and with it which disks there are: those that nobody
 * wrote into nexus.conf are found by the lists that the others have, none that
 * is another is taken for one, and one that is not there is missed.
 */
#include "storaged_disks_lab.h"
#undef MIB
#include "storaged_ledger_lab.h"

static Nx__Status
disk_call(Nx__Method method, const char *path)
{
	Nx__DiskRequest q = NX__DISK_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	return lab_call(0, method, &q);
}

static bool
are_listed(void *arg)
{
	struct disk *d;

	(void)arg;
	TAILQ_FOREACH(d, &lab.s.volumes->disks, entry)
		if (d->key != 0 && d->listed != lab.s.volumes->disk_lists)
			return false;
	return !lab.s.volumes->noting;
}

static void
give(char name)
{
	disk_create(name, 300);
	LAB_OK(disk_call(NX__METHOD__DISK_ADD, disk_path(name)));
	turn_until(are_listed, NULL);
}

/* What the file in @dir, below the laboratory's, says. */
static size_t
listed_in(const char *dir, struct disk_listed *ret, size_t max)
{
	char path[160];
	size_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", lab.dir, dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = disk_list_read(fd, ret, max);
	close(fd);
	return n;
}

static void
test_lists(void **state)
{
	struct disk_listed listed[DISKS_MAX];
	char path[160];

	(void)state;
	assert_int_equal(listed_in("storage", listed, DISKS_MAX), 0);
	give('a');
	give('b');
	assert_int_equal(listed_in("storage", listed, DISKS_MAX), 2);
	assert_string_equal(listed[0].path, disk_path('a'));
	assert_string_equal(listed[0].identity, disk_at('a')->identity);
	assert_string_equal(listed[1].path, disk_path('b'));
	assert_int_equal(listed_in("a", listed, DISKS_MAX), 2);
	assert_int_equal(listed_in("b", listed, DISKS_MAX), 2);
	/* one that goes is forgotten everywhere, and its own list with it */
	LAB_OK(disk_call(NX__METHOD__DISK_REMOVE, disk_path('b')));
	for (int i = 0; i < 12000 && disk_at('b'); i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(5000);
	}
	assert_null(disk_at('b'));
	turn_until(are_listed, NULL);
	lab_settle();
	assert_int_equal(listed_in("storage", listed, DISKS_MAX), 1);
	assert_int_equal(listed_in("a", listed, DISKS_MAX), 1);
	snprintf(path, sizeof(path), "%s/" DISK_LIST_FILE, disk_path('b'));
	assert_int_equal(access(path, F_OK), -1);
	/* one that is left there hinders nobody */
	run("echo x >%s", path);
	LAB_OK(disk_call(NX__METHOD__DISK_ADD, disk_path('b')));
	turn_until(are_listed, NULL);
	assert_int_equal(listed_in("b", listed, DISKS_MAX), 2);
}

/* Lines that are none are passed over. */
static void
test_damaged_list(void **state)
{
	static const char id[] = "00112233445566778899aabbccddeeff";
	struct disk_listed l[4];
	char path[160], text[600];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/storage/" DISK_LIST_FILE, lab.dir);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "\n%s\n%s relative\n%s /a/../b\nshort /a\n%s %s\n", id, id,
	    id, id, text);
	fprintf(f, "%.31sg /not/hex\n%s /good\n%s /cut", id, id, id);
	fclose(f);
	assert_int_equal(listed_in("storage", l, 4), 2);
	assert_string_equal(l[0].path, "/good");
	assert_string_equal(l[1].path, "/cut");
	assert_int_equal(listed_in("storage", l, 1), 1);
	run("truncate -s 1M %s", path);
	assert_int_equal(listed_in("storage", l, 4), 0);
	run("rm %s", path);
	assert_int_equal(listed_in("storage", l, 4), 0);
}

/* Stops with nothing but what disk @only has; the state directory's images go
 * where nobody looks. */
static void
lose_all_but_disks(void)
{
	lab_stop();
	lose_database();
	run("mkdir -p %s/lost && mv %s/volumes/*.img %s/lost/", lab.dir,
	    lab.dir, lab.dir);
}

static bool
is_placed(void *arg)
{
	(void)arg;
	return ledger_status(lab.s.ledger).copies == 2;
}

static void
test_added_only(void **state)
{
	(void)state;
	give('a');
	turn_until(is_placed, NULL);
	LAB_OK(lab_put(7, "/f", "hello", 5));
	lose_all_but_disks();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	run("mv %s/lost/*.img %s/volumes/", lab.dir, lab.dir);
	lab_start();
	assert_non_null(disk_at('a'));
	turn_until(is_well, disk_at('a'));
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
}

/* Without the state directory's list: nexus.conf names one, which knows the
 * other. */
static void
test_by_another(void **state)
{
	int fds[32];
	size_t n;
	char path[160];

	(void)state;
	give('a');
	give('b');
	lab_stop();
	run("rm %s/storage/" DISK_LIST_FILE, lab.dir);
	n = rescue_images(&lab.s, fds, 32, NULL);
	assert_int_equal(n, 1);
	nx_close(&fds[0]);
	snprintf(path, sizeof(path), "%s", disk_path('b'));
	lab.s.conf.disks = path;
	n = rescue_images(&lab.s, fds, 32, NULL);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++)
		nx_close(&fds[i]);
	lab.s.conf.disks = NULL;
	lab_start();
}

static void
test_not_there(void **state)
{
	(void)state;
	give('a');
	turn_until(is_placed, NULL);
	LAB_OK(lab_put(7, "/f", "hello", 5));
	lab_stop();
	lose_database();
	disk_pull('a');
	assert_int_equal(rebuild(false), -ENODEV);
	if (!strstr(last_rescue.text, "/a is not mounted") ||
	    !strstr(last_rescue.text, "--partial"))
		fail_msg("%s", last_rescue.text);
	if (rebuild(true) != 0)
		fail_msg("%s", last_rescue.text);
	disk_mount('a');
	lab_start();
	turn_until(is_well, disk_at('a'));
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
}

/* What has another identity is not looked into. */
static void
test_another_there(void **state)
{
	int fds[32];
	char missing[RESCUE_MISSING];
	size_t n;

	(void)state;
	give('a');
	lab_stop();
	disk_pull('a');
	run("mkfs.ext4 -q -F %s.disk", disk_path('a'));
	disk_mount('a');
	run("mkdir %s/volumes && echo nexus disk "
	    "00112233445566778899aabbccddeeff >%s/" DISK_FILE,
	    disk_path('a'), disk_path('a'));
	n = rescue_images(&lab.s, fds, 32, missing);
	assert_int_equal(n, 1);
	nx_close(&fds[0]);
	assert_non_null(strstr(missing, "another disk is at"));
	lab_start();
}

static int
setup(void **state)
{
	lab.copies = true;
	return disks_setup(state, "", 0);
}

static int
teardown(void **state)
{
	int r = disks_teardown(state);

	lab.copies = false;
	return r;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_lists),
	    T(test_damaged_list),
	    T(test_added_only),
	    T(test_by_another),
	    T(test_not_there),
	    T(test_another_there),
	};

	LAB_OR_SKIP("finding disks without a catalogue");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
