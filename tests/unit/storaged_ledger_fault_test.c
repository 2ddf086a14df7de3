/*
 * The Nth write, sync or open of a copy of the catalogue fails, and the program
 * dies before any one of its steps: commits go on, nothing anybody was told of
 * is missing in what is made anew, and making anew can be begun again wherever
 * it ended.
 *
 * The calls take the place of the C library's in this program, and so in
 * libsqlite3 too.
 */
#include <dirent.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "storaged/ledger/gather.h"
#include "storaged/ledger/place.h"
#include "tests/unit/storaged_ledger_lab.h"

static struct {
	bool copies; /* calls on copies alone, else on all that is kept */
	int nth;     /* 0: none */
	int error;   /* 0: the program dies */
	int seen;
} fault;

static bool full;                /* the catalogue's own log is */
static bool unsynced[1024], any; /* descriptors of copies that were written */

static void
path_of(int fd, char path[256])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, 255);
	path[n > 0 ? n : 0] = '\0';
}

/* True: there is no room. */
static bool
note_write(int fd)
{
	char path[256];

	if (!any)
		return false;
	path_of(fd, path);
	if (strstr(path, "/.catalogue"))
		unsynced[fd] = true;
	if (full && strstr(path, "storage.db-wal"))
		errno = ENOSPC;
	return full && strstr(path, "storage.db-wal");
}

static bool
is_ours(int fd)
{
	char path[256];

	path_of(fd, path);
	if (fault.copies)
		return strstr(path, "/.catalogue") != NULL;
	return strstr(path, "/storage") != NULL ||
	    strstr(path, "/.catalogue") != NULL;
}

/* True: the call fails. */
static bool
step(int fd)
{
	int nth = __atomic_load_n(&fault.nth, __ATOMIC_RELAXED);

	if (nth == 0 || (fd >= 0 && !is_ours(fd)) ||
	    __atomic_add_fetch(&fault.seen, 1, __ATOMIC_RELAXED) != nth)
		return false;
	if (fault.error == 0)
		_exit(99);
	errno = fault.error;
	return true;
}

#define INSTEAD(fd, call) (step(fd) ? -1 : (call))

int
fdatasync(int fd)
{
	unsynced[fd] = false;
	return (int)INSTEAD(fd, syscall(SYS_fdatasync, fd));
}

int
fsync(int fd)
{
	return (int)INSTEAD(fd, syscall(SYS_fsync, fd));
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return note_write(fd)
	    ? -1
	    : INSTEAD(fd, syscall(SYS_pwrite64, fd, data, len, at));
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return note_write(fd)
	    ? -1
	    : INSTEAD(fd, syscall(SYS_pwrite64, fd, data, len, at));
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	(void)note_write(fd);
	return INSTEAD(fd, syscall(SYS_pwritev, fd, iov, (long)n, at, 0L));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return INSTEAD(fd, syscall(SYS_write, fd, data, len));
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	return (int)INSTEAD(fault.copies ? a : -1,
	    syscall(SYS_renameat2, a, from, b, to, flags));
}

int
renameat(int a, const char *from, int b, const char *to)
{
	return (int)INSTEAD(a, syscall(SYS_renameat2, a, from, b, to, 0));
}

int
rename(const char *from, const char *to)
{
	return (int)INSTEAD(fault.copies ? 0 : -1,
	    syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int
unlinkat(int dir, const char *name, int flags)
{
	return (int)INSTEAD(dir, syscall(SYS_unlinkat, dir, name, flags));
}

int
unlink(const char *path)
{
	return (int)INSTEAD(
	    fault.copies ? 0 : -1, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

static int cut; /* directories end with this error, when it is not 0 */

struct dirent *
readdir(DIR *dir)
{
	if (cut == 0)
		return (struct dirent *)readdir64(dir);
	errno = cut;
	return NULL;
}

static void
arm(bool copies, int nth, int error)
{
	fault.copies = copies;
	fault.error = error;
	fault.seen = 0;
	__atomic_store_n(&fault.nth, nth, __ATOMIC_SEQ_CST);
}

static void
disarm(void)
{
	__atomic_store_n(&fault.nth, 0, __ATOMIC_SEQ_CST);
}

/* --- failing ----------------------------------------------------------------*/

static unsigned made;

static void
make_folders(unsigned n)
{
	char path[64];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/f%u/x/y", made++);
		LAB_OK(lab_mkdir(7, path, true));
	}
}

static void
lose_and_compare(void)
{
	char was[160], now[160], *a, *b;

	db_path(was, ".was");
	copy_database(was);
	lose_database();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	db_path(now, "");
	a = dump(was);
	b = dump(now);
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void
trust_all(void)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->suspect)
			volume_trust(lab.s.volumes, v);
	assert_int_equal(catalog_flush(lab.s.catalog), 0);
}

/* One place fails, the other has all. */
static void
test_nth_fails(void **state)
{
	static const int errors[] = {EIO, ENOSPC};

	(void)state;
	base_want(lab.s.volumes);
	while (base_making(lab.s.volumes))
		event_base_loop(lab.base, EVLOOP_ONCE);
	await_copies(2);
	for (int n = 1; n <= 24; n++) {
		unsigned copies;

		arm(true, n, errors[n % 2]);
		make_folders(3);
		/* And what a whole copy does. */
		lab_call(0, NX__METHOD__STORAGE_CHECK,
		    &(Nx__CheckRequest)NX__CHECK_REQUEST__INIT);
		for (int i = 0; i < 200; i++) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			usleep(500);
		}
		make_folders(2);
		disarm();
		copies = ledger_status(lab.s.ledger).copies;
		assert_true(copies >= 1);
		lab_stop();
		lose_and_compare();
		lab_start();
		trust_all();
		for (int i = 0; i < LEDGER_PLACES; i++)
			await_copies(2);
	}
}

/* What somebody was told has failed does not come back with a power cut: that it
 * is nothing is on the disk too. */
static void
test_taken_back(void **state)
{
	(void)state;
	base_want(lab.s.volumes);
	while (base_making(lab.s.volumes))
		event_base_loop(lab.base, EVLOOP_ONCE);
	await_copies(2);
	any = full = true;
	assert_int_not_equal(lab_mkdir(7, "/refused", false), NX__STATUS__OK);
	full = false;
	for (size_t i = 0; i < NX_ARRAY_SIZE(unsynced); i++)
		assert_false(unsynced[i]);
	any = false;
	LAB_OK(lab_mkdir(7, "/taken", false));
}

/* A directory that cannot be read to its end is not one that ends. */
static void
test_directory_cut_short(void **state)
{
	static const struct volume_key none;
	struct gathered g = {0};
	int dir = open(lab.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(dir >= 0);
	assert_int_equal(gather_add(&g, dir, &none), 0);
	cut = EIO;
	assert_int_equal(gather_add(&g, dir, &none), -EIO);
	cut = 0;
	assert_int_equal(gather_add(&g, dir, &none), 0);
	gather_fini(&g);
	close(dir);
}

/* --- dying ------------------------------------------------------------------*/

/* In another process; true: it died at the step. */
static bool
dies(int nth, void (*what)(int told), int told)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		arm(false, nth, 0);
		what(told);
		disarm();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99)
		fail_msg("step %d: it ended with %d", nth, WEXITSTATUS(status));
	return WEXITSTATUS(status) == 99;
}

static void
only_rebuild(int told)
{
	(void)told;
	if (rebuild(false) != 0)
		_exit(3);
}

/* Wherever rebuilding ended, it can be begun again. */
static void
test_dies_rebuilding(void **state)
{
	char was[160], now[160], why[256], *a, *b;
	int n = 1;

	(void)state;
	await_copies(1);
	make_folders(20);
	lab_stop();
	db_path(was, ".was");
	copy_database(was);
	db_path(now, "");
	a = dump(was);
	lose_database();
	while (dies(n, only_rebuild, -1)) {
		n++;
		if (rescue_needed(&lab.s, why))
			continue;
		b = dump(now);
		assert_string_equal(a, b);
		free(b);
		lose_database();
	}
	assert_true(n > 20);
	if (rescue_needed(&lab.s, why))
		assert_int_equal(rebuild(false), 0);
	b = dump(now);
	assert_string_equal(a, b);
	free(a);
	free(b);
	lab_start();
	await_copies(1);
}

/* --- told -------------------------------------------------------------------*/

static void
work_and_tell(int told)
{
	char path[64];

	for (unsigned i = 0; i < 400; i++) {
		(void)snprintf(path, sizeof(path), "/t%u", made + i);
		if (lab_mkdir(7, path, false) != NX__STATUS__OK)
			_exit(4);
		if (syscall(SYS_write, told, &(unsigned){made + i}, 4) != 4)
			_exit(5);
		if (i % 100 == 50)
			(void)lab_call(0, NX__METHOD__STORAGE_CHECK,
			    &(Nx__CheckRequest)NX__CHECK_REQUEST__INIT);
	}
}

/* Dies at a step, storage.db is lost with it: what was told is all there. */
static void
test_dies_working(void **state)
{
	unsigned last, told_all = 0;

	(void)state;
	await_copies(1);
	srand(5);
	for (int round = 0; round < 12; round++) {
		int pipe_[2], nth = 1 + rand() % 1500;
		pid_t pid;

		lab_stop();
		assert_int_equal(pipe(pipe_), 0);
		pid = fork();
		if (pid == 0) {
			lab_start();
			arm(false, nth, 0);
			work_and_tell(pipe_[1]);
			_exit(0);
		}
		close(pipe_[1]);
		last = 0;
		while (read(pipe_[0], &last, sizeof(last)) == sizeof(last))
			told_all++;
		close(pipe_[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		lose_database();
		if (rebuild(false) != 0)
			fail_msg("%s", last_rescue.text);
		assert_int_equal(last_rescue.found, 0);
		lab_start();
		for (unsigned i = made; last > 0 && i <= last; i++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "/t%u", i);
			LAB_OK(lab_fs(7, NX__METHOD__FS_STAT, path));
		}
		made += 500;
		await_copies(1);
	}
	assert_true(told_all > 200);
}

/* What was not read may be the log with the number that seems free. */
static void
test_number_of_a_log(void **state)
{
	struct place p = {.log = -1, .spare = -1};

	(void)state;
	p.dir = open(lab.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p.dir >= 0);
	assert_int_equal(place_make_spare(&p), 0);
	assert_int_equal(p.spare_n, 1);
	nx_close(&p.spare);
	cut = EIO;
	assert_int_equal(place_make_spare(&p), -EIO);
	cut = 0;
	assert_int_equal(p.spare, -1);
	assert_int_equal(place_make_spare(&p), 0);
	assert_int_equal(p.spare_n, 2);
	nx_close(&p.spare);
	nx_close(&p.dir);
}

#define L(f) cmocka_unit_test_setup_teardown(f, ledger_lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_nth_fails),
	    L(test_taken_back),
	    L(test_directory_cut_short),
	    L(test_number_of_a_log),
	    L(test_dies_rebuilding),
	    L(test_dies_working),
	};

	LAB_OR_SKIP("storaged_ledger_fault");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
