/*
 * Disks that fail under a database: the nth sync or write of the log answers
 * EIO, or that there is no room. Whoever is told that a write failed may undo
 * what belongs to it, so after a failure whose outcome nobody knows nobody is
 * told: the program ends, and the next start finds out.
 *
 * The fault is in SQLite's own layer below it (a VFS before the real one).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/db.h"
#include "common/log.h"

/* How a program ends whose write was answered. */
enum { LOST = 1, WRITTEN = 40, NO_ROOM, OTHERWISE };

static const char *const schema[] = {
    "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT"};

static struct fault {
	int sync_nth, write_nth, read_nth; /* 0: never */
	bool stays;                        /* and all after it */
	int rc;
} fault;

static sqlite3_vfs vfs, *real_vfs;
static sqlite3_io_methods methods;
static const sqlite3_io_methods *real_methods;
static char dir[64], path[96];

static bool
due(int *nth)
{
	if (*nth == 1)
		return fault.stays || --*nth == 0;
	return *nth > 1 && --*nth == 0;
}

static int
on_sync(sqlite3_file *f, int flags)
{
	return due(&fault.sync_nth) ? fault.rc : real_methods->xSync(f, flags);
}

static int
on_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	return due(&fault.write_nth) ? fault.rc
				     : real_methods->xWrite(f, data, n, at);
}

static int
on_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
	return due(&fault.read_nth) ? fault.rc
				    : real_methods->xRead(f, data, n, at);
}

/* Of the log only: the file that a commit is written to. */
static int
on_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags,
    int *ret_flags)
{
	int rc = real_vfs->xOpen(real_vfs, name, f, flags, ret_flags);

	(void)v;
	if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return rc;
	real_methods = f->pMethods;
	methods = *real_methods;
	methods.xSync = on_sync;
	methods.xWrite = on_write;
	methods.xRead = on_read;
	f->pMethods = &methods;
	return rc;
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/nexus-db-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/test.db", dir);
	memset(&fault, 0, sizeof(fault));
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- a program with a database ------------------------------------------------*/

static struct event_base *base;
static struct nx_db *db;

static void
open_db(void)
{
	base = event_base_new();
	assert_int_equal(nx_db_open(base, path, schema, 1, &db), 0);
}

static void
close_db(void)
{
	db = nx_db_close(db);
	event_base_free(base);
}

struct put {
	const char *text;
	int result;
};

static int
put(struct nx_db *d, void *arg)
{
	struct put *p = arg;

	return nx_db_exec(
	    d, "INSERT OR REPLACE INTO t VALUES (1, ?)", "s", p->text);
}

static void
was_put(int result, void *arg)
{
	struct put *p = arg;

	p->result = result;
}

static int
write_text(const char *text)
{
	struct put p = {text, 1};

	nx_db_write(db, put, was_put, &p);
	while (p.result == 1)
		event_base_loop(base, EVLOOP_ONCE);
	return p.result;
}

static bool
holds(const char *text)
{
	sqlite3_stmt *stmt;
	bool same;

	assert_int_equal(
	    nx_db_query(db, &stmt, "SELECT v FROM t WHERE k = 1", ""), 1);
	same = strcmp((const char *)sqlite3_column_text(stmt, 0), text) == 0;
	(void)sqlite3_reset(stmt);
	return same;
}

/* A program that writes "old", then "new" on a disk that fails as @f says,
 * and ends as if killed. How it ended. */
static int
write_under(struct fault f)
{
	int status, r;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(20);
		open_db();
		if (write_text("old") != 0)
			_exit(OTHERWISE);
		fault = f;
		r = write_text("new");
		fault = (struct fault){0};
		/* Told that it is not there: so it must not be. */
		if (r != 0 && !holds("old"))
			_exit(OTHERWISE);
		_exit(r == 0 ? WRITTEN : r == -ENOSPC ? NO_ROOM : OTHERWISE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Every sync and every write of the log in turn. */
static void
an_unknown_commit_is_nobodys_failure(void **state)
{
	unsigned lost = 0;
	int end;

	(void)state;
	for (int nth = 1, kind = 0; kind < 2; nth++) {
		struct fault f = {.rc = SQLITE_IOERR_FSYNC, .stays = true};

		*(kind == 0 ? &f.sync_nth : &f.write_nth) = nth;
		end = write_under(f);
		open_db();
		if (end == OTHERWISE && holds("new"))
			fail_msg("told that it failed, and it is there");
		/* Either: and whichever it is, it stays. */
		assert_true(holds("old") || holds("new"));
		if (end == WRITTEN) {
			assert_true(holds("new"));
			kind++;
			nth = 0;
		} else {
			assert_int_equal(end, LOST);
			lost++;
		}
		assert_int_equal(write_text("next"), 0);
		close_db();
		open_db();
		assert_true(holds("next"));
		close_db();
	}
	assert_true(lost >= 3);
}

/* SQLite says so itself, and nothing of it is there: others go on. */
static void
a_full_disk_is_a_clean_failure(void **state)
{
	int end, nth = 0;

	(void)state;
	while ((end = write_under((struct fault){
		    .write_nth = ++nth, .stays = true, .rc = SQLITE_FULL})) !=
	    WRITTEN) {
		assert_int_equal(end, NO_ROOM);
		open_db();
		assert_true(holds("old"));
		close_db();
	}
	assert_true(nth > 1);
}

/* What was read may be stale: EIO ends the program, wherever it comes from. */
static void
a_read_that_fails_ends_it(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_db();
		if (write_text("old") != 0)
			_exit(OTHERWISE);
		(void)sqlite3_db_release_memory(nx_db_handle(db));
		fault = (struct fault){.read_nth = 1, .rc = SQLITE_IOERR_READ};
		_exit(holds("old") ? WRITTEN : OTHERWISE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), LOST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(an_unknown_commit_is_nobodys_failure),
	    T(a_full_disk_is_a_clean_failure),
	    T(a_read_that_fails_ends_it),
	};

	nx_log_open("test", false);
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "failing";
	vfs.xOpen = on_open;
	(void)sqlite3_vfs_register(&vfs, 1);
	return cmocka_run_group_tests_name("db_fault", tests, NULL, NULL);
}
