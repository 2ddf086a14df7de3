/*
 * Locked paths as callers see them: through the whole daemon, with bytes, over its
 * restarts, and when a volume is taken away that has the only copy.
 */
#include <time.h>

#include "proto/bucket.pb-c.h"
#include "proto/lock.pb-c.h"
#include "tests/unit/storaged_objects_lab.h"

#define HOUR 3600U

static Nx__Status
lock(uint64_t user, const char *path, uint64_t until)
{
	Nx__FsLockRequest q = NX__FS_LOCK_REQUEST__INIT;

	q.path = text(path);
	q.until = until;
	return lab_call(user, NX__METHOD__FS_LOCK, &q);
}

static uint64_t
in_an_hour(void)
{
	return (uint64_t)time(NULL) + HOUR;
}

/* DENIED, and the sentence says until when. */
static void
assert_kept(Nx__Status status, uint64_t until)
{
	time_t at = (time_t)until;
	char told[64];
	struct tm tm;

	strftime(told, sizeof(told), "locked until %Y-%m-%dT%H:%M:%SZ",
	    gmtime_r(&at, &tm));
	assert_int_equal(status, NX__STATUS__DENIED);
	if (!strstr(reply.error, told))
		fail_msg("%s: %s", told, reply.error);
}

static Nx__Status
put_small(const char *path)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;

	q.path = text(path);
	q.size = 1;
	q.content = bytes("x");
	return lab_call(1, NX__METHOD__FILE_PUT, &q);
}

static Nx__Status
copy(const char *from, const char *to)
{
	Nx__FsCopyRequest q = NX__FS_COPY_REQUEST__INIT;

	q.from = text(from);
	q.to = text(to);
	q.replace = q.folders = true;
	return lab_call(1, NX__METHOD__FS_COPY, &q);
}

static Nx__Status
delete_by_id(const char *path)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	char id[33];

	LAB_OK(lab_fs(1, NX__METHOD__FS_STAT, path));
	snprintf(id, sizeof(id), "%s", LAB_BODY(Nx__FsEntry)->id);
	q.id = id;
	return lab_call(0, NX__METHOD__FILE_DELETE, &q); /* as an admin */
}

static Nx__Status
open_resumable(const char *path)
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;

	q.path = text(path);
	return lab_call(1, NX__METHOD__RESUMABLE_OPEN, &q);
}

static void
check_all_refused(uint64_t until)
{
	LAB_OK(lab_put(1, "/other", "other", 5));
	assert_kept(lab_put(1, "/d/f", "other", 5), until);
	assert_kept(put_small("/d/f"), until);
	assert_kept(open_resumable("/d/f"), until);
	assert_kept(copy("/other", "/d/f"), until);
	assert_kept(lab_move(1, "/other", "/d/f", true), until);
	assert_kept(lab_move(1, "/d/f", "/z", true), until);
	assert_kept(lab_move(1, "/d", "/z", true), until);
	assert_kept(lab_fs(1, NX__METHOD__FS_DELETE, "/d/f"), until);
	assert_kept(lab_fs(1, NX__METHOD__FS_DELETE, "/d"), until);
	assert_kept(delete_by_id("/d/f"), until);
	LAB_OK(lab_fs(1, NX__METHOD__FS_STAT, "/d/f"));
	assert_int_equal(LAB_BODY(Nx__FsEntry)->locked_until, until);
	LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, (const uint8_t *)"first"));
}

static void
test_refusals(void **state)
{
	Nx__SetQuotaRequest quota = NX__SET_QUOTA_REQUEST__INIT;
	uint64_t until = in_an_hour();

	(void)state;
	LAB_OK(lab_mkdir(1, "/d", false));
	LAB_OK(lab_put(1, "/d/f", "first", 5));
	assert_int_equal(lock(1, "/none", until), NX__STATUS__NOT_FOUND);
	assert_int_equal(lock(2, "/d", until), NX__STATUS__NOT_FOUND);
	assert_int_equal(lock(1, "/d/../d", until), NX__STATUS__INVALID);
	assert_int_equal(lock(1, "/d", 5), NX__STATUS__INVALID);
	assert_int_equal(lock(1, "/d", 1ULL << 40), NX__STATUS__INVALID);
	LAB_OK(lock(1, "/d", until));
	assert_int_equal(lock(1, "/d", until - 1), NX__STATUS__DENIED);
	check_all_refused(until);
	LAB_OK(lab_put(1, "/d/new", "new", 3));
	/* Less than there is: what is there stays, nothing more comes. */
	quota.user_id = 1;
	quota.quota = 1;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &quota));
	assert_int_equal(lab_put(1, "/d/more", "x", 1), NX__STATUS__QUOTA);
	quota.quota = 500ULL << 20;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &quota));
	lab_stop();
	lab_start();
	check_all_refused(until);
	lab_settle();
	LAB_OK(lab_read(1, NULL, "/d/new", 0, 0, (const uint8_t *)"new"));
}

/* It began before the path was locked, and ends after that. */
static void
test_race(void **state)
{
	struct lab_upload u = {.path = "/d/f"}, n = {.path = "/d/n"};
	uint64_t until = in_an_hour(), id = 0, new_id = 0;
	int fd = -1, new_fd = -1;

	(void)state;
	LAB_OK(lab_mkdir(1, "/d", false));
	LAB_OK(lab_put(1, "/d/f", "first", 5));
	LAB_OK(lab_open_upload(1, &u, &id, &fd));
	LAB_OK(lab_open_upload(1, &n, &new_id, &new_fd));
	LAB_OK(lock(1, "/d", until));
	(void)lab_feed(fd, (const uint8_t *)"other", 5);
	nx_close(&fd);
	assert_kept(lab_finish(1, id, 5), until);
	(void)lab_feed(new_fd, (const uint8_t *)"new", 3);
	nx_close(&new_fd);
	LAB_OK(lab_finish(1, new_id, 3));
	LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, (const uint8_t *)"first"));
}

static void
test_list(void **state)
{
	Nx__FsLockListRequest q = NX__FS_LOCK_LIST_REQUEST__INIT;
	uint64_t until = in_an_hour();
	char path[32], after[64] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 31; i++) {
		snprintf(path, sizeof(path), "/d%d", i);
		LAB_OK(lab_mkdir(1, path, false));
		LAB_OK(lock(1, path, until + (unsigned)i));
	}
	do {
		const Nx__FsLockListReply *a;

		q.after = after;
		LAB_OK(lab_call(1, NX__METHOD__FS_LOCK_LIST, &q));
		a = LAB_BODY(Nx__FsLockListReply);
		for (size_t i = 0; i < a->n_locks; i++, n++) {
			snprintf(path, sizeof(path), "/d%zu", n);
			assert_string_equal(a->locks[i]->path, path);
			assert_int_equal(a->locks[i]->until, until + n);
		}
		snprintf(after, sizeof(after), "%s", a->next);
	} while (after[0]);
	assert_int_equal(n, 31);
	q.after = text("1;2");
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_LOCK_LIST, &q), NX__STATUS__INVALID);
	q.after = text("");
	LAB_OK(lab_call(2, NX__METHOD__FS_LOCK_LIST, &q));
	assert_int_equal(LAB_BODY(Nx__FsLockListReply)->n_locks, 0);
}

/* Its owner with force, an admin who says that files may be lost. */
static void
test_only_copy(void **state)
{
	uint64_t until = in_an_hour();
	uint8_t *data = lab_random(3 * MIB);

	(void)state;
	LAB_OK(lab_mkdir(1, "/d", false));
	LAB_OK(lab_put(1, "/d/f", data, 3 * MIB));
	LAB_OK(lab_put(1, "/free", data, 3 * MIB));
	LAB_OK(lock(1, "/d", until));
	assert_int_equal(lab_volume_delete_for(1, LAB_NODE("1"), LAB_PLAIN),
	    NX__STATUS__CONFLICT);
	assert_int_equal(lab_volume_delete_for(1, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "/d/f is locked until"));
	assert_int_equal(lab_volume_delete_for(1, LAB_NODE("1"), LAB_LOSE),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "/d/f is locked until"));
	LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, data));
	LAB_OK(lab_read(1, NULL, "/free", 0, 0, data));
	LAB_OK(lab_put(1, "/d/more", data, 3 * MIB));
	/* Elsewhere it is as well. */
	LAB_OK(lab_volume(LAB_NODE("2"), 256 * MIB));
	LAB_OK(lab_volume_delete_for(1, LAB_NODE("1"), LAB_PLAIN));
	LAB_OK(lab_read(1, NULL, "/d/f", 0, 0, data));
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_refusals),
	    T(test_race),
	    T(test_list),
	    T(test_only_copy),
	};

	LAB_OR_SKIP("storaged_kept");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("storaged_kept", tests, NULL, NULL);
}
