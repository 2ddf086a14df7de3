/*
 * Small uploads in one call: they are decided as any other, nothing is left of
 * one that is refused, and whoever sends many holds up nobody but themselves.
 */
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common/status.h"
#include "storaged_lab.h"
#include "proto/storage.rpc.h"

#define MIB (1024 * 1024)
#define KIB 1024

/* Syncs of workers fail for a while: the chunk is nowhere then. Or they wait. */
static bool no_sync, hold_sync;

int
fdatasync(int fd)
{
	while (__atomic_load_n(&hold_sync, __ATOMIC_SEQ_CST) &&
	    syscall(SYS_gettid) != getpid())
		usleep(1000);
	if (__atomic_load_n(&no_sync, __ATOMIC_SEQ_CST) &&
	    syscall(SYS_gettid) != getpid()) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int
setup(void **state)
{
	int r = lab_setup(state);

	no_sync = false;
	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

static void
check_nothing_left(uint64_t files)
{
	lab_settle();
	assert_int_equal(lab_usage(1)->files, files);
	assert_int_equal(lab_usage(1)->reserved, 0);
	assert_int_equal(lab_status()->uploads, 0);
	assert_int_equal(lab_chunk_files(), lab_status()->chunks);
}

static uint8_t *
content(size_t size)
{
	uint8_t *data = malloc(size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	return data;
}

static const Nx__PutRequest init = NX__PUT_REQUEST__INIT;

/* In the message, or in a memfd where that is @sealed, or not. */
enum way { MESSAGE, SEALED, LOOSE };

static Nx__Status
put_with(Nx__PutRequest q, const void *data, size_t size, enum way way)
{
	struct nx_call_opts opts = lab_opts(1);
	int fd = -1;
	Nx__Status status;

	q.size = size;
	if (way == MESSAGE) {
		q.content.data = (uint8_t *)(uintptr_t)data;
		q.content.len = size;
	} else {
		if (way == SEALED)
			fd = nx_memfd_sealed("put", data, size);
		else
			fd = memfd_create("put", MFD_CLOEXEC);
		assert_true(fd >= 0);
		if (way == LOOSE)
			assert_int_equal(write(fd, data, size), size);
		opts.fds = &fd;
		opts.n_fds = 1;
	}
	status = lab_call_as(NX_ROLE_ADMIN, &opts, NX__METHOD__FILE_PUT, &q);
	nx_close(&fd);
	return status;
}

static Nx__Status
put(const char *path, const void *data, size_t size, enum way way)
{
	Nx__PutRequest q = init;

	q.path = (char *)(uintptr_t)path;
	return put_with(q, data, size, way);
}

/* --- what is stored ---------------------------------------------------------*/

static void
test_content(void **state)
{
	static const struct {
		size_t size;
		enum way way;
	} cases[] = {{0, MESSAGE}, {1, MESSAGE}, {4096, MESSAGE},
	    {48 * KIB, MESSAGE}, {0, SEALED}, {5, SEALED},
	    {48 * KIB + 1, SEALED}, {256 * KIB, SEALED}};
	uint8_t *data = content(256 * KIB);
	Nx__PutRequest q = init;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		const Nx__FinishUploadReply *a;

		LAB_OK(put("/f", data, cases[i].size, cases[i].way));
		a = LAB_BODY(Nx__FinishUploadReply);
		assert_string_equal(a->path, "/f");
		assert_int_equal(a->file->size, cases[i].size);
		assert_int_equal(a->file->chunks, cases[i].size > 0);
		if (cases[i].size > 0)
			LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	}
	check_nothing_left(1);
	q.name = (char *)(uintptr_t) "raw";
	LAB_OK(put_with(q, data, 10, MESSAGE));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->file->name, "raw");
	q.path = (char *)(uintptr_t) "/";
	q.into_folder = true;
	LAB_OK(put_with(q, data, 10, MESSAGE));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->path, "/raw");
	/* and it is there after a restart */
	lab_stop();
	lab_start();
	LAB_OK(lab_read(1, NULL, "/raw", 0, 0, data));
	check_nothing_left(3);
	free(data);
}

/* --- what is refused --------------------------------------------------------*/

static void
test_refused(void **state)
{
	uint8_t *data = content(300 * KIB);
	Nx__PutRequest q = init;

	(void)state;
	LAB_OK(put("/f", data, 100, MESSAGE));
	/* another descriptor than a sealed memfd costs the caller its answer */
	assert_int_equal(put("/g", data, 100, LOOSE), NX__STATUS__INVALID);
	assert_int_equal(
	    put("/g", data, 256 * KIB + 1, SEALED), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "FileOpenUpload"));
	/* what OPEN refuses */
	assert_int_equal(put("/no/g", data, 1, MESSAGE), NX__STATUS__NOT_FOUND);
	assert_int_equal(put("/a/../b", data, 1, MESSAGE), NX__STATUS__INVALID);
	q.path = (char *)(uintptr_t) "/f";
	q.create_only = true;
	assert_int_equal(put_with(q, data, 1, MESSAGE), NX__STATUS__EXISTS);
	q.create_only = false;
	q.replicas = 3;
	assert_int_equal(put_with(q, data, 1, MESSAGE), NX__STATUS__CONFLICT);
	q.replicas = 9;
	assert_int_equal(put_with(q, data, 1, MESSAGE), NX__STATUS__INVALID);
	q = init;
	q.name = (char *)(uintptr_t) "..";
	assert_int_equal(put_with(q, data, 1, MESSAGE), NX__STATUS__INVALID);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	check_nothing_left(1);
	free(data);
}

static void
test_size_said(void **state)
{
	struct nx_call_opts opts = lab_opts(1);
	Nx__PutRequest q = init;
	uint8_t data[10] = {0};

	(void)state;
	q.name = (char *)(uintptr_t) "f";
	q.content.data = data;
	q.content.len = sizeof(data);
	q.size = sizeof(data) + 1;
	assert_int_equal(
	    lab_call_as(NX_ROLE_ADMIN, &opts, NX__METHOD__FILE_PUT, &q),
	    NX__STATUS__INVALID);
	check_nothing_left(0);
}

static void
test_digests(void **state)
{
	uint8_t *data = content(100 * KIB), md5[16], sha[32];
	Nx__PutRequest q = init;

	(void)state;
	assert_true(EVP_Digest(data, 100 * KIB, md5, NULL, EVP_md5(), NULL));
	assert_true(EVP_Digest(data, 100 * KIB, sha, NULL, EVP_sha256(), NULL));
	q.path = (char *)(uintptr_t) "/f";
	q.md5 = (ProtobufCBinaryData){16, md5};
	q.sha256 = (ProtobufCBinaryData){32, sha};
	LAB_OK(put_with(q, data, 100 * KIB, SEALED));
	sha[31] ^= 1;
	assert_int_equal(
	    put_with(q, data, 100 * KIB, SEALED), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "another checksum"));
	assert_int_equal(put_with(q, data, 0, MESSAGE), NX__STATUS__INVALID);
	sha[31] ^= 1;
	q.md5.len = 15;
	assert_int_equal(
	    put_with(q, data, 100 * KIB, SEALED), NX__STATUS__INVALID);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	check_nothing_left(1);
	free(data);
}

static void
test_quota_and_room(void **state)
{
	uint8_t *data = content(200 * KIB);

	(void)state;
	lab.s.conf.quota = 300 * KIB;
	LAB_OK(put("/f", data, 200 * KIB, SEALED));
	assert_int_equal(put("/g", data, 200 * KIB, SEALED), NX__STATUS__QUOTA);
	/* what is replaced makes room for itself */
	LAB_OK(put("/f", data, 200 * KIB, SEALED));
	lab.s.conf.quota = 500 * MIB;
	lab.s.conf.entries = 1;
	assert_int_equal(put("/g", data, 1, MESSAGE), NX__STATUS__QUOTA);
	lab.s.conf.entries = 1000;
	check_nothing_left(1);
	free(data);
}

/* The only volume fails: nothing is there, and it is said how it goes on. */
static void
test_sync_fails(void **state)
{
	uint8_t *data = content(4096);

	(void)state;
	__atomic_store_n(&no_sync, true, __ATOMIC_SEQ_CST);
	assert_int_equal(
	    put("/f", data, 4096, MESSAGE), nx_status_of_errno(-EIO));
	__atomic_store_n(&no_sync, false, __ATOMIC_SEQ_CST);
	check_nothing_left(0);
	free(data);
}

/* --- many at once -----------------------------------------------------------*/

static struct {
	unsigned answered, good, refused, taken;
	unsigned last[3]; /* the number of the last answer to each user */
} many;

static void
on_many(const struct nx_reply *r, void *arg)
{
	many.last[(uintptr_t)arg] = ++many.answered;
	many.good += r->status == NX__STATUS__OK;
	many.taken += r->status == NX__STATUS__EXISTS;
	many.refused += r->status == NX__STATUS__LIMIT;
}

static void
begin_many(unsigned n, uint64_t user, const char *path, size_t size)
{
	struct nx_call_opts opts = lab_opts(user);
	uint8_t *data = content(size);
	Nx__PutRequest q = init;
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "/u%u-%u", (unsigned)user, i);
		q.path = path ? (char *)(uintptr_t)path : name;
		q.create_only = path != NULL;
		q.size = q.content.len = size;
		q.content.data = data;
		assert_non_null(
		    nx_call(lab.clients[NX_ROLE_ADMIN], nx_ask_file_put(&q),
			&opts, on_many, (void *)(uintptr_t)user));
	}
	free(data);
}

static void
end_many(unsigned n)
{
	while (many.answered < n)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

static void
test_many(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	begin_many(700, 1, NULL, 4096);
	end_many(700);
	assert_int_equal(many.good, 700);
	check_nothing_left(700);
}

static void
test_one_winner(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	begin_many(300, 1, "/one", 100);
	end_many(300);
	assert_int_equal(many.good, 1);
	assert_int_equal(many.taken, 299);
	check_nothing_left(1);
}

/* Who brings few is not behind who brings very many. */
static void
test_turns(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	/* the first ones are on their way, and do not get there */
	__atomic_store_n(&hold_sync, true, __ATOMIC_SEQ_CST);
	begin_many(900, 1, NULL, 100);
	begin_many(5, 2, NULL, 100);
	while (uploads_count(lab.s.uploads) < 905)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	__atomic_store_n(&hold_sync, false, __ATOMIC_SEQ_CST);
	end_many(905);
	assert_int_equal(many.good, 905);
	assert_in_range(many.last[2], 5, 300);
	check_nothing_left(900);
}

/* What waits is bounded, and something is left for the next. */
static void
test_memory(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	__atomic_store_n(&hold_sync, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 45; i++) {
		begin_many(20, 1, NULL, 48 * KIB);
		for (int k = 0; k < 200; k++)
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
	}
	begin_many(5, 2, NULL, 48 * KIB);
	for (int k = 0; k < 200; k++)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	__atomic_store_n(&hold_sync, false, __ATOMIC_SEQ_CST);
	end_many(905);
	assert_int_equal(many.good + many.refused, 905);
	assert_in_range(many.refused, 500, 650);
	assert_int_equal(lab_usage(2)->files, 5);
}

/* Those that wait when the service ends are told so. */
static void
test_stop(void **state)
{
	(void)state;
	memset(&many, 0, sizeof(many));
	begin_many(400, 1, NULL, 100);
	event_base_loop(lab.base, EVLOOP_ONCE);
	uploads_stop(lab.s.uploads);
	end_many(400);
	assert_in_range(many.good, 0, 400);
	lab_stop();
	lab_start();
	assert_int_equal(lab_usage(1)->files, many.good);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_content),
	    T(test_refused),
	    T(test_size_said),
	    T(test_digests),
	    T(test_quota_and_room),
	    T(test_sync_fails),
	    T(test_many),
	    T(test_one_winner),
	    T(test_turns),
	    T(test_memory),
	    T(test_stop),
	};

	LAB_OR_SKIP("small uploads");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
