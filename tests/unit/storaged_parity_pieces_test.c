/*
 * Parity of what comes in pieces: parts of an object, each coded by itself, and
 * resumable uploads, of which whole stripes count.
 */
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
resumable_open(const char *path, const char *erasure, char ret_id[33])
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;

	q.path = text(path);
	q.erasure = text(erasure);
	LAB_OK(lab_call(7, NX__METHOD__RESUMABLE_OPEN, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
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

static bool
lose_one(const char *name, uint64_t changed_at, void *arg)
{
	struct chunk_id id;

	(void)changed_at;
	if (strlen(name) != NX_ID_LEN)
		return true;
	snprintf(id.text, sizeof(id.text), "%s", name);
	assert_int_equal(chunk_remove(((struct volume *)arg)->store, &id), 0);
	return true;
}

/* All chunks that are files there. */
static void
lose_volume_of(const char *node)
{
	struct volume *v = volume_find(lab.s.volumes, node);

	assert_non_null(v);
	assert_int_equal(chunk_list(v->store, lose_one, v), 0);
}

static void
test_resumable(void **state)
{
	size_t size = 37 * MIB + 5;
	uint8_t *data = lab_random(size);
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;
	char id[33];
	uint64_t at;
	int fd;

	(void)state;
	resumable_open("/f", "2+1", id);
	LAB_OK(append(id, 0));
	LAB_OK(feed(7, data, 3 * MIB));
	assert_int_equal(LAB_BODY(Nx__FinishUploadReply)->offset, 3 * MIB);
	/* the sender dies: whole stripes stay */
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
	LAB_OK(append(id, at));
	LAB_OK(feed(7, data + at, size - at));
	q.id = id;
	q.size = size;
	LAB_OK(lab_call(7, NX__METHOD__RESUMABLE_FINISH, &q));
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	LAB_OK(lab_read(7, NULL, "/f", 3 * MIB - 5, 11 * MIB, data));
	assert_int_equal(lab_findings(), 0);
	/* without any one volume */
	lose_volume_of(lab_nodes[1]);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	free(data);
}

static void
make_bucket(const char *name)
{
	Nx__BucketMakeRequest q = NX__BUCKET_MAKE_REQUEST__INIT;

	q.name = text(name);
	LAB_OK(lab_call(7, NX__METHOD__BUCKET_MAKE, &q));
}

/* The etag is the content's MD5 all the same, and known of many parts. */
static void
test_object(void **state)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	size_t size = 8 * MIB;
	uint8_t *data = lab_random(size), md5[MD5_LEN];
	struct hasher *h;
	struct etag etag;
	char id[33];

	(void)state;
	make_bucket("bucket");
	q.bucket = text("bucket");
	q.key = bytes("k");
	q.erasure = text("2+1");
	q.has_size = true;
	q.size = size;
	LAB_OK(lab_call(7, NX__METHOD__OBJECT_OPEN_UPLOAD, &q));
	LAB_OK(feed(7, data, size));
	assert_int_equal(hasher_new(&h), 0);
	hasher_add(h, data, size);
	hasher_end(h, md5);
	hasher_free(h);
	checksum_etag((const uint8_t(*)[MD5_LEN])md5, 1, &etag);
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->md5, etag.text);
	snprintf(
	    id, sizeof(id), "%s", LAB_BODY(Nx__FinishUploadReply)->file->id);
	assert_string_equal(
	    LAB_BODY(Nx__FinishUploadReply)->file->erasure, "2+1");
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lose_volume_of(lab_nodes[0]);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup_three, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_resumable),
	    T(test_object),
	};

	(void)setup;
	(void)readers_go;
	LAB_OR_SKIP("parity of what comes in pieces");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
