/*
 * History as callers meet it: versions are read like files, refusals say what to
 * do, "forever" leaves nothing, and what others need the room of is given up.
 */
#include "proto/history.pb-c.h"
#include <sys/mman.h>

#include "common/db.h"
#include "storaged_lab.h"

#define MIB  (1024 * 1024)
#define WEEK 604800

static int
setup(void **state)
{
	int r;

	lab.s.conf.history = WEEK;
	r = lab_setup(state);
	if (r == 0)
		historian_start(lab.s.historian);
	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

static int
teardown(void **state)
{
	int r = lab_teardown(state);

	lab.s.conf.history = 0;
	return r;
}

static size_t
list(uint64_t user, const char *path, bool deleted, uint64_t *ret_first)
{
	Nx__FsVersionsRequest q = NX__FS_VERSIONS_REQUEST__INIT;
	const Nx__FsVersionsReply *a;

	q.path = (char *)(uintptr_t)path;
	q.deleted = deleted;
	if (lab_call(user, NX__METHOD__FS_VERSIONS, &q) != NX__STATUS__OK)
		return 0;
	a = LAB_BODY(Nx__FsVersionsReply);
	if (ret_first && a->n_versions > 0)
		*ret_first = a->versions[0]->version;
	return a->n_versions;
}

static Nx__Status
restore(uint64_t user, const char *path, uint64_t version, const char *to,
    bool replace)
{
	Nx__FsRestoreRequest q = NX__FS_RESTORE_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.version = version;
	q.to = (char *)(uintptr_t)to;
	q.replace = replace;
	return lab_call(user, NX__METHOD__FS_RESTORE, &q);
}

static Nx__Status
rm_forever(uint64_t user, const char *path)
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.forever = true;
	return lab_call(user, NX__METHOD__FS_DELETE, &q);
}

static Nx__Status
read_version(uint64_t user, const char *path, uint64_t version)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.version = version;
	q.max_segments = 1;
	q.in_reply = 48000;
	return lab_call(user, NX__METHOD__FILE_OPEN_READ, &q);
}

static void
test_read(void **state)
{
	uint64_t v;

	(void)state;
	LAB_OK(lab_put(1, "/f", "first", 5));
	LAB_OK(lab_put(1, "/f", "second", 6));
	assert_int_equal(list(1, "/f", false, &v), 1);
	LAB_OK(read_version(1, "/f", v));
	assert_int_equal(LAB_BODY(Nx__OpenReadReply)->content.len, 5);
	assert_memory_equal(
	    LAB_BODY(Nx__OpenReadReply)->content.data, "first", 5);
	/* Neither by another's path, nor by another user, nor by its id. */
	assert_int_equal(read_version(2, "/f", v), NX__STATUS__NOT_FOUND);
	assert_int_equal(read_version(1, "/g", v), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    read_version(1, "/f", UINT64_MAX), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	LAB_OK(read_version(1, "/f", v));
	assert_int_equal(
	    lab_read(1, NULL, "/f", 0, 0, NULL), NX__STATUS__NOT_FOUND);
}

static void
test_sentences(void **state)
{
	(void)state;
	LAB_OK(lab_put(1, "/f", "first", 5));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	LAB_OK(lab_put(1, "/f", "second", 6));
	assert_int_equal(restore(1, "/f", 0, "", false), NX__STATUS__EXISTS);
	assert_non_null(strstr(reply.error, "another path"));
	assert_int_equal(
	    restore(1, "/f", 0, "/no/f", false), NX__STATUS__NOT_FOUND);
	assert_int_equal(restore(1, "/f", 0, "/", false), NX__STATUS__INVALID);
	assert_int_equal(
	    restore(1, "/f", 0, "/../x", false), NX__STATUS__INVALID);
	assert_int_equal(
	    restore(1, "/f", 77, "/x", false), NX__STATUS__NOT_FOUND);
	assert_non_null(strstr(reply.error, "no such version"));
	assert_int_equal(restore(1, "/", 0, "/x", false), NX__STATUS__INVALID);
	LAB_OK(lab_mkdir(1, "/d/sub", true));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/d"));
	assert_int_equal(
	    restore(1, "/d/sub", 0, "", false), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    restore(1, "/d/sub", 0, "/f", false), NX__STATUS__EXISTS);
	LAB_OK(restore(1, "/d/sub", 0, "/x", false));
	assert_true(LAB_BODY(Nx__FsEntry)->folder);
	LAB_OK(restore(1, "/d", 0, "", false));
	LAB_OK(restore(1, "/f", 0, "", true));
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, (const uint8_t *)"first"));
	assert_int_equal(list(1, "/f", false, NULL), 1);
}

static void
on_purged(const struct nx_reply *r, void *arg)
{
	(void)r;
	*(bool *)arg = true;
}

static void
test_forever(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		LAB_OK(lab_put(1, "/f", "text", 4));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	LAB_OK(lab_put(1, "/f", "text", 4));
	LAB_OK(rm_forever(1, "/f"));
	assert_int_equal(list(1, "/f", false, NULL), 0);
	assert_int_equal(list(1, "/", true, NULL), 0);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->history, 0);
}

/* Who may not purge now has nothing deleted either. */
static void
test_forever_waits(void **state)
{
	Nx__FsPurgeRequest q = NX__FS_PURGE_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);
	bool done = false;
	char path[32];

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "/d%d", i);
		LAB_OK(lab_put(1, path, "text", 4));
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
	}
	LAB_OK(lab_put(1, "/f", "text", 4));
	LAB_OK(lab_put(2, "/f", "text", 4));
	q.path = (char *)(uintptr_t) "/";
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_PURGE, &q.base},
	    &opts, on_purged, &done));
	assert_int_equal(rm_forever(1, "/f"), NX__STATUS__LIMIT);
	assert_non_null(strstr(reply.error, "try again"));
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, (const uint8_t *)"text"));
	LAB_OK(rm_forever(2, "/f"));
	while (!done)
		event_base_loop(lab.base, EVLOOP_ONCE);
	/* What was refused took no place. */
	assert_int_equal(rm_forever(1, "/none"), NX__STATUS__NOT_FOUND);
	assert_int_equal(rm_forever(1, "/../f"), NX__STATUS__INVALID);
	LAB_OK(rm_forever(1, "/f"));
	assert_int_equal(list(1, "/", true, NULL), 0);
}

/* Nobody is told that the volumes are full as long as there is history. */
static void
test_makes_room(void **state)
{
	enum { SIZE = 8 * MIB };
	uint8_t *data = lab_random(SIZE);
	char path[32];
	Nx__Status status;
	int waited = 0;

	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/f%d", i);
		/* Who has to wait is told so. */
		while ((status = lab_put(1, path, data, SIZE)) ==
		    NX__STATUS__LIMIT) {
			assert_non_null(strstr(reply.error, "make room"));
			for (int k = 0; k < 50; k++) {
				event_base_loop(lab.base, EVLOOP_NONBLOCK);
				usleep(1000);
			}
			assert_true(waited++ < 2000);
		}
		LAB_OK(status);
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
	}
	assert_true(waited > 0);
	/* What is left is the newest. */
	LAB_OK(restore(1, "/f29", 0, "", false));
	LAB_OK(lab_read(1, NULL, "/f29", 0, 0, data));
	assert_int_equal(
	    restore(1, "/f0", 0, "", false), NX__STATUS__NOT_FOUND);
	free(data);
}

/* Nor does a node have to stay for its sake. */
static void
test_node_goes(void **state)
{
	enum { SIZE = 8 * MIB };
	struct lab_upload old = {.path = "/old", .replicas = 1},
			  kept = {.path = "/kept", .replicas = 1};
	uint8_t *data = lab_random(3 * SIZE);
	Nx__Status status;
	int waited = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		LAB_OK(lab_upload(2, &old, data, SIZE, NULL));
		LAB_OK(lab_fs(2, NX__METHOD__FS_DELETE, "/old"));
	}
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(1, &kept, data, 3 * SIZE, NULL));
	while ((status = lab_volume_delete(LAB_NODE("2"), false)) ==
	    NX__STATUS__CONFLICT) {
		assert_non_null(strstr(reply.error, "older versions"));
		for (int k = 0; k < 50; k++) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			usleep(1000);
		}
		assert_true(waited++ < 2000);
	}
	LAB_OK(status);
	assert_true(waited > 0);
	LAB_OK(lab_read(1, NULL, "/kept", 0, 0, data));
	free(data);
}

static void
sql(const char *text)
{
	assert_int_equal(sqlite3_exec(nx_db_handle(catalog_db(lab.s.catalog)),
			     text, NULL, NULL, NULL),
	    SQLITE_OK);
}

static unsigned
count_said(int log)
{
	static char text[1 << 20];
	ssize_t len = pread(log, text, sizeof(text) - 1, 0);
	unsigned n = 0;

	assert_true(len >= 0);
	text[len] = '\0';
	for (const char *at = text; (at = strstr(at, "history-not-given-up"));
	     at++)
		n++;
	return n;
}

/* What cannot be given up is tried again after a while, however often somebody
 * asks for the room, and said once. */
static void
test_failing_is_said_once(void **state)
{
	int log = memfd_create("log", MFD_CLOEXEC);
	int real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	size_t left = 1;

	(void)state;
	LAB_OK(lab_put(1, "/f", "first", 5));
	LAB_OK(lab_put(1, "/f", "second", 6));
	sql("CREATE TEMP TRIGGER no BEFORE DELETE ON past BEGIN"
	    " SELECT RAISE(ABORT, 'as the test wants it'); END");
	sql("UPDATE past SET until = 0");
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 500; i++) {
		if (i % 10 == 0)
			historian_kick(lab.s.historian);
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
	assert_int_equal(dup2(real, STDERR_FILENO), STDERR_FILENO);
	close(real);
	assert_int_equal(count_said(log), 1);
	close(log);
	sql("DROP TRIGGER no");
	for (int i = 0; i < 30000 && left > 0; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
		left = list(1, "/f", false, NULL);
	}
	assert_int_equal(left, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_read),
	    T(test_sentences),
	    T(test_forever),
	    T(test_forever_waits),
	    T(test_makes_room),
	    T(test_node_goes),
	    T(test_failing_is_said_once),
	};

	LAB_OR_SKIP("history of files");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
