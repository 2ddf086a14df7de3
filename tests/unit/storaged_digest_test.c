/*
 * Digests of a whole content: computed where somebody wants them, kept with the
 * file wherever it goes, and told to who asks about it.
 */
#include <openssl/evp.h>

#include "storaged_lab.h"
#include "storaged/care/care.h"

#define MIB (1024 * 1024)

#define TEXT(text) ((char *)(uintptr_t)(text))

static int
setup(void **state)
{
	int r;

	lab.s.conf.history = 1000;
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

static void
sha256_of(const void *data, size_t size, char ret_text[65])
{
	uint8_t digest[32];

	assert_true(EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL));
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
}

/* --- storing ----------------------------------------------------------------*/

/* Through the pipe; with @digest it is said at the end too. */
static Nx__Status
store(const char *path, const void *data, size_t size, bool want,
    const uint8_t *digest)
{
	Nx__OpenUploadRequest open = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest q = NX__FINISH_UPLOAD_REQUEST__INIT;
	int fd;

	open.path = TEXT(path);
	open.want_sha256 = want;
	open.sha256 = digest != NULL;
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_UPLOAD, &open));
	q.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	assert_int_equal(lab_feed(fd, data, size), size);
	nx_close(&fd);
	q.size = size;
	if (digest)
		q.digest =
		    (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)digest};
	return lab_call(1, NX__METHOD__FILE_FINISH_UPLOAD, &q);
}

/* In one call. */
static Nx__Status
put(const char *path, const void *data, size_t size, bool want)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;

	q.path = TEXT(path);
	q.want_sha256 = want;
	q.size = size;
	q.content = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
	return lab_call(1, NX__METHOD__FILE_PUT, &q);
}

/* --- asking -----------------------------------------------------------------*/

/* By path, and then by id, and by whoever reads it. */
static void
check_told(const char *path, const char *wanted)
{
	Nx__FsPathRequest by_path = NX__FS_PATH_REQUEST__INIT;
	Nx__FileRequest by_id = NX__FILE_REQUEST__INIT;
	Nx__OpenReadRequest read = NX__OPEN_READ_REQUEST__INIT;
	char id[33];

	by_path.path = TEXT(path);
	LAB_OK(lab_call(1, NX__METHOD__FS_STAT, &by_path));
	assert_string_equal(LAB_BODY(Nx__FsEntry)->sha256, wanted);
	snprintf(id, sizeof(id), "%s", LAB_BODY(Nx__FsEntry)->id);
	by_id.id = id;
	LAB_OK(lab_call(1, NX__METHOD__FILE_STAT, &by_id));
	assert_string_equal(LAB_BODY(Nx__FileInfo)->sha256, wanted);
	read.id = id;
	read.max_segments = 16;
	read.in_reply = 1024;
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_READ, &read));
	assert_string_equal(LAB_BODY(Nx__OpenReadReply)->file->sha256, wanted);
	for (size_t i = 0; i < reply.n_fds; i++)
		nx_close(&reply.fds[i]);
}

static void
test_wanted(void **state)
{
	size_t size = CHUNK_SIZE + 12345;
	uint8_t *data = lab_random(size);
	char large[65], small[65], empty[65];

	(void)state;
	sha256_of(data, size, large);
	sha256_of(data, 700, small);
	sha256_of("", 0, empty);
	LAB_OK(store("/large", data, size, true, NULL));
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->sha256, large);
	LAB_OK(store("/empty", data, 0, true, NULL));
	LAB_OK(put("/small", data, 700, true));
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->sha256, small);
	LAB_OK(put("/nothing", data, 0, true));
	check_told("/large", large);
	check_told("/empty", empty);
	check_told("/small", small);
	check_told("/nothing", empty);
	/* nobody wanted it */
	LAB_OK(store("/other", data, size, false, NULL));
	LAB_OK(put("/little", data, 700, false));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->file->sha256, "");
	check_told("/other", "");
	check_told("/little", "");
	/* another content has another one, or none */
	LAB_OK(put("/large", data, 700, true));
	check_told("/large", small);
	LAB_OK(put("/large", data, 600, false));
	check_told("/large", "");
	free(data);
}

/* What is compared is known: so it is kept. */
static void
test_announced(void **state)
{
	uint8_t *data = lab_random(700), digest[32];
	char text[65];

	(void)state;
	sha256_of(data, 700, text);
	assert_true(EVP_Digest(data, 700, digest, NULL, EVP_sha256(), NULL));
	LAB_OK(store("/f", data, 700, false, digest));
	check_told("/f", text);
	/* what is not what it was said to be changes nothing, wanted or not */
	digest[31] ^= 1;
	assert_int_equal(
	    store("/f", data, 699, true, digest), NX__STATUS__INVALID);
	check_told("/f", text);
	/* what is only wanted is compared with nothing */
	digest[31] ^= 1;
	assert_int_equal(
	    store("/f", data, 699, true, digest), NX__STATUS__INVALID);
	LAB_OK(store("/f", data, 699, true, NULL));
	sha256_of(data, 699, text);
	check_told("/f", text);
	free(data);
}

static void
move_or_copy(uint32_t method, const char *from, const char *to)
{
	Nx__FsMoveRequest move = NX__FS_MOVE_REQUEST__INIT;
	Nx__FsCopyRequest copy = NX__FS_COPY_REQUEST__INIT;

	move.from = copy.from = TEXT(from);
	move.to = copy.to = TEXT(to);
	copy.folders = true;
	if (method == NX__METHOD__FS_MOVE)
		LAB_OK(lab_call(1, method, &move));
	else
		LAB_OK(lab_call(1, method, &copy));
}

static void
test_kept(void **state)
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;
	Nx__MkdirRequest mkdir = NX__MKDIR_REQUEST__INIT;
	Nx__FsVersionsRequest past = NX__FS_VERSIONS_REQUEST__INIT;
	uint8_t *data = lab_random(700);
	char text[65];

	(void)state;
	sha256_of(data, 700, text);
	mkdir.path = TEXT("/d");
	LAB_OK(lab_call(1, NX__METHOD__FS_MKDIR, &mkdir));
	LAB_OK(put("/d/f", data, 700, true));
	move_or_copy(NX__METHOD__FS_COPY, "/d/f", "/copy");
	move_or_copy(NX__METHOD__FS_COPY, "/d", "/e");
	move_or_copy(NX__METHOD__FS_MOVE, "/d/f", "/moved");
	check_told("/copy", text);
	check_told("/e/f", text);
	check_told("/moved", text);
	lab_stop();
	lab_start();
	historian_start(lab.s.historian);
	check_told("/copy", text);
	check_told("/e/f", text);
	/* and so does what it was before */
	LAB_OK(put("/moved", data, 600, false));
	check_told("/moved", "");
	past.path = TEXT("/moved");
	LAB_OK(lab_call(1, NX__METHOD__FS_VERSIONS, &past));
	assert_int_equal(LAB_BODY(Nx__FsVersionsReply)->n_versions, 1);
	q.version = LAB_BODY(Nx__FsVersionsReply)->versions[0]->version;
	q.path = TEXT("/moved");
	LAB_OK(lab_call(1, NX__METHOD__FS_STAT, &q));
	assert_string_equal(LAB_BODY(Nx__FsEntry)->sha256, text);
	free(data);
}

static void
check_file(char *id, const char *wanted)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = id;
	LAB_OK(lab_call(1, NX__METHOD__FILE_STAT, &q));
	assert_string_equal(LAB_BODY(Nx__FileInfo)->sha256, wanted);
}

static void
check_object(const char *key, const char *wanted)
{
	Nx__ObjectRequest q = NX__OBJECT_REQUEST__INIT;

	q.bucket = TEXT("bucket");
	q.key = (ProtobufCBinaryData){1, (uint8_t *)TEXT(key)};
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_STAT, &q));
	assert_string_equal(
	    LAB_BODY(Nx__ObjectStatReply)->info->sha256, wanted);
}

/* Objects are files too: their copies as well. */
static void
test_object(void **state)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	Nx__ObjectCopyRequest copy = NX__OBJECT_COPY_REQUEST__INIT;
	Nx__BucketMakeRequest make = NX__BUCKET_MAKE_REQUEST__INIT;
	uint8_t *data = lab_random(700);
	char text[65], id[33];
	uint64_t upload;
	int fd;

	(void)state;
	sha256_of(data, 700, text);
	make.name = q.bucket = copy.bucket = TEXT("bucket");
	LAB_OK(lab_call(1, NX__METHOD__BUCKET_MAKE, &make));
	q.key = (ProtobufCBinaryData){1, (uint8_t *)TEXT("k")};
	copy.key = (ProtobufCBinaryData){1, (uint8_t *)TEXT("c")};
	q.want_sha256 = true;
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_OPEN_UPLOAD, &q));
	upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	assert_int_equal(lab_feed(fd, data, 700), 700);
	nx_close(&fd);
	LAB_OK(lab_finish(1, upload, 700));
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->sha256, text);
	snprintf(
	    id, sizeof(id), "%s", LAB_BODY(Nx__FinishUploadReply)->file->id);
	check_file(id, text);
	check_object("k", text);
	copy.from = id;
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_COPY, &copy));
	assert_string_equal(LAB_BODY(Nx__ObjectInfo)->sha256, text);
	snprintf(id, sizeof(id), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	check_file(id, text);
	check_object("c", text);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_wanted),
	    T(test_announced),
	    T(test_kept),
	    T(test_object),
	};

	LAB_OR_SKIP("digests");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
