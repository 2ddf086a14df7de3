/*
 * What clients of buckets and of uploads in pieces do, and every call it makes
 * failing once: storaged_faults_lab.h.
 */
#include "storaged_faults_lab.h"

#define BIG   300000U /* more than goes into a segment */
#define PART  (5U * MIB)
#define SMALL 3000U

static uint8_t *data;
static char id[33];            /* of what was prepared */
static uint8_t records[2][20]; /* of parts */

static void
undo_new(void)
{
	Nx__Status status = lab_fs(USER, NX__METHOD__FS_DELETE, "/new");

	if (status != NX__STATUS__NOT_FOUND)
		LAB_OK(status);
}

static void
prepare_raw(void)
{
	struct lab_upload u = {.name = "raw"};

	LAB_OK(lab_upload(USER, &u, data, BIG, id));
}

static void
undo_raw(void)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = id;
	LAB_OK(lab_call(USER, NX__METHOD__FILE_DELETE, &q));
}

/* --- buckets ----------------------------------------------------------------*/

static Nx__Status
run_bucket(void)
{
	Nx__BucketMakeRequest q = NX__BUCKET_MAKE_REQUEST__INIT;

	q.name = text("bucket");
	q.lockable = true;
	return lab_call(USER, NX__METHOD__BUCKET_MAKE, &q);
}

static Nx__Status
bucket_call(Nx__Method method)
{
	Nx__BucketRequest q = NX__BUCKET_REQUEST__INIT;

	q.name = text("bucket");
	return lab_call(USER, method, &q);
}

static void
prepare_bucket(void)
{
	LAB_OK(run_bucket());
}

static Nx__Status
object_delete(const char *version)
{
	Nx__ObjectDeleteRequest q = NX__OBJECT_DELETE_REQUEST__INIT;

	q.bucket = text("bucket");
	q.key = bytes("key");
	q.version = text(version);
	q.bypass = true;
	return lab_call(USER, NX__METHOD__OBJECT_DELETE, &q);
}

static Nx__Status
hold(bool on)
{
	Nx__ObjectSetLockRequest q = NX__OBJECT_SET_LOCK_REQUEST__INIT;

	q.bucket = text("bucket");
	q.key = bytes("key");
	q.set_hold = true;
	q.hold = on;
	return lab_call(USER, NX__METHOD__OBJECT_SET_LOCK, &q);
}

static Nx__Status
drop_upload(const char *which)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = text(which);
	return lab_call(USER, NX__METHOD__UPLOAD_DROP, &q);
}

/* All versions, all uploads, and itself. */
static void
undo_bucket(void)
{
	Nx__ObjectListRequest q = NX__OBJECT_LIST_REQUEST__INIT;
	Nx__MultipartListRequest m = NX__MULTIPART_LIST_REQUEST__INIT;

	q.bucket = m.bucket = text("bucket");
	q.versions = true;
	if (bucket_call(NX__METHOD__BUCKET_STAT) == NX__STATUS__NOT_FOUND)
		return;
	while (lab_call(USER, NX__METHOD__OBJECT_LIST, &q) == NX__STATUS__OK &&
	    LAB_BODY(Nx__ObjectListReply)->n_objects > 0) {
		const Nx__ObjectInfo *o =
		    LAB_BODY(Nx__ObjectListReply)->objects[0];
		char version[33];

		(void)snprintf(version, sizeof(version), "%s", o->version);
		if (o->hold)
			LAB_OK(hold(false));
		LAB_OK(object_delete(version));
	}
	while (
	    lab_call(USER, NX__METHOD__MULTIPART_LIST, &m) == NX__STATUS__OK &&
	    LAB_BODY(Nx__UploadListReply)->n_uploads > 0) {
		(void)snprintf(id, sizeof(id), "%s",
		    LAB_BODY(Nx__UploadListReply)->uploads[0]->id);
		LAB_OK(drop_upload(id));
	}
	LAB_OK(bucket_call(NX__METHOD__BUCKET_DELETE));
}

static Nx__Status
run_bucket_delete(void)
{
	Nx__Status status = bucket_call(NX__METHOD__BUCKET_DELETE);

	return status == NX__STATUS__NOT_FOUND ? NX__STATUS__OK : status;
}

static Nx__Status
object_put(size_t from, size_t size)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	Nx__MetaPair pair = NX__META_PAIR__INIT, *pairs[] = {&pair};
	Nx__Status status;

	pair.name = text("content-type");
	pair.value = text("text/plain");
	q.bucket = text("bucket");
	q.key = bytes("key");
	q.want_sha256 = true;
	q.n_meta = 1;
	q.meta = pairs;
	status = lab_call(USER, NX__METHOD__OBJECT_OPEN_UPLOAD, &q);
	return status == NX__STATUS__OK ? feed(USER, data + from, size)
					: status;
}

static Nx__Status
run_object(void)
{
	return object_put(0, BIG);
}

static void
prepare_object(void)
{
	prepare_bucket();
	LAB_OK(object_put(1, SMALL));
	(void)snprintf(
	    id, sizeof(id), "%s", LAB_BODY(Nx__FinishUploadReply)->version);
}

static Nx__Status
run_object_delete(void)
{
	return object_delete("");
}

/* Gone already when it is asked again: fine. */
static Nx__Status
run_version_delete(void)
{
	return object_delete(id);
}

static Nx__Status
run_hold(void)
{
	return hold(true);
}

static void
prepare_object_copy(void)
{
	prepare_bucket();
	prepare_raw();
}

static Nx__Status
run_object_copy(void)
{
	Nx__ObjectCopyRequest q = NX__OBJECT_COPY_REQUEST__INIT;

	q.from = id;
	q.bucket = text("bucket");
	q.key = bytes("key");
	return lab_call(USER, NX__METHOD__OBJECT_COPY, &q);
}

static void
undo_object_copy(void)
{
	undo_bucket();
	undo_raw();
}

/* --- uploads in pieces ------------------------------------------------------*/

static Nx__Status
run_multipart(void)
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;
	Nx__Status status;

	q.bucket = text("bucket");
	q.key = bytes("key");
	q.want_sha256 = true;
	status = lab_call(USER, NX__METHOD__MULTIPART_OPEN, &q);
	if (status == NX__STATUS__OK)
		(void)snprintf(
		    id, sizeof(id), "%s", LAB_BODY(Nx__UploadInfo)->id);
	return status;
}

static void
prepare_multipart(void)
{
	prepare_bucket();
	LAB_OK(run_multipart());
}

static Nx__Status
part(unsigned number, size_t from, size_t size)
{
	Nx__PartOpenUploadRequest q = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	uint8_t *record = records[number - 1];
	Nx__Status status;

	q.id = id;
	q.number = number;
	status = lab_call(USER, NX__METHOD__PART_OPEN_UPLOAD, &q);
	if (status == NX__STATUS__OK)
		status = feed(USER, data + from, size);
	if (status != NX__STATUS__OK)
		return status;
	memset(record, 0, 20);
	record[0] = (uint8_t)number;
	for (int i = 0; i < 16; i++) {
		unsigned byte;

		assert_int_equal(
		    sscanf(LAB_BODY(Nx__FinishUploadReply)->file->md5 + 2 * i,
			"%2x", &byte),
		    1);
		record[4 + i] = (uint8_t)byte;
	}
	return status;
}

static Nx__Status
run_part(void)
{
	return part(1, 0, BIG);
}

static void
prepare_parts(void)
{
	prepare_multipart();
	LAB_OK(part(1, 0, PART));
	LAB_OK(part(2, 9, SMALL));
}

static Nx__Status
run_complete(void)
{
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;

	q.id = id;
	q.parts = (ProtobufCBinaryData){sizeof(records), records[0]};
	return lab_call(USER, NX__METHOD__MULTIPART_COMPLETE, &q);
}

static Nx__Status
run_drop(void)
{
	Nx__Status status = drop_upload(id);

	return status == NX__STATUS__NOT_FOUND ? NX__STATUS__OK : status;
}

static Nx__Status
run_resumable(void)
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;
	Nx__Status status;

	q.path = text("/new");
	q.want_sha256 = true;
	status = lab_call(USER, NX__METHOD__RESUMABLE_OPEN, &q);
	if (status == NX__STATUS__OK)
		(void)snprintf(
		    id, sizeof(id), "%s", LAB_BODY(Nx__UploadInfo)->id);
	return status;
}

static void
prepare_resumable(void)
{
	LAB_OK(run_resumable());
}

static uint64_t
offset_of(void)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = id;
	LAB_OK(lab_call(USER, NX__METHOD__RESUMABLE_STAT, &q));
	return LAB_BODY(Nx__UploadInfo)->size;
}

/* Where it ends, up to BIG. */
static Nx__Status
run_append(void)
{
	Nx__ResumableAppendRequest q = NX__RESUMABLE_APPEND_REQUEST__INIT;
	Nx__Status status;

	q.id = id;
	q.offset = offset_of();
	if (q.offset == BIG)
		return NX__STATUS__OK;
	status = lab_call(USER, NX__METHOD__RESUMABLE_APPEND, &q);
	return status == NX__STATUS__OK
	    ? feed(USER, data + q.offset, BIG - q.offset)
	    : status;
}

static void
prepare_appended(void)
{
	prepare_resumable();
	LAB_OK(run_append());
}

static Nx__Status
run_finish(void)
{
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;

	q.id = id;
	q.size = BIG;
	return lab_call(USER, NX__METHOD__RESUMABLE_FINISH, &q);
}

static void
undo_resumable(void)
{
	Nx__ResumableListRequest q = NX__RESUMABLE_LIST_REQUEST__INIT;

	LAB_OK(lab_call(USER, NX__METHOD__RESUMABLE_LIST, &q));
	if (LAB_BODY(Nx__UploadListReply)->n_uploads > 0) {
		(void)snprintf(id, sizeof(id), "%s",
		    LAB_BODY(Nx__UploadListReply)->uploads[0]->id);
		LAB_OK(drop_upload(id));
	}
	undo_new();
}

/* --- the table --------------------------------------------------------------*/

static const struct operation operations[] = {
    OPERATION("bucket make", NULL, run_bucket, undo_bucket),
    OPERATION("bucket delete", prepare_bucket, run_bucket_delete, undo_bucket),
    OPERATION("object put", prepare_bucket, run_object, undo_bucket),
    OPERATION("object put version", prepare_object, run_object, undo_bucket),
    OPERATION("object delete", prepare_object, run_object_delete, undo_bucket),
    OPERATION(
	"version delete", prepare_object, run_version_delete, undo_bucket),
    OPERATION("object hold", prepare_object, run_hold, undo_bucket),
    OPERATION("object copy", prepare_object_copy, run_object_copy,
	undo_object_copy, .either = true),
    OPERATION("multipart open", prepare_bucket, run_multipart, undo_bucket),
    OPERATION("multipart part", prepare_multipart, run_part, undo_bucket),
    OPERATION("multipart complete", prepare_parts, run_complete, undo_bucket,
	.either = true),
    OPERATION("multipart drop", prepare_parts, run_drop, undo_bucket),
    OPERATION("resumable open", NULL, run_resumable, undo_resumable),
    OPERATION(
	"resumable append", prepare_resumable, run_append, undo_resumable),
    OPERATION("resumable finish", prepare_appended, run_finish, undo_resumable),
};

static int
setup_one(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 128 * MIB));
	LAB_OK(lab_mkdir(USER, "/kept", false));
	LAB_OK(lab_put(USER, "/kept/small", data + 11, SMALL));
	LAB_OK(lab_put(USER, "/kept/big", data + 12, BIG));
	return 0;
}

static int
setup_two(void **state)
{
	int r = setup_one(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("2"), 128 * MIB));
	lab_settle();
	return r;
}

static void
test_operations(void **state)
{
	(void)state;
	run_operations(operations, NX_ARRAY_SIZE(operations));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_operations, setup_one, lab_teardown),
	    cmocka_unit_test_setup_teardown(
		test_operations, setup_two, lab_teardown),
	};
	int r;

	LAB_OR_SKIP("every call fails once, of objects");
	signal(SIGPIPE, SIG_IGN);
	data = lab_random(PART + 64);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(data);
	return r;
}
