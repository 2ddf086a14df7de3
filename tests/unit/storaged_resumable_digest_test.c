/*
 * SHA-256 of resumable uploads: of all of it, whoever sent what of it, and through
 * however many processes.
 */
#include <openssl/evp.h>

#include "storaged_objects_lab.h"
#include "storaged_parity_lab.h"

static int
setup_three(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		lab_make_volumes(3);
	return r;
}

static void
sha256_of(const void *data, size_t size, uint8_t ret_digest[SHA256_LEN])
{
	assert_true(
	    EVP_Digest(data, size, ret_digest, NULL, EVP_sha256(), NULL));
}

static void
resumable_open(
    const char *path, const char *erasure, bool want, char ret_id[33])
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;

	q.path = text(path);
	q.erasure = text(erasure);
	q.want_sha256 = want;
	LAB_OK(lab_call(7, NX__METHOD__RESUMABLE_OPEN, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
	assert_true(!LAB_BODY(Nx__UploadInfo)->sha256 == !want);
}

static Nx__Status
append(const char *id, uint64_t offset)
{
	Nx__ResumableAppendRequest q = NX__RESUMABLE_APPEND_REQUEST__INIT;

	q.id = text(id);
	q.offset = offset;
	return lab_call(7, NX__METHOD__RESUMABLE_APPEND, &q);
}

static uint64_t
offset_of(const char *id)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = text(id);
	LAB_OK(lab_call(7, NX__METHOD__RESUMABLE_STAT, &q));
	return LAB_BODY(Nx__UploadInfo)->size;
}

/* @said: what all of it is announced to be, or NULL. */
static Nx__Status
finish(const char *id, uint64_t size, const uint8_t *said)
{
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;

	q.id = text(id);
	q.size = size;
	q.sha256.data = (uint8_t *)(uintptr_t)said;
	q.sha256.len = said ? SHA256_LEN : 0;
	return lab_call(7, NX__METHOD__RESUMABLE_FINISH, &q);
}

/* By the reply that is there, and from then on by whoever asks. */
static void
check_told(const char *path, const uint8_t *wanted)
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;
	char digits[SHA256_TEXT] = "";

	if (wanted)
		checksum_text(wanted, SHA256_LEN, digits);
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->sha256, digits);
	q.path = text(path);
	LAB_OK(lab_call(7, NX__METHOD__FS_STAT, &q));
	assert_string_equal(LAB_BODY(Nx__FsEntry)->sha256, digits);
}

/* The sender dies in the middle, then storaged does, and at last the sender closes
 * the pipe too early. Returns how much of @size is there. */
static uint64_t
break_off(const char *id, const uint8_t *data, size_t size)
{
	uint64_t at = 3 * MIB + 1;
	int fd;

	LAB_OK(append(id, 0));
	LAB_OK(feed(7, data, at));
	LAB_OK(append(id, at));
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, data + at, 25 * MIB);
	lab_settle();
	lab_disconnect(NX_ROLE_ADMIN);
	nx_close(&fd);
	lab_connect(NX_ROLE_ADMIN);
	lab_settle();
	at = offset_of(id);
	assert_in_range(at, 20 * MIB, 28 * MIB);
	lab_stop();
	lab_start();
	assert_int_equal(offset_of(id), at);
	LAB_OK(append(id, at));
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, data + at, 11 * MIB + 33);
	nx_close(&fd);
	lab_settle();
	assert_int_equal(offset_of(id), at + 11 * MIB + 33);
	assert_true(at + 11 * MIB + 33 < size);
	return at + 11 * MIB + 33;
}

static void
go_through(const char *path, const char *erasure)
{
	size_t size = 47 * MIB + 5;
	uint8_t *data = lab_random(size), digest[SHA256_LEN];
	char id[33];
	uint64_t at;

	sha256_of(data, size, digest);
	resumable_open(path, erasure, true, id);
	at = break_off(id, data, size);
	lab_stop();
	lab_start();
	LAB_OK(append(id, at));
	LAB_OK(feed(7, data + at, size - at));
	LAB_OK(finish(id, size, digest));
	check_told(path, digest);
	LAB_OK(finish(id, size, digest)); /* asked again */
	check_told(path, digest);
	free(data);
}

static void
test_broken_off(void **state)
{
	(void)state;
	go_through("/plain", "");
}

/* What counts are stripes, which are of several chunks. */
static void
test_with_parity(void **state)
{
	(void)state;
	go_through("/coded", "2+1");
}

static void
test_nothing_and_little(void **state)
{
	uint8_t *data = lab_random(100), digest[SHA256_LEN];
	char id[33];

	(void)state;
	resumable_open("/nothing", "", true, id);
	LAB_OK(finish(id, 0, NULL));
	sha256_of(data, 0, digest);
	check_told("/nothing", digest);
	resumable_open("/little", "", true, id);
	for (size_t i = 0; i < 100; i++) {
		LAB_OK(append(id, i));
		LAB_OK(feed(7, data + i, 1));
	}
	LAB_OK(finish(id, 100, NULL));
	sha256_of(data, 100, digest);
	check_told("/little", digest);
	free(data);
}

/* Another than was announced changes nothing, before and after. */
static void
test_announced(void **state)
{
	uint8_t *data = lab_random(700), digest[SHA256_LEN];
	char id[33];

	(void)state;
	sha256_of(data, 700, digest);
	resumable_open("/f", "", true, id);
	LAB_OK(append(id, 0));
	LAB_OK(feed(7, data, 700));
	digest[31] ^= 1;
	assert_int_equal(finish(id, 700, digest), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "another SHA-256"));
	assert_int_equal(offset_of(id), 700);
	assert_int_equal(
	    lab_fs(7, NX__METHOD__FS_STAT, "/f"), NX__STATUS__NOT_FOUND);
	digest[31] ^= 1;
	LAB_OK(finish(id, 700, digest));
	check_told("/f", digest);
	digest[0] ^= 1;
	assert_int_equal(finish(id, 700, digest), NX__STATUS__INVALID);
	digest[0] ^= 1;
	LAB_OK(finish(id, 700, digest));
	free(data);
}

static void
test_not_wanted(void **state)
{
	uint8_t *data = lab_random(700), digest[SHA256_LEN];
	char id[33];

	(void)state;
	sha256_of(data, 700, digest);
	resumable_open("/f", "", false, id);
	LAB_OK(append(id, 0));
	LAB_OK(feed(7, data, 700));
	assert_int_equal(finish(id, 700, digest), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "when one is opened"));
	assert_int_equal(offset_of(id), 700);
	LAB_OK(finish(id, 700, NULL));
	check_told("/f", NULL);
	assert_int_equal(finish(id, 700, digest), NX__STATUS__INVALID);
	free(data);
}

/* A second sender goes on where the first one's last whole chunk ended. */
static void
test_overtaken(void **state)
{
	size_t size = 22 * MIB;
	uint8_t *data = lab_random(size), digest[SHA256_LEN];
	char id[33];
	int fd;

	(void)state;
	sha256_of(data, size, digest);
	resumable_open("/f", "", true, id);
	LAB_OK(append(id, 0));
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, data, 11 * MIB);
	lab_settle();
	LAB_OK(append(id, 10 * MIB));
	LAB_OK(feed(7, data + 10 * MIB, 12 * MIB));
	nx_close(&fd);
	LAB_OK(finish(id, size, digest));
	check_told("/f", digest);
	free(data);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup_three, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_broken_off),
	    T(test_with_parity),
	    T(test_nothing_and_little),
	    T(test_announced),
	    T(test_not_wanted),
	    T(test_overtaken),
	};

	(void)setup;
	(void)readers_go;
	LAB_OR_SKIP("SHA-256 of resumable uploads");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
