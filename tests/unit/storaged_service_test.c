/* storaged as its callers see it, on real volumes. */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static void
test_no_node_no_upload(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint64_t id = 0;
	int fd;

	(void)state;
	assert_int_equal(
	    lab_open_upload(7, &u, &id, &fd), NX__STATUS__CONFLICT);
	assert_string_equal(reply.error, "no active node: create one first");
}

static void
test_volume_sizes(void **state)
{
	(void)state;
	assert_int_equal(
	    lab_volume(LAB_NODE("1"), 15 * MIB), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "16 MiB"));
	assert_int_equal(
	    lab_volume(LAB_NODE("1"), 1ULL << 60), NX__STATUS__FULL);
	assert_int_equal(
	    lab_volume("../../etc/passwd", 64 * MIB), NX__STATUS__INVALID);
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	assert_int_equal(
	    lab_volume(LAB_NODE("1"), 16 * MIB), NX__STATUS__EXISTS);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_int_equal(
	    lab_volume_delete(LAB_NODE("1"), false), NX__STATUS__NOT_FOUND);
}

static void
test_image_is_whole(void **state)
{
	char path[256];
	struct loop loop;
	struct stat st;
	int fd;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	snprintf(
	    path, sizeof(path), "%s/volumes/%s.img", lab.dir, LAB_NODE("1"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 64 * MIB);
	assert_true(st.st_blocks * 512 >= 64 * MIB);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(loop_find(fd, &loop), 1);
	close(loop.fd);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_int_equal(loop_find(fd, &loop), 0);
	close(fd);
	assert_int_equal(stat(path, &st), -1);
}

static void
test_attach(void **state)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;
	struct statvfs fs;
	struct stat st;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	q.node = (char *)(uintptr_t)LAB_NODE("1");
	LAB_OK(lab_node_call(NX__METHOD__VOLUME_ATTACH, &q));
	assert_int_equal(reply.n_fds, 1);
	assert_int_equal(fstat(reply.fds[0], &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatvfs(reply.fds[0], &fs), 0);
	assert_true(fs.f_flag & ST_NODEV);
	assert_true(fs.f_flag & ST_NOSUID);
	assert_false(fs.f_flag & ST_NOEXEC);
	/* the node's own place, and no way to the chunks */
	assert_int_equal(mkdirat(reply.fds[0], "upper", 0755), 0);
	assert_int_equal(faccessat(reply.fds[0], "../chunks", F_OK, 0), -1);
}

static void
roundtrip(size_t size, bool declared)
{
	uint8_t *data = lab_random(size);
	struct lab_upload u = {
	    .name = "file", .has_size = declared, .declared = size};
	char id[33];
	const Nx__FinishUploadReply *a;

	LAB_OK(lab_upload(7, &u, data, size, id));
	a = LAB_BODY(Nx__FinishUploadReply);
	assert_int_equal(a->file->size, size);
	assert_int_equal(a->file->chunks, (size + CHUNK_SIZE - 1) / CHUNK_SIZE);
	assert_int_equal(a->file->owner, 7);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	if (size > 2) {
		LAB_OK(lab_read(7, id, NULL, size / 2, size / 3, data));
		LAB_OK(lab_read(7, id, NULL, size - 1, 0, data));
	}
	assert_int_equal(
	    lab_read(7, id, NULL, size + 1, 0, data), NX__STATUS__INVALID);
	id[6] = '\0'; /* a prefix will do */
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

static void
test_roundtrips(void **state)
{
	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 256 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 256 * MIB));
	roundtrip(0, true);
	roundtrip(0, false);
	roundtrip(1, false);
	roundtrip(65536, true);
	roundtrip(CHUNK_SIZE - 1, true);
	roundtrip(CHUNK_SIZE, false);
	roundtrip(CHUNK_SIZE + 1, false);
	roundtrip(3 * CHUNK_SIZE + 12345, true);
	assert_int_equal(lab_status()->files, 8);
	assert_int_equal(lab_status()->degraded_files, 0);
	assert_int_equal(lab_chunk_files(), 2 * lab_status()->chunks);
	assert_int_equal(lab_usage(7)->reserved, 0);
}

static void
test_ownership(void **state)
{
	struct lab_upload u = {.name = "mine"};
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	Nx__FileListRequest l = NX__FILE_LIST_REQUEST__INIT;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, (const uint8_t *)"x", 1, id));
	q.id = id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_STAT, &q));
	LAB_OK(lab_call(0, NX__METHOD__FILE_STAT, &q));
	assert_int_equal(
	    lab_call(8, NX__METHOD__FILE_STAT, &q), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    lab_call(8, NX__METHOD__FILE_DELETE, &q), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    lab_read(8, id, NULL, 0, 0, NULL), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_call(8, NX__METHOD__FILE_LIST, &l));
	assert_int_equal(LAB_BODY(Nx__FileListReply)->n_files, 0);
	LAB_OK(lab_call(0, NX__METHOD__FILE_LIST, &l));
	assert_int_equal(LAB_BODY(Nx__FileListReply)->n_files, 1);
	LAB_OK(lab_call(7, NX__METHOD__FILE_DELETE, &q));
	assert_int_equal(
	    lab_call(7, NX__METHOD__FILE_STAT, &q), NX__STATUS__NOT_FOUND);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(7)->used, 0);
}

static void
test_tickets(void **state)
{
	struct nx_ticket t = {
	    .audience = NX_ROLE_STORAGE, .user_id = 9, .rights = NX_RIGHT_READ};
	struct nx_call_opts opts = lab_opts(0);
	Nx__Empty empty = NX__EMPTY__INIT;
	Nx__FsPathRequest path = NX__FS_PATH_REQUEST__INIT;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	lab_settle();
	assert_true(lab.key_given);
	t.expiry_us = nx_now_us() + 10000000;
	nx_ticket_seal(nx_tickets_key(lab.s.tickets), &t);
	assert_int_equal(lab_call_as(NX_ROLE_GATEWAY, &opts,
			     NX__METHOD__STORAGE_USAGE, &empty),
	    NX__STATUS__UNAUTHENTICATED);
	opts.ticket = (const uint8_t *)&t;
	LAB_OK(lab_call_as(
	    NX_ROLE_GATEWAY, &opts, NX__METHOD__STORAGE_USAGE, &empty));
	path.path = (char *)(uintptr_t) "/a";
	assert_int_equal(
	    lab_call_as(NX_ROLE_GATEWAY, &opts, NX__METHOD__FS_DELETE, &path),
	    NX__STATUS__DENIED);
	t.user_id = 10;
	assert_int_equal(lab_call_as(NX_ROLE_GATEWAY, &opts,
			     NX__METHOD__STORAGE_USAGE, &empty),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_revocation(void **state)
{
	struct nx_ticket t = {
	    .audience = NX_ROLE_STORAGE, .user_id = 9, .rights = NX_RIGHT_ALL};
	struct nx_call_opts opts = lab_opts(0), plain = lab_opts(0);
	Nx__Revoke revoke = NX__REVOKE__INIT;
	Nx__Empty empty = NX__EMPTY__INIT;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	t.expiry_us = nx_now_us() + 10000000;
	nx_ticket_seal(nx_tickets_key(lab.s.tickets), &t);
	opts.ticket = (const uint8_t *)&t;
	LAB_OK(lab_call_as(
	    NX_ROLE_GATEWAY, &opts, NX__METHOD__STORAGE_USAGE, &empty));
	revoke.user_id = 9;
	LAB_OK(lab_call_as(
	    NX_ROLE_AUTH, &plain, NX__METHOD__AUTH_REVOKE, &revoke));
	assert_int_equal(lab_call_as(NX_ROLE_GATEWAY, &opts,
			     NX__METHOD__STORAGE_USAGE, &empty),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_user_deleted(void **state)
{
	Nx__UserDeleted q = NX__USER_DELETED__INIT;
	struct nx_call_opts plain = lab_opts(0);
	struct lab_upload u = {.name = "raw"};

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_mkdir(9, "/a/b", true));
	LAB_OK(lab_put(9, "/a/b/c", "hello", 5));
	LAB_OK(lab_upload(9, &u, (const uint8_t *)"x", 1, NULL));
	LAB_OK(lab_put(10, "/other", "stays", 5));
	q.user_id = 9;
	LAB_OK(lab_call_as(
	    NX_ROLE_AUTH, &plain, NX__METHOD__AUTH_USER_DELETED, &q));
	lab_settle();
	assert_int_equal(
	    lab_fs(9, NX__METHOD__FS_STAT, "/a"), NX__STATUS__NOT_FOUND);
	assert_int_equal(lab_chunk_files(), 1);
	assert_int_equal(lab_usage(9)->used, 0);
	assert_int_equal(lab_usage(10)->used, 5);
}

/* --- what goes wrong --------------------------------------------------------*/

static void
test_lengths(void **state)
{
	struct lab_upload u = {
	    .name = "a", .has_size = true, .declared = 100000};
	uint8_t *data = lab_random(200000);
	uint64_t id = 0;
	int fd = -1;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	assert_int_equal(
	    lab_upload(7, &u, data, 99999, NULL), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "cut short"));
	assert_int_equal(
	    lab_upload(7, &u, data, 100001, NULL), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "more than the declared"));
	u.has_size = false;
	LAB_OK(lab_open_upload(7, &u, &id, &fd));
	lab_feed(fd, data, 5000);
	nx_close(&fd);
	assert_int_equal(lab_finish(7, id, 6000), NX__STATUS__INVALID);
	assert_int_equal(lab_finish(7, id, 5000), NX__STATUS__NOT_FOUND);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_status()->uploads, 0);
	free(data);
}

static void
test_abort_and_lost_peer(void **state)
{
	Nx__AbortUploadRequest q = NX__ABORT_UPLOAD_REQUEST__INIT;
	struct lab_upload u = {.name = "a"};
	size_t size = 2 * CHUNK_SIZE + 1000;
	uint8_t *data = lab_random(size);
	int fd = -1;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_open_upload(7, &u, &q.upload, &fd));
	lab_feed(fd, data, size);
	LAB_OK(lab_call(7, NX__METHOD__FILE_ABORT_UPLOAD, &q));
	lab_settle();
	assert_int_equal(write(fd, data, 1), -1);
	assert_int_equal(errno, EPIPE);
	nx_close(&fd);
	assert_int_equal(lab_chunk_files(), 0);

	LAB_OK(lab_open_upload(7, &u, &q.upload, &fd));
	lab_feed(fd, data, size);
	lab_disconnect(NX_ROLE_ADMIN);
	lab_settle();
	nx_close(&fd);
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(uploads_count(lab.s.uploads), 0);
	assert_int_equal(quota_promised_total(&lab.s), 0);
	free(data);
}

static void
test_idle(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint64_t id = 0;
	int fd = -1;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	lab.s.conf.upload_idle = 1;
	LAB_OK(lab_open_upload(7, &u, &id, &fd));
	lab_feed(fd, (const uint8_t *)"abc", 3);
	for (int i = 0; i < 150 && uploads_count(lab.s.uploads); i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	lab.s.conf.upload_idle = 60;
	assert_int_equal(uploads_count(lab.s.uploads), 0);
	nx_close(&fd);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
}

static void
test_full(void **state)
{
	struct lab_upload u = {
	    .name = "a", .has_size = true, .declared = 40 * MIB};
	struct lab_upload v = {.name = "b"};
	size_t size = 40 * MIB;
	uint8_t *data = lab_random(size);
	char id[33];
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 32 * MIB));
	assert_int_equal(lab_upload(7, &u, data, size, NULL), NX__STATUS__FULL);
	/* undeclared: found out on the way */
	assert_int_equal(lab_upload(7, &v, data, size, NULL), NX__STATUS__FULL);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	/* a full volume lets people delete */
	LAB_OK(lab_upload(7, &v, data, 20 * MIB, id));
	assert_int_equal(
	    lab_upload(7, &v, data, 20 * MIB, NULL), NX__STATUS__FULL);
	q.id = id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_DELETE, &q));
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	LAB_OK(lab_upload(7, &v, data, 20 * MIB, id));
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_no_node_no_upload),
	    T(test_volume_sizes),
	    T(test_image_is_whole),
	    T(test_attach),
	    T(test_roundtrips),
	    T(test_ownership),
	    T(test_tickets),
	    T(test_revocation),
	    T(test_user_deleted),
	    T(test_lengths),
	    T(test_abort_and_lost_peer),
	    T(test_idle),
	    T(test_full),
	};

	LAB_OR_SKIP("storaged's service");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
