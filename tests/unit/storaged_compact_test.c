/*
 * Room of dead records comes back, and nothing else goes: emptied segments are
 * used again, what is left of others moves, wherever it is killed; a catalogue
 * that is an old copy costs nobody a file.
 */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "storaged/care/compact_internal.h"
#include "storaged_lab.h"

#define MIB   (1024 * 1024)
#define SMALL 20000
#define FILES 300

/* --- dying ------------------------------------------------------------------*/

/* The program ends before the call that is the @at-th of those that change
 * something on a volume or in the catalogue. */
static struct {
	unsigned at, seen; /* at 0: never */
} dying;

static void
may_die(void)
{
	if (dying.at > 0 &&
	    __atomic_add_fetch(&dying.seen, 1, __ATOMIC_SEQ_CST) == dying.at)
		_exit(42);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	may_die();
	return syscall(SYS_pwritev, fd, iov, n, at, 0);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	may_die();
	return syscall(SYS_pwrite64, fd, data, len, at);
}

int
fdatasync(int fd)
{
	may_die();
	return (int)syscall(SYS_fdatasync, fd);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	may_die();
	return (int)syscall(SYS_renameat, from, old, to, new);
}

int
unlinkat(int dir, const char *path, int flags)
{
	may_die();
	return (int)syscall(SYS_unlinkat, dir, path, flags);
}

/* --- files ------------------------------------------------------------------*/

static void
content_of(unsigned i, uint8_t data[SMALL])
{
	for (size_t k = 0; k < SMALL; k++)
		data[k] = (uint8_t)(k * 31 + i * 7 + (k >> 8) * i);
}

static void
put(unsigned i)
{
	uint8_t data[SMALL];
	char path[32];

	content_of(i, data);
	snprintf(path, sizeof(path), "/f%u", i);
	LAB_OK(lab_put(1, path, data, SMALL));
}

static void delete (unsigned i)
{
	char path[32];

	snprintf(path, sizeof(path), "/f%u", i);
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
}

static void
check(unsigned i)
{
	uint8_t data[SMALL];
	char path[32];

	content_of(i, data);
	snprintf(path, sizeof(path), "/f%u", i);
	LAB_OK(lab_read(1, NULL, path, 0, 0, data));
}

static bool
survives(unsigned i)
{
	return i % 5 == 0;
}

/* Five parts are written, four deleted. */
static void
make_dead(void)
{
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (unsigned i = 0; i < FILES; i++)
		put(i);
	for (unsigned i = 0; i < FILES; i++)
		if (!survives(i))
			delete (i);
	collector_kick(lab.s.collector);
	lab_settle();
}

static void
check_all(void)
{
	for (unsigned i = 0; i < FILES; i++)
		if (survives(i))
			check(i);
	assert_int_equal(lab_chunk_files(), FILES / 5);
}

/* --- segments ---------------------------------------------------------------*/

static struct volume *
volume(void)
{
	return volume_find(lab.s.volumes, LAB_NODE("1"));
}

struct seen {
	size_t n;
	uint64_t bytes;
};

static void
count_segment(const struct chunk_segment *segment, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->bytes += segment->bytes;
}

static struct seen
segments(void)
{
	struct seen seen = {0};

	assert_int_equal(
	    chunk_segments(volume()->store, count_segment, &seen), 0);
	return seen;
}

/* Runs the loop until @n walks are over and nothing waits. */
static void
compact(void)
{
	struct compact *c = lab.s.compact;

	c->wait_us = 0;
	if (!c->running)
		compact_start(c);
	for (int walk = 0; walk < 2; walk++) {
		compact_look(c);
		for (int i = 0; i < 20000; i++) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			if (!c->busy && c->look_us != 0 &&
			    c->volume_key == INT64_MAX &&
			    TAILQ_EMPTY(&c->emptied) && c->segment.number == 0)
				break;
			usleep(500);
		}
	}
}

/* --- tests ------------------------------------------------------------------*/

static void
test_room_comes_back(void **state)
{
	struct compact_status st;
	struct seen before, after;

	(void)state;
	make_dead();
	before = segments();
	assert_true(before.n > 2); /* of 2 MiB each */
	compact();
	after = segments();
	compact_status(lab.s.compact, &st);
	assert_true(st.emptied >= 2);
	assert_true(st.moved > 0);
	assert_true(after.bytes < before.bytes / 2);
	check_all();
	/* what was emptied is used again */
	for (unsigned i = 0; i < FILES; i++)
		if (!survives(i))
			put(i);
	for (unsigned i = 0; i < FILES; i++)
		check(i);
	lab_stop();
	lab_start();
	for (unsigned i = 0; i < FILES; i++)
		check(i);
}

static void
test_all_deleted(void **state)
{
	(void)state;
	make_dead();
	for (unsigned i = 0; i < FILES; i++)
		if (survives(i))
			delete (i);
	collector_kick(lab.s.collector);
	lab_settle();
	compact();
	assert_true(segments().n <= 1); /* the one that is appended to */
	assert_int_equal(lab_chunk_files(), 0);
}

/* What is packed well counts as what it takes. */
static void
test_packed(void **state)
{
	static uint8_t data[SMALL];
	bool unpacked = lab.unpacked;
	struct compact_status st;
	char path[32];

	(void)state;
	lab_stop();
	lab.unpacked = false;
	lab_start();
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_put(1, path, data, SMALL));
	}
	for (unsigned i = 20; i < 100; i++)
		delete (i);
	collector_kick(lab.s.collector);
	lab_settle();
	lab_stop();
	lab_start();
	compact();
	compact_status(lab.s.compact, &st);
	lab.unpacked = unpacked;
	assert_int_equal(st.moved, 20);
	assert_int_equal(lab_chunk_files(), 20);
}

/* Records of very little take more when they are moved than they are long: they
 * are not moved again and again. */
static void
test_tiny(void **state)
{
	struct compact_status st;
	char path[32];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_put(1, path, "x", 1));
	}
	for (int again = 0; again < 3; again++) {
		compact();
		compact_status(lab.s.compact, &st);
		assert_true(again > 0 || st.moved > 900);
		assert_true(again < 2 || st.moved == 0);
		lab_stop();
		lab_start();
	}
	assert_int_equal(lab_chunk_files(), 1100);
}

/* While it is read, and while nobody refers to it yet, nothing goes. */
static void
test_held(void **state)
{
	struct chunk_reader *reader;
	struct chunk_place place;
	struct catalog_chunk c;
	size_t n;

	(void)state;
	make_dead();
	assert_int_equal(catalog_segment_next(
			     lab.s.catalog, volume()->key, 0, INT64_MAX, &c, 1),
	    1);
	place = catalog_place(&c, 0);
	volume_hold(volume(), &place);
	compact();
	n = segments().n;
	assert_int_equal(chunk_open(volume()->store, &place, &reader), 0);
	assert_int_equal(
	    chunk_verify(reader, &c.sums, 0, c.sums.size, NULL), 0);
	chunk_close(reader);
	volume_release(volume(), &place);
	compact();
	assert_true(segments().n < n);
	check_all();
}

static void
retire_now(uint32_t number)
{
	struct compact *c = lab.s.compact;

	c->wait_us = 0;
	c->volume_key = volume()->key;
	compact_emptied(c, number);
	c->volume_key = INT64_MAX;
	TAILQ_FIRST(&c->emptied)->due_us = 0;
	assert_true(compact_retire(c));
	while (c->busy)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

static bool
can_be_read(const struct chunk_place *place)
{
	struct chunk_reader *reader;
	int r = chunk_open(volume()->store, place, &reader);

	if (r == 0)
		chunk_close(reader);
	return r == 0;
}

/* Whoever takes a segment for empty is not believed: rows are asked, and the
 * store, whether somebody reads there or will refer to it. */
static void
test_asked_again(void **state)
{
	struct chunk_place place;
	struct catalog_chunk c;

	(void)state;
	make_dead();
	assert_int_equal(catalog_segment_next(
			     lab.s.catalog, volume()->key, 0, INT64_MAX, &c, 1),
	    1);
	place = catalog_place(&c, 0);
	retire_now(segment_number(place.at));
	assert_true(can_be_read(&place));
	for (unsigned i = 0; i < FILES; i++)
		if (survives(i))
			delete (i);
	collector_kick(lab.s.collector);
	lab_settle();
	chunk_hold(volume()->store, place.at);
	retire_now(segment_number(place.at));
	assert_true(can_be_read(&place));
	chunk_settle(volume()->store, place.at);
	retire_now(segment_number(place.at));
	assert_false(can_be_read(&place));
}

/* A record that has rotted does not move, and is named; the rest does. */
static void
test_rotten(void **state)
{
	struct catalog_chunk c;
	char name[64];

	(void)state;
	make_dead();
	assert_int_equal(catalog_segment_next(
			     lab.s.catalog, volume()->key, 0, INT64_MAX, &c, 1),
	    1);
	/* without the mark of coded ones */
	snprintf(name, sizeof(name), ".segments/%08x",
	    segment_number(c.at[0]) & 0x3fffffff);
	lab_flip_at(volume(), name,
	    (off_t)segment_offset(c.at[0]) + SEGMENT_RECORD + 7);
	compact();
	lab_settle();
	assert_true(lab_status()->corrupt > 0);
	for (unsigned i = 5; i < FILES; i++)
		if (survives(i))
			check(i);
	assert_int_equal(
	    lab_read(1, NULL, "/f0", 0, 0, NULL), NX__STATUS__CORRUPT);
}

/* Killed before the first, the second, ... of all calls that change anything. */
static void
test_killed(void **state)
{
	int status = 0;

	(void)state;
	make_dead();
	for (unsigned at = 1; status == 0 || WEXITSTATUS(status) == 42; at++) {
		pid_t pid;

		lab_stop();
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			(void)alarm(60);
			lab.base = event_base_new();
			lab_start();
			dying.at = at;
			compact();
			_exit(dying.seen < at ? 40 : 41);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_true(
		    WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 40);
		lab_start();
		check_all();
		if (WEXITSTATUS(status) == 40)
			assert_true(at > 5);
	}
	compact();
	check_all();
}

static void
copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* An older copy of the catalogue is put in place, room is looked for, and the
 * newest put back: nothing is lost. */
static void
test_older_catalogue(void **state)
{
	char db[128], older[128], newest[128];
	struct compact_status st;

	(void)state;
	snprintf(db, sizeof(db), "%s/storage/storage.db", lab.dir);
	snprintf(older, sizeof(older), "%s/older", lab.dir);
	snprintf(newest, sizeof(newest), "%s/newest", lab.dir);
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (unsigned i = 0; i < 10; i++)
		put(i);
	lab_stop();
	copy_file(db, older);
	lab_start();
	for (unsigned i = 10; i < FILES; i++)
		put(i);
	lab_stop();
	copy_file(db, newest);
	copy_file(older, db);
	lab_start();
	compact();
	compact_status(lab.s.compact, &st);
	assert_int_equal(st.emptied, 0);
	assert_true(st.kept >= 2);
	lab_stop();
	copy_file(newest, db);
	lab_start();
	for (unsigned i = 0; i < FILES; i++)
		check(i);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_room_comes_back),
	    T(test_all_deleted),
	    T(test_tiny),
	    T(test_packed),
	    T(test_held),
	    T(test_asked_again),
	    T(test_rotten),
	    T(test_killed),
	    T(test_older_catalogue),
	};

	LAB_OR_SKIP("storaged_compact");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
