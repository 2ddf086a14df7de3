/*
 * Resumable uploads as callers see them: what was sent counts, whoever dies, and
 * counts once.
 */
#include "storaged_objects_lab.h"

static void
resumable_open(const char *path, char ret_id[33])
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;

	q.path = text(path);
	LAB_OK(lab_call(1, NX__METHOD__RESUMABLE_OPEN, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
}

static Nx__Status
append_as(uint64_t user, const char *id, uint64_t offset)
{
	Nx__ResumableAppendRequest q = NX__RESUMABLE_APPEND_REQUEST__INIT;

	q.id = text(id);
	q.offset = offset;
	return lab_call(user, NX__METHOD__RESUMABLE_APPEND, &q);
}

static Nx__Status
append(const char *id, uint64_t offset)
{
	return append_as(1, id, offset);
}

static uint64_t
offset_of(const char *id)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = text(id);
	LAB_OK(lab_call(1, NX__METHOD__RESUMABLE_STAT, &q));
	return LAB_BODY(Nx__UploadInfo)->size;
}

static Nx__Status
finish(const char *id, uint64_t size)
{
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;

	q.id = text(id);
	q.size = size;
	return lab_call(1, NX__METHOD__RESUMABLE_FINISH, &q);
}

static void
test_resumable(void **state)
{
	size_t size = 47 * MIB + 5;
	uint8_t *data = lab_random(size);
	char id[33];
	uint64_t at;
	int fd;

	(void)state;
	resumable_open("/f", id);
	assert_int_equal(append_as(0, id, 0), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "act for them"));
	assert_int_equal(append_as(2, id, 0), NX__STATUS__NOT_FOUND);
	assert_int_equal(append(id, 1), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "0 bytes are there"));
	LAB_OK(append(id, 0));
	LAB_OK(feed(1, data, 3 * MIB));
	assert_int_equal(LAB_BODY(Nx__FinishUploadReply)->offset, 3 * MIB);
	/* the sender dies in the middle: whole chunks stay */
	LAB_OK(append(id, 3 * MIB));
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, data + 3 * MIB, 25 * MIB);
	lab_settle();
	at = offset_of(id);
	assert_int_equal(at, 23 * MIB);
	lab_disconnect(NX_ROLE_ADMIN);
	nx_close(&fd);
	lab_connect(NX_ROLE_ADMIN);
	lab_settle();
	assert_int_equal(offset_of(id), at);
	/* and so does storaged */
	lab_stop();
	lab_start();
	assert_int_equal(offset_of(id), at);
	assert_int_equal(finish(id, size), NX__STATUS__CONFLICT);
	assert_int_equal(
	    lab_fs(1, NX__METHOD__FS_STAT, "/f"), NX__STATUS__NOT_FOUND);
	LAB_OK(append(id, at));
	LAB_OK(feed(1, data + at, size - at));
	LAB_OK(finish(id, size));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->path, "/f");
	LAB_OK(finish(id, size)); /* asked again */
	assert_int_equal(append(id, size), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	LAB_OK(lab_read(1, NULL, "/f", 3 * MIB - 1, 21 * MIB, data));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	readers_go();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->counted, 0);
	free(data);
}

static void
count_open(const struct chunk_segment *segment, void *arg)
{
	*(unsigned *)arg += segment->open;
}

/* Small pieces are in segments: what is in the catalogue holds none of them but
 * the one that is appended to. */
static void
test_nothing_held(void **state)
{
	uint8_t *data = lab_random(256 << 10);
	const struct volume *v;
	unsigned open = 0;
	uint64_t at = 0;
	char id[33];

	(void)state;
	resumable_open("/f", id);
	for (int i = 0; i < 24; i++, at += 256 << 10) {
		LAB_OK(append(id, at));
		LAB_OK(feed(1, data, 256 << 10));
	}
	lab_settle();
	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		assert_int_equal(
		    chunk_segments(v->store, count_open, &open), 0);
	assert_int_equal(open, 1);
	free(data);
}

/* A second sender ends the first; what is given up counts no more. */
static void
test_overtaken(void **state)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;
	uint8_t *data = lab_random(12 * MIB);
	uint64_t first;
	char id[33];
	int fd;

	(void)state;
	resumable_open("/f", id);
	LAB_OK(append(id, 0));
	first = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, data, 11 * MIB);
	lab_settle();
	LAB_OK(append(id, 10 * MIB));
	LAB_OK(feed(1, data + 10 * MIB, 2 * MIB));
	nx_close(&fd);
	assert_int_equal(lab_finish(1, first, 11 * MIB), NX__STATUS__CONFLICT);
	assert_int_equal(offset_of(id), 12 * MIB);
	q.id = id;
	LAB_OK(lab_call(1, NX__METHOD__UPLOAD_DROP, &q));
	assert_int_equal(
	    lab_call(1, NX__METHOD__UPLOAD_DROP, &q), NX__STATUS__NOT_FOUND);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->counted, 0);
	assert_int_equal(lab_usage(1)->reserved, 0);
	free(data);
}

/* The quota counts what is durable once, and not what is promised too. */
static void
test_resumable_quota(void **state)
{
	Nx__SetQuotaRequest quota = NX__SET_QUOTA_REQUEST__INIT;
	uint8_t *data = lab_random(40 * MIB);
	char id[33];

	(void)state;
	quota.user_id = 1;
	quota.quota = 31 * MIB;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &quota));
	resumable_open("/f", id);
	LAB_OK(append(id, 0));
	LAB_OK(feed(1, data, 30 * MIB));
	LAB_OK(append(id, 30 * MIB));
	assert_int_equal(feed(1, data + 30 * MIB, 10 * MIB), NX__STATUS__QUOTA);
	assert_int_equal(lab_usage(1)->reserved, 0);
	LAB_OK(finish(id, 30 * MIB));
	assert_int_equal(lab_usage(1)->counted, 30 * MIB);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_resumable),
	    T(test_nothing_held),
	    T(test_overtaken),
	    T(test_resumable_quota),
	};

	LAB_OR_SKIP("storaged's resumable uploads");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
