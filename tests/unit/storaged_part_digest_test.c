/*
 * SHA-256 of what comes in parts: that of each, and the one made of those, which is
 * S3's composite checksum.
 */
#include <openssl/evp.h>

#include "storaged_objects_lab.h"

#define PARTS 3

static const size_t sizes[PARTS] = {5 * MIB, 6 * MIB + 1, 7};
static uint8_t *content[PARTS], sums[PARTS][SHA256_LEN], records[PARTS][20];

static void
sha256_of(const void *data, size_t size, uint8_t ret_digest[SHA256_LEN])
{
	assert_true(
	    EVP_Digest(data, size, ret_digest, NULL, EVP_sha256(), NULL));
}

static int
setup_parts(void **state)
{
	Nx__BucketMakeRequest q = NX__BUCKET_MAKE_REQUEST__INIT;
	int r = setup(state);

	if (r != 0)
		return r;
	q.name = text("bucket");
	LAB_OK(lab_call(1, NX__METHOD__BUCKET_MAKE, &q));
	for (size_t i = 0; i < PARTS; i++) {
		content[i] = lab_random(sizes[i]);
		sha256_of(content[i], sizes[i], sums[i]);
	}
	return 0;
}

static int
teardown_parts(void **state)
{
	for (size_t i = 0; i < PARTS; i++)
		free(content[i]);
	return lab_teardown(state);
}

static void
multipart_open(bool want, char ret_id[33])
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;

	q.bucket = text("bucket");
	q.key = bytes("key");
	q.want_sha256 = want;
	LAB_OK(lab_call(1, NX__METHOD__MULTIPART_OPEN, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
}

/* @said: what FINISH announces it to be, or NULL. */
static Nx__Status
send_part(const char *id, size_t i, const uint8_t *said)
{
	Nx__PartOpenUploadRequest q = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest finish = NX__FINISH_UPLOAD_REQUEST__INIT;
	int fd;

	q.id = text(id);
	q.number = (uint32_t)i + 1;
	q.sha256 = said != NULL;
	LAB_OK(lab_call(1, NX__METHOD__PART_OPEN_UPLOAD, &q));
	finish.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	assert_int_equal(lab_feed(fd, content[i], sizes[i]), sizes[i]);
	nx_close(&fd);
	finish.size = sizes[i];
	finish.digest.data = (uint8_t *)(uintptr_t)said;
	finish.digest.len = said ? SHA256_LEN : 0;
	return lab_call(1, NX__METHOD__FILE_FINISH_UPLOAD, &finish);
}

static void
check_part(size_t i, bool known)
{
	const Nx__FileInfo *f = LAB_BODY(Nx__FinishUploadReply)->file;
	char digits[SHA256_TEXT] = "";

	if (known)
		checksum_text(sums[i], SHA256_LEN, digits);
	assert_string_equal(f->sha256, digits);
	memset(records[i], 0, sizeof(records[i]));
	records[i][0] = (uint8_t)(i + 1);
	for (size_t k = 0; k < MD5_LEN; k++) {
		unsigned byte;

		assert_int_equal(sscanf(f->md5 + 2 * k, "%2x", &byte), 1);
		records[i][4 + k] = (uint8_t)byte;
	}
}

/* The first @n of them; @said: what their sum is announced to be, or NULL. */
static Nx__Status
complete(const char *id, size_t n, const uint8_t *said)
{
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;

	q.id = text(id);
	q.parts = (ProtobufCBinaryData){n * 20, records[0]};
	q.sha256_parts.data = (uint8_t *)(uintptr_t)said;
	q.sha256_parts.len = said ? SHA256_LEN : 0;
	return lab_call(1, NX__METHOD__MULTIPART_COMPLETE, &q);
}

static Nx__Status
stat_key(const char *key)
{
	Nx__ObjectRequest q = NX__OBJECT_REQUEST__INIT;

	q.bucket = text("bucket");
	q.key = bytes(key);
	return lab_call(1, NX__METHOD__OBJECT_STAT, &q);
}

/* Of the @n first parts; 0: none. */
static void
check_told(const Nx__ObjectInfo *o, size_t n)
{
	uint8_t sum[SHA256_LEN];
	char digits[SHA256_TEXT + 3] = "";

	sha256_of(sums, n * SHA256_LEN, sum);
	if (n > 0) {
		checksum_text(sum, SHA256_LEN, digits);
		snprintf(digits + 64, 4, "-%u", (unsigned)n % 100);
	}
	assert_string_equal(o->sha256_parts, digits);
	/* it is no hash of the content */
	assert_string_equal(o->sha256, "");
}

static void
check_listed(const char *id, size_t i, bool known)
{
	Nx__PartListRequest q = NX__PART_LIST_REQUEST__INIT;
	char digits[SHA256_TEXT] = "";

	if (known)
		checksum_text(sums[i], SHA256_LEN, digits);
	q.id = text(id);
	LAB_OK(lab_call(1, NX__METHOD__PART_LIST, &q));
	assert_string_equal(
	    LAB_BODY(Nx__PartListReply)->parts[i]->sha256, digits);
}

static void
test_wanted(void **state)
{
	Nx__ObjectCopyRequest copy = NX__OBJECT_COPY_REQUEST__INIT;
	uint8_t sum[SHA256_LEN];
	char id[33], from[33];

	(void)state;
	multipart_open(true, id);
	for (size_t i = PARTS; i-- > 0;) {
		LAB_OK(send_part(id, i, i == 1 ? sums[i] : NULL));
		check_part(i, true);
	}
	for (size_t i = 0; i < PARTS; i++)
		check_listed(id, i, true);
	lab_stop();
	lab_start();
	sha256_of(sums, sizeof(sums), sum);
	sum[0] ^= 1;
	assert_int_equal(complete(id, PARTS, sum), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "another SHA-256"));
	assert_int_equal(stat_key("key"), NX__STATUS__NOT_FOUND);
	check_listed(id, 0, true);
	sum[0] ^= 1;
	LAB_OK(complete(id, PARTS, sum));
	check_told(LAB_BODY(Nx__ObjectInfo), PARTS);
	snprintf(from, sizeof(from), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	/* asked again */
	LAB_OK(complete(id, PARTS, NULL));
	LAB_OK(complete(id, PARTS, sum));
	sum[0] ^= 1;
	assert_int_equal(complete(id, PARTS, sum), NX__STATUS__INVALID);
	copy.from = from;
	copy.bucket = text("bucket");
	copy.key = bytes("copy");
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_COPY, &copy));
	check_told(LAB_BODY(Nx__ObjectInfo), PARTS);
	lab_stop();
	lab_start();
	LAB_OK(stat_key("key"));
	check_told(LAB_BODY(Nx__ObjectStatReply)->info, PARTS);
	LAB_OK(stat_key("copy"));
	check_told(LAB_BODY(Nx__ObjectStatReply)->info, PARTS);
}

/* What each was said to be is enough, but for those that are listed. */
static void
test_announced(void **state)
{
	uint8_t sum[SHA256_LEN];
	char id[33];

	(void)state;
	multipart_open(false, id);
	for (size_t i = 0; i < PARTS; i++) {
		LAB_OK(send_part(id, i, i < 2 ? sums[i] : NULL));
		check_part(i, i < 2);
		check_listed(id, i, i < 2);
	}
	/* another one changes nothing of what is there */
	assert_int_equal(send_part(id, 0, sums[1]), NX__STATUS__INVALID);
	check_listed(id, 0, true);
	sha256_of(sums, sizeof(sums), sum);
	assert_int_equal(complete(id, PARTS, sum), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "not every part"));
	/* one that replaces another brings its own, or none */
	LAB_OK(send_part(id, 1, NULL));
	check_part(1, false);
	LAB_OK(send_part(id, 1, sums[1]));
	check_part(1, true);
	LAB_OK(complete(id, 2, NULL));
	check_told(LAB_BODY(Nx__ObjectInfo), 2);
}

static void
test_not_wanted(void **state)
{
	char id[33];

	(void)state;
	multipart_open(false, id);
	for (size_t i = 0; i < PARTS; i++) {
		LAB_OK(send_part(id, i, i < 2 ? sums[i] : NULL));
		check_part(i, i < 2);
	}
	LAB_OK(complete(id, PARTS, NULL));
	check_told(LAB_BODY(Nx__ObjectInfo), 0);
	assert_int_equal(complete(id, PARTS, sums[0]), NX__STATUS__INVALID);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup_parts, teardown_parts)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_wanted),
	    T(test_announced),
	    T(test_not_wanted),
	};

	(void)readers_go;
	LAB_OR_SKIP("SHA-256 of what comes in parts");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
