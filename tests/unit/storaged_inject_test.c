/*
 * The Nth write, sync or link fails, wherever it is: in a chunk, in a
 * directory, in SQLite's log. N = 1, 2, ... until the operation passes. After
 * every failure: what was there before still is, what failed is not, the sums
 * are right, no chunk is left over, and the next attempt works.
 *
 * An upload's bytes are written in some hundred pieces, more or fewer as they
 * come: of those some fail, others each time, and all with INJECT=all in the
 * environment. INJECT_SEED says which some.
 *
 * The failing calls take the place of the C library's in this program, and so
 * in libsqlite3 too.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include "storaged_lab.h"

#define MIB (1024 * 1024)

enum calls { ALL_CALLS, DATABASE_CALLS, NAMES_AND_SYNCS, WRITES };

static struct {
	bool armed, database; /* the database's calls, or everybody else's */
	enum calls calls;     /* that are counted */
	int nth, seen, error;
} fault;

static bool
is_database(int fd)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return strstr(path, "/storage.db") != NULL;
}

static bool
due(int fd, enum calls kind)
{
	bool database;

	if (!__atomic_load_n(&fault.armed, __ATOMIC_RELAXED))
		return false;
	/* A full disk fails the database's writes cleanly; any other failure
	 * of it ends the program, which has a test of its own. */
	database = is_database(fd);
	if (database != fault.database &&
	    (!database || kind != WRITES || fault.error != ENOSPC))
		return false;
	if (fault.calls != ALL_CALLS &&
	    fault.calls != (database ? DATABASE_CALLS : kind))
		return false;
	if (__atomic_add_fetch(&fault.seen, 1, __ATOMIC_RELAXED) != fault.nth)
		return false;
	errno = fault.error;
	return true;
}

int
fdatasync(int fd)
{
	return due(fd, NAMES_AND_SYNCS) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return due(fd, NAMES_AND_SYNCS) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	return due(to, NAMES_AND_SYNCS)
	    ? -1
	    : (int)syscall(SYS_linkat, from, old, to, new, flags);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return due(fd, WRITES) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

/* The one the upload's chunks are written with; small writes are the loop's. */
ssize_t
write(int fd, const void *data, size_t len)
{
	if (len >= 4096 && fd != -1 && due(fd, WRITES))
		return -1;
	return syscall(SYS_write, fd, data, len);
}

static void
arm(int nth, int error)
{
	fault = (typeof(fault)){.nth = nth, .error = error, .armed = true};
}

static bool
disarm(void)
{
	fault.armed = false;
	return fault.seen >= fault.nth;
}

/* A failed sync makes a volume suspect, as it should; trust it again. */
static void
trust_all(void)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		v->suspect = false;
}

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_mkdir(1, "/d", false));
	LAB_OK(lab_put(1, "/d/old", "before", 6));
	return 0;
}

/* Nothing but /d/old and what @more files of @bytes add up to. */
static void
check_state(uint64_t more, uint64_t bytes)
{
	lab_settle();
	collector_kick(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_usage(1)->files, 1 + more);
	assert_int_equal(lab_usage(1)->used, 6 + bytes);
	assert_int_equal(lab_usage(1)->reserved, 0);
	assert_int_equal(lab_status()->uploads, 0);
	assert_int_equal(lab_chunk_files(), lab_status()->chunks);
	LAB_OK(lab_read(1, NULL, "/d/old", 0, 0, (const uint8_t *)"before"));
}

static struct {
	uint8_t *data;
	size_t size;
	int failed;
} up;

/* False: there was no such call. */
static bool
upload_once(enum calls calls, int nth, int error)
{
	Nx__Status status;
	bool struck;

	arm(nth, error);
	fault.calls = calls;
	status = lab_put(1, "/d/new", up.data, up.size);
	lab_settle();
	struck = disarm();
	up.failed += status != NX__STATUS__OK;
	trust_all();
	if (status == NX__STATUS__OK) {
		LAB_OK(lab_read(1, NULL, "/d/new", 0, 0, up.data));
		check_state(1, up.size);
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/d/new"));
	} else
		assert_int_equal(lab_fs(1, NX__METHOD__FS_STAT, "/d/new"),
		    NX__STATUS__NOT_FOUND);
	check_state(0, 0);
	return struck;
}

/* How many there are is not the same each time: the first one that there is not
 * need not be the last. */
static void
upload_each(enum calls calls, int error)
{
	for (int nth = 1, missed = 0; missed < 3; nth++)
		missed += !upload_once(calls, nth, error);
}

/* The first two, and about eight more. */
static void
upload_some(enum calls calls, int error, unsigned *seed)
{
	int most, step;

	assert_false(upload_once(calls, INT32_MAX, error));
	most = fault.seen;
	step = most / 8 + 1;
	for (int nth = 1; nth <= most; nth += nth == 1 ? 1 : step)
		(void)upload_once(
		    calls, nth <= 2 ? nth : nth - rand_r(seed) % step, error);
}

static void
inject_upload(int error, unsigned *seed)
{
	const char *all = getenv("INJECT");

	up.failed = 0;
	upload_each(NAMES_AND_SYNCS, error);
	if (error == ENOSPC)
		upload_each(DATABASE_CALLS, error);
	if (all && strcmp(all, "all") == 0)
		upload_each(WRITES, error);
	else
		upload_some(WRITES, error, seed);
	print_message("# uploads that failed: %d\n", up.failed);
	assert_true(up.failed > 3);
}

static void
test_upload(void **state)
{
	const char *given = getenv("INJECT_SEED");
	unsigned seed =
	    given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

	(void)state;
	print_message("# INJECT_SEED=%u\n", seed);
	up.size = CHUNK_SIZE + 100000;
	up.data = lab_random(up.size);
	inject_upload(EIO, &seed);
	inject_upload(ENOSPC, &seed);
	free(up.data);
}

static void
test_delete(void **state)
{
	bool struck = true;

	(void)state;
	for (int nth = 1; struck; nth++) {
		Nx__Status status;

		LAB_OK(lab_mkdir(1, "/x/y", true));
		LAB_OK(lab_put(1, "/x/y/f", "0123456789", 10));
		arm(nth, EIO);
		status = lab_fs(1, NX__METHOD__FS_DELETE, "/x");
		lab_settle();
		struck = disarm();
		if (status != NX__STATUS__OK) {
			LAB_OK(lab_read(1, NULL, "/x/y/f", 0, 0,
			    (const uint8_t *)"0123456789"));
			check_state(1, 10);
			LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/x"));
		}
		check_state(0, 0);
	}
}

static void
test_move(void **state)
{
	bool struck = true;

	(void)state;
	for (int nth = 1; struck; nth++) {
		Nx__Status status;

		LAB_OK(lab_mkdir(1, "/x", false));
		LAB_OK(lab_put(1, "/x/f", "0123456789", 10));
		arm(nth, EIO);
		status = lab_move(1, "/x", "/d/x", false);
		lab_settle();
		struck = disarm();
		LAB_OK(lab_read(1, NULL,
		    status == NX__STATUS__OK ? "/d/x/f" : "/x/f", 0, 0,
		    (const uint8_t *)"0123456789"));
		check_state(1, 10);
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE,
		    status == NX__STATUS__OK ? "/d/x" : "/x"));
		check_state(0, 0);
	}
}

/* Deleting a node whose chunks have to be moved. */
static void
test_drain(void **state)
{
	struct lab_upload u = {.path = "/d/f", .replicas = 1};
	uint8_t *data = lab_random(MIB);
	bool struck = true;

	(void)state;
	for (int nth = 1; struck; nth++) {
		Nx__Status status;

		LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
		do
			LAB_OK(lab_upload(1, &u, data, MIB, NULL));
		while (lab_settle(), ({
			struct volume *v =
			    volume_find(lab.s.volumes, LAB_NODE("2"));
			uint64_t n = 0;

			assert_int_equal(
			    catalog_volume_chunks(lab.s.catalog, v->key, &n),
			    0);
			n == 0;
		}));
		arm(nth, EIO);
		status = lab_volume_delete(LAB_NODE("2"), false);
		lab_settle();
		struck = disarm();
		trust_all();
		LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, data));
		if (status != NX__STATUS__OK &&
		    volume_find(lab.s.volumes, LAB_NODE("2"))) {
			/* as after a crash, or just again */
			if (nth % 2) {
				lab_stop();
				lab_start();
				trust_all();
			}
			LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, data));
			if (volume_find(lab.s.volumes, LAB_NODE("2")))
				LAB_OK(lab_volume_delete(LAB_NODE("2"), false));
		}
		check_state(1, MIB);
		LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, data));
	}
	free(data);
}

/* Replaces /d/old on a disk that fails under the database, in a storaged of its
 * own. Its exit status: 1 when the database ended it. */
static int
replace_in_child(int nth)
{
	struct lab_upload u = {.path = "/d/old", .replicas = 1};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		lab.base = event_base_new();
		lab_start();
		arm(nth, EIO);
		fault.database = true;
		status = (int)lab_upload(
		    1, &u, (const uint8_t *)"and after", 9, NULL);
		_exit(fault.seen < nth && status == 0 ? 40 : 41);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * Nobody knows whether the commit is in the log: whatever the next start finds,
 * the file is the one or the other, whole.
 */
static void
test_database(void **state)
{
	unsigned lost = 0;
	int end = 0;

	(void)state;
	for (int nth = 1; end != 40; nth++) {
		lab_stop();
		end = replace_in_child(nth);
		lost += end == 1;
		assert_true(end == 1 || end == 40);
		lab_start();
		LAB_OK(lab_read(1, NULL, "/d/old", 0, 0,
		    (const uint8_t *)(lab_usage(1)->used == 6 ? "before"
							      : "and after")));
		LAB_OK(lab_put(1, "/d/old", "before", 6));
		assert_int_equal(lab_usage(1)->files, 1);
		assert_int_equal(lab_usage(1)->used, 6);
		/* what was cut off is an orphan, for the collector in time */
		assert_true(lab_chunk_files() >= lab_status()->chunks);
	}
	assert_true(lost > 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_upload),
	    T(test_delete),
	    T(test_move),
	    T(test_drain),
	    T(test_database),
	};

	LAB_OR_SKIP("failure injection");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
