/*
 * Uploads: what FINISH decides (the place, the checksum), and what one user may
 * take of what all share.
 */
#include <openssl/evp.h>

#include <sys/syscall.h>

#include "storaged_lab.h"
#include "storaged/uploads/upload_internal.h"

#define MIB (1024 * 1024)

/* A worker's sync waits a while for another one: do they come together? Takes
 * the place of the C library's; SQLite's are made by the loop's thread. */
static struct {
	bool armed;
	int in, most;
} syncs;

int
fdatasync(int fd)
{
	if (__atomic_load_n(&syncs.armed, __ATOMIC_SEQ_CST) &&
	    syscall(SYS_gettid) != getpid()) {
		int in = __atomic_add_fetch(&syncs.in, 1, __ATOMIC_SEQ_CST);

		for (int i = 0; i < 2000 && in < 2; i++) {
			usleep(1000);
			in = __atomic_load_n(&syncs.in, __ATOMIC_SEQ_CST);
		}
		if (in > __atomic_load_n(&syncs.most, __ATOMIC_SEQ_CST))
			__atomic_store_n(&syncs.most, in, __ATOMIC_SEQ_CST);
		__atomic_sub_fetch(&syncs.in, 1, __ATOMIC_SEQ_CST);
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

/* Nothing of an upload that failed is left, and nobody waits for it. */
static void
check_nothing_left(uint64_t files)
{
	lab_settle();
	assert_int_equal(lab_usage(1)->files, files);
	assert_int_equal(lab_usage(1)->reserved, 0);
	assert_int_equal(lab_status()->uploads, 0);
	assert_int_equal(lab_chunk_files(), lab_status()->chunks);
}

/* Removing chunks fails for a while, of something the process lacks. */
static bool no_unlink;

int
unlinkat(int dir, const char *name, int flags)
{
	if (__atomic_load_n(&no_unlink, __ATOMIC_SEQ_CST)) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

/* --- the place --------------------------------------------------------------*/

static const Nx__FinishUploadRequest finish_init =
    NX__FINISH_UPLOAD_REQUEST__INIT;

/* Sends @text under the name "n.txt" and finishes with @q. */
static Nx__Status
finish_with(Nx__FinishUploadRequest q, const char *text)
{
	struct lab_upload u = {.name = "n.txt"};
	size_t len = strlen(text);
	int fd = -1;

	LAB_OK(lab_open_upload(1, &u, &q.upload, &fd));
	assert_int_equal(
	    lab_feed(fd, (const uint8_t *)(const void *)text, len), len);
	nx_close(&fd);
	q.size = len;
	return lab_call(1, NX__METHOD__FILE_FINISH_UPLOAD, &q);
}

static Nx__Status
place(const char *path, bool into_folder, bool create_only, const char *text)
{
	Nx__FinishUploadRequest q = finish_init;

	q.path = (char *)(uintptr_t)path;
	q.into_folder = into_folder;
	q.create_only = create_only;
	return finish_with(q, text);
}

static void
check_placed(const char *path, const char *text)
{
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->path, path);
	LAB_OK(
	    lab_read(1, NULL, path, 0, 0, (const uint8_t *)(const void *)text));
}

static void
test_finish_places(void **state)
{
	(void)state;
	LAB_OK(lab_mkdir(1, "/docs", false));
	LAB_OK(place("/a", true, false, "one"));
	check_placed("/a", "one");
	/* what is no folder is replaced, a folder takes the file in */
	LAB_OK(place("/a", true, false, "two"));
	check_placed("/a", "two");
	LAB_OK(place("/docs", true, false, "three"));
	check_placed("/docs/n.txt", "three");
	LAB_OK(place("docs/", true, false, "four"));
	check_placed("/docs/n.txt", "four");
	LAB_OK(place("/", true, false, "five"));
	check_placed("/n.txt", "five");
	check_nothing_left(3);
	/* and where it cannot be, it is nowhere */
	assert_int_equal(
	    place("/docs", false, false, "x"), NX__STATUS__CONFLICT);
	assert_int_equal(
	    place("/no/", true, false, "x"), NX__STATUS__NOT_FOUND);
	assert_int_equal(place("/a/b", true, false, "x"), NX__STATUS__CONFLICT);
	assert_int_equal(
	    place("/a/../b", true, false, "x"), NX__STATUS__INVALID);
	assert_int_equal(place("/docs", true, true, "x"), NX__STATUS__EXISTS);
	check_nothing_left(3);
	LAB_OK(lab_read(1, NULL, "/docs/n.txt", 0, 0, (const uint8_t *)"four"));
}

/* Before FINISH the file is nowhere, whoever dies. */
static void
test_unplaced_is_nowhere(void **state)
{
	Nx__FsListRequest list = NX__FS_LIST_REQUEST__INIT;
	struct lab_upload u = {.name = "n.txt"};
	uint64_t id;
	int fd = -1;

	(void)state;
	LAB_OK(lab_open_upload(1, &u, &id, &fd));
	assert_int_equal(lab_feed(fd, (const uint8_t *)"abc", 3), 3);
	lab_settle();
	list.path = (char *)(uintptr_t) "/";
	LAB_OK(lab_call(1, NX__METHOD__FS_LIST, &list));
	assert_int_equal(LAB_BODY(Nx__FsListReply)->n_entries, 0);
	nx_close(&fd);
	lab_disconnect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_ADMIN);
	check_nothing_left(0);
}

static void
test_place_once(void **state)
{
	Nx__FinishUploadRequest q = finish_init;
	struct lab_upload u = {.path = "/here"};
	int fd = -1;

	(void)state;
	LAB_OK(lab_open_upload(1, &u, &q.upload, &fd));
	nx_close(&fd);
	q.path = (char *)(uintptr_t) "/there";
	assert_int_equal(lab_call(1, NX__METHOD__FILE_FINISH_UPLOAD, &q),
	    NX__STATUS__INVALID);
	check_nothing_left(0);
}

static void
test_open_into_folder(void **state)
{
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	uint64_t id;

	(void)state;
	LAB_OK(lab_mkdir(1, "/docs", false));
	q.path = (char *)(uintptr_t) "/docs";
	q.name = (char *)(uintptr_t) "f";
	assert_int_equal(lab_call(1, NX__METHOD__FILE_OPEN_UPLOAD, &q),
	    NX__STATUS__CONFLICT);
	q.into_folder = true;
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_UPLOAD, &q));
	id = LAB_BODY(Nx__OpenUploadReply)->upload;
	nx_close(&reply.fds[0]);
	LAB_OK(lab_finish(1, id, 0));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->path, "/docs/f");
	/* a folder without a name for the file */
	q.name = (char *)(uintptr_t) "";
	assert_int_equal(
	    lab_call(1, NX__METHOD__FILE_OPEN_UPLOAD, &q), NX__STATUS__INVALID);
	check_nothing_left(1);
}

/* --- the checksum -----------------------------------------------------------*/

static Nx__Status
checked(const char *method, const uint8_t *data, size_t size,
    const uint8_t *digest, size_t len)
{
	Nx__OpenUploadRequest open = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest q = finish_init;
	int fd;

	open.path = (char *)(uintptr_t) "/f";
	open.md5 = method && strstr(method, "MD5");
	open.sha256 = method && strstr(method, "SHA256");
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_UPLOAD, &open));
	q.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	assert_int_equal(lab_feed(fd, data, size), size);
	nx_close(&fd);
	q.size = size;
	q.digest.data = (uint8_t *)(uintptr_t)digest;
	q.digest.len = len;
	return lab_call(1, NX__METHOD__FILE_FINISH_UPLOAD, &q);
}

static void
test_digest(void **state)
{
	static const char *const methods[] = {"MD5", "SHA256"};
	size_t size = CHUNK_SIZE + 12345;
	uint8_t *data = lab_random(size), digest[EVP_MAX_MD_SIZE];

	(void)state;
	LAB_OK(lab_put(1, "/f", "before", 6));
	for (size_t i = 0; i < NX_ARRAY_SIZE(methods); i++) {
		unsigned len;

		assert_true(EVP_Digest(data, size, digest, &len,
		    EVP_get_digestbyname(methods[i]), NULL));
		/* not the content that was meant: nothing has changed */
		digest[3] ^= 1;
		assert_int_equal(checked(methods[i], data, size, digest, len),
		    NX__STATUS__INVALID);
		assert_non_null(strstr(reply.error, "checksum"));
		digest[3] ^= 1;
		assert_int_equal(
		    checked(methods[i], data, size, digest, len - 1),
		    NX__STATUS__INVALID);
		assert_int_equal(checked(NULL, data, size, digest, len),
		    NX__STATUS__INVALID);
		LAB_OK(
		    lab_read(1, NULL, "/f", 0, 0, (const uint8_t *)"before"));
		check_nothing_left(1);
	}
	for (size_t i = 0; i < NX_ARRAY_SIZE(methods); i++) {
		unsigned len;

		assert_true(EVP_Digest(data, size, digest, &len,
		    EVP_get_digestbyname(methods[i]), NULL));
		LAB_OK(checked(methods[i], data, size, digest, len));
		LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
		/* announced and not said: nothing to compare */
		LAB_OK(checked(methods[i], data, size, NULL, 0));
	}
	check_nothing_left(1);
	free(data);
}

/* Both are compared: one that is right excuses no wrong one. */
static void
test_two_digests(void **state)
{
	size_t size = CHUNK_SIZE + 12345;
	uint8_t *data = lab_random(size), both[16 + 32];

	(void)state;
	assert_true(EVP_Digest(data, size, both, NULL, EVP_md5(), NULL));
	assert_true(
	    EVP_Digest(data, size, both + 16, NULL, EVP_sha256(), NULL));
	LAB_OK(lab_put(1, "/f", "before", 6));
	for (size_t wrong = 3; wrong < sizeof(both); wrong += 32) {
		both[wrong] ^= 1;
		assert_int_equal(
		    checked("MD5 SHA256", data, size, both, sizeof(both)),
		    NX__STATUS__INVALID);
		both[wrong] ^= 1;
	}
	assert_int_equal(
	    checked("MD5 SHA256", data, size, both, 16), NX__STATUS__INVALID);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, (const uint8_t *)"before"));
	LAB_OK(checked("MD5 SHA256", data, size, both, sizeof(both)));
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	check_nothing_left(1);
	free(data);
}

/* --- replicas ---------------------------------------------------------------*/

static void
test_side_by_side(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 2};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	syncs.armed = true;
	LAB_OK(lab_upload(1, &u, (const uint8_t *)"x", 1, NULL));
	syncs.armed = false;
	assert_int_equal(syncs.most, 2);
}

/* --- shares -----------------------------------------------------------------*/

static Nx__Status
open_one(uint64_t user, uint64_t *ret_id, int *ret_fd)
{
	struct lab_upload u = {.name = "f"};

	return lab_open_upload(user, &u, ret_id, ret_fd);
}

/* As if @seconds had passed for all uploads under way. */
static void
age(unsigned seconds)
{
	struct upload *u;

	TAILQ_FOREACH(u, &lab.s.uploads->list, entry)
		u->window_began -= seconds * 1000000ULL;
}

static void
test_share_of_places(void **state)
{
	uint64_t ids[9] = {0};
	int fds[9];

	(void)state;
	lab.s.conf.max_uploads = 8;
	for (int i = 0; i < 2; i++)
		LAB_OK(open_one(1, &ids[i], &fds[i]));
	assert_int_equal(open_one(1, &ids[2], &fds[2]), NX__STATUS__LIMIT);
	for (int i = 2; i < 8; i++)
		LAB_OK(open_one((uint64_t)i / 2 + 1, &ids[i], &fds[i]));
	/* all places are taken: nobody can be told to be slow yet */
	assert_int_equal(open_one(5, &ids[8], &fds[8]), NX__STATUS__LIMIT);
	age(6);
	/* who is fast keeps its place */
	lab_feed(fds[0], (uint8_t[200000]){0}, 200000);
	lab_feed(fds[1], (uint8_t[200000]){0}, 200000);
	lab_settle();
	LAB_OK(open_one(5, &ids[8], &fds[8]));
	assert_int_equal(lab_feed(fds[0], (const uint8_t *)"x", 1), 1);
	assert_int_equal(lab_feed(fds[1], (const uint8_t *)"x", 1), 1);
	assert_int_equal(lab_feed(fds[2], (const uint8_t *)"x", 1), 0);
	assert_int_equal(lab_finish(2, ids[2], 0), NX__STATUS__DEADLINE);
	assert_non_null(strstr(reply.error, "others waited"));
	/* the one that came in takes no more than what is fair */
	age(6);
	LAB_OK(open_one(6, &ids[2], &fds[2]));
	assert_int_equal(open_one(5, &ids[3], &fds[3]), NX__STATUS__LIMIT);
	for (int i = 0; i < 9; i++)
		if (i != 3)
			nx_close(&fds[i]);
	uploads_stop(lab.s.uploads);
	lab.s.conf.max_uploads = 256;
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
}

/* A byte now and then is no progress. */
static void
test_trickle(void **state)
{
	uint64_t id = 0;
	int fd = -1, i;

	(void)state;
	lab.s.conf.upload_idle = 1;
	LAB_OK(open_one(1, &id, &fd));
	for (i = 0; i < 100 && uploads_count(lab.s.uploads); i++) {
		(void)lab_feed(fd, (const uint8_t *)"x", 1);
		for (int k = 0; k < 10; k++) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			usleep(5000);
		}
	}
	lab.s.conf.upload_idle = 60;
	assert_int_equal(uploads_count(lab.s.uploads), 0);
	nx_close(&fd);
	check_nothing_left(0);
}

/* The room of what is replaced is counted on once, not by every upload that
 * would replace it. */
static void
test_replaced_once(void **state)
{
	struct lab_upload u = {
	    .path = "/f", .has_size = true, .declared = 7 * MIB};
	uint8_t *data = lab_random(7 * MIB);
	uint64_t first = 0, second = 0;
	int fds[2];

	(void)state;
	lab.s.conf.quota = 8 * MIB;
	LAB_OK(lab_upload(1, &u, data, 7 * MIB, NULL));
	LAB_OK(lab_open_upload(1, &u, &first, &fds[0]));
	assert_int_equal(
	    lab_open_upload(1, &u, &second, &fds[1]), NX__STATUS__QUOTA);
	/* without a size it may send what is left and no more */
	u.has_size = false;
	LAB_OK(lab_open_upload(1, &u, &second, &fds[1]));
	(void)lab_feed(fds[1], data, 7 * MIB);
	nx_close(&fds[1]);
	assert_int_equal(lab_finish(1, second, 7 * MIB), NX__STATUS__QUOTA);
	(void)lab_feed(fds[0], data, 7 * MIB);
	nx_close(&fds[0]);
	LAB_OK(lab_finish(1, first, 7 * MIB));
	/* and again, one after the other */
	u.has_size = true;
	LAB_OK(lab_upload(1, &u, data, 7 * MIB, NULL));
	check_nothing_left(1);
	lab.s.conf.quota = 500 * MIB;
	free(data);
}

/* What waits to be unlinked is bounded by the quota as well. */
static void
test_share_of_trash(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 1};
	uint8_t *data = lab_random(7 * MIB);
	Nx__Status status = NX__STATUS__OK;
	size_t files, n;

	(void)state;
	lab.s.conf.quota = 8 * MIB;
	no_unlink = true;
	for (n = 0; n < 6 && status == NX__STATUS__OK; n++) {
		status = lab_upload(1, &u, data, 7 * MIB, NULL);
		lab_settle();
	}
	assert_int_equal(status, NX__STATUS__LIMIT);
	assert_non_null(strstr(reply.error, "being freed"));
	assert_int_equal(n, 5);
	/* nobody else is concerned, and it goes on when it is freed */
	LAB_OK(lab_upload(2, &u, data, 7 * MIB, NULL));
	files = lab_chunk_files();
	no_unlink = false;
	lab_stop();
	lab_start();
	lab.s.conf.quota = 8 * MIB;
	assert_int_equal(
	    lab_upload(1, &u, data, 7 * MIB, NULL), NX__STATUS__LIMIT);
	collector_kick(lab.s.collector);
	lab_settle();
	assert_true(lab_chunk_files() < files);
	LAB_OK(lab_upload(1, &u, data, 7 * MIB, NULL));
	lab.s.conf.quota = 500 * MIB;
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_finish_places),
	    T(test_unplaced_is_nowhere),
	    T(test_place_once),
	    T(test_open_into_folder),
	    T(test_digest),
	    T(test_two_digests),
	    T(test_side_by_side),
	    T(test_share_of_places),
	    T(test_trickle),
	    T(test_replaced_once),
	    T(test_share_of_trash),
	};

	LAB_OR_SKIP("uploads");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
