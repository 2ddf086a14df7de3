/*
 * Buckets and multipart uploads as callers see them: through the whole daemon,
 * with bytes, and over its restarts.
 */
#include "storaged_objects_lab.h"

static Nx__Status
make(uint64_t user, const char *name, bool lockable)
{
	Nx__BucketMakeRequest q = NX__BUCKET_MAKE_REQUEST__INIT;

	q.name = text(name);
	q.lockable = lockable;
	return lab_call(user, NX__METHOD__BUCKET_MAKE, &q);
}

static Nx__Status
put(uint64_t user, const char *bucket, const char *key, const void *data,
    size_t size)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	Nx__MetaPair pair = NX__META_PAIR__INIT, *pairs[] = {&pair};
	Nx__Status status;

	pair.name = text("content-type");
	pair.value = text("text/x-of-it");
	q.bucket = text(bucket);
	q.key = bytes(key);
	q.n_meta = 1;
	q.meta = pairs;
	status = lab_call(user, NX__METHOD__OBJECT_OPEN_UPLOAD, &q);
	return status == NX__STATUS__OK ? feed(user, data, size) : status;
}

static Nx__Status
stat_object(uint64_t user, const char *bucket, const char *key)
{
	Nx__ObjectRequest q = NX__OBJECT_REQUEST__INIT;

	q.bucket = text(bucket);
	q.key = bytes(key);
	return lab_call(user, NX__METHOD__OBJECT_STAT, &q);
}

static Nx__Status
delete_object(uint64_t user, const char *bucket, const char *key)
{
	Nx__ObjectDeleteRequest q = NX__OBJECT_DELETE_REQUEST__INIT;

	q.bucket = text(bucket);
	q.key = bytes(key);
	return lab_call(user, NX__METHOD__OBJECT_DELETE, &q);
}

/* --- objects ----------------------------------------------------------------*/

static void
test_names(void **state)
{
	static const char *const bad[] = {"ab", "A-b", "-ab", "ab-", "a..b",
	    "10.0.0.1", "xn--ab", "x-s3alias", "a_b", "a/b", ""};
	static const char *const good[] = {"abc", "a.b-c", "1.2.3", "0-0"};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_int_equal(make(1, bad[i], false), NX__STATUS__INVALID);
	for (size_t i = 0; i < NX_ARRAY_SIZE(good); i++)
		LAB_OK(make(1, good[i], false));
	assert_int_equal(make(2, "abc", false), NX__STATUS__EXISTS);
}

static void
test_object(void **state)
{
	size_t size = CHUNK_SIZE + 12345;
	uint8_t *data = lab_random(size);
	const Nx__ObjectStatReply *a;
	char id[33];

	(void)state;
	assert_int_equal(put(1, "none", "k", "x", 1), NX__STATUS__NOT_FOUND);
	LAB_OK(make(1, "bucket", false));
	assert_int_equal(put(2, "bucket", "k", "x", 1), NX__STATUS__NOT_FOUND);
	assert_int_equal(put(0, "bucket", "k", "x", 1), NX__STATUS__CONFLICT);
	assert_int_equal(put(1, "bucket", "", "x", 1), NX__STATUS__INVALID);
	LAB_OK(put(1, "bucket", "a/../b", "old", 3));
	assert_string_equal(LAB_BODY(Nx__FinishUploadReply)->file->md5,
	    "149603e6c03516362a8da23f624db945");
	LAB_OK(put(1, "bucket", "a/../b", data, size));
	LAB_OK(stat_object(1, "bucket", "a/../b"));
	a = LAB_BODY(Nx__ObjectStatReply);
	assert_int_equal(a->info->size, size);
	/* the MD5 of all of it, though it has two chunks */
	assert_int_equal(strlen(a->info->etag), 32);
	assert_int_equal(a->n_meta, 1);
	assert_string_equal(a->meta[0]->value, "text/x-of-it");
	snprintf(id, sizeof(id), "%s", a->info->id);
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	LAB_OK(lab_read(1, id, NULL, CHUNK_SIZE - 5, 100, data));
	assert_int_equal(
	    lab_read(2, id, NULL, 0, 0, data), NX__STATUS__NOT_FOUND);
	/* not to be had around the bucket */
	assert_int_equal(
	    lab_call(1, NX__METHOD__FILE_DELETE,
		&(Nx__FileRequest){.base = PROTOBUF_C_MESSAGE_INIT(
				       &nx__file_request__descriptor),
		    .id = id}),
	    NX__STATUS__CONFLICT);
	assert_int_equal(
	    stat_object(2, "bucket", "a/../b"), NX__STATUS__NOT_FOUND);
	LAB_OK(delete_object(1, "bucket", "a/../b"));
	LAB_OK(delete_object(1, "bucket", "a/../b"));
	assert_true(LAB_BODY(Nx__ObjectDeleteReply)->absent);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->counted, 512);
	free(data);
}

static void
test_list(void **state)
{
	Nx__ObjectListRequest q = NX__OBJECT_LIST_REQUEST__INIT;
	char key[1025], after[2201] = "";
	size_t seen = 0, prefixes = 0;

	(void)state;
	LAB_OK(make(1, "bucket", false));
	for (int i = 0; i < 120; i++) {
		memset(key, 'k', 1024);
		key[1024] = '\0';
		snprintf(key, sizeof(key), "%03d/%.*s", i % 60, 1000 + i / 60,
		    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk");
		LAB_OK(put(1, "bucket", key, "x", 1));
	}
	q.bucket = text("bucket");
	q.names = true;
	do {
		const Nx__ObjectListReply *a;

		q.after = after;
		q.limit = 7;
		LAB_OK(lab_call(1, NX__METHOD__OBJECT_LIST, &q));
		a = LAB_BODY(Nx__ObjectListReply);
		assert_in_range(a->n_objects, 1, 7);
		seen += a->n_objects;
		snprintf(after, sizeof(after), "%s", a->next);
	} while (after[0]);
	assert_int_equal(seen, 60); /* those of one key replaced each other */
	q.delimiter = bytes("/");
	q.limit = 0;
	q.after = text("");
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_LIST, &q));
	for (size_t i = 0; i < LAB_BODY(Nx__ObjectListReply)->n_objects; i++)
		if (LAB_BODY(Nx__ObjectListReply)->objects[i]->prefix)
			prefixes++;
	assert_int_equal(prefixes, 60);
	q.after = text("nonsense");
	assert_int_equal(
	    lab_call(1, NX__METHOD__OBJECT_LIST, &q), NX__STATUS__INVALID);
	q.after = text("k0:0");
	assert_int_equal(
	    lab_call(1, NX__METHOD__OBJECT_LIST, &q), NX__STATUS__INVALID);
}

static void
test_delete_many(void **state)
{
	Nx__ObjectDeleteManyRequest q = NX__OBJECT_DELETE_MANY_REQUEST__INIT;
	Nx__ObjectToDelete list[3], *pointers[3];
	Nx__ObjectSetLockRequest lock = NX__OBJECT_SET_LOCK_REQUEST__INIT;
	const Nx__ObjectDeleteManyReply *a;
	char version[33];

	(void)state;
	LAB_OK(make(1, "bucket", true));
	LAB_OK(put(1, "bucket", "a", "x", 1));
	LAB_OK(put(1, "bucket", "b", "x", 1));
	snprintf(version, sizeof(version), "%s",
	    LAB_BODY(Nx__FinishUploadReply)->version);
	assert_int_equal(strlen(version), 32);
	lock.bucket = text("bucket");
	lock.key = bytes("b");
	lock.set_hold = lock.hold = true;
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_SET_LOCK, &lock));
	for (size_t i = 0; i < 3; i++) {
		nx__object_to_delete__init(&list[i]);
		pointers[i] = &list[i];
	}
	list[0].key = bytes("a");
	list[1].key = bytes("b");
	list[1].version = version;
	list[2].key = bytes("none");
	q.bucket = text("bucket");
	q.n_objects = 3;
	q.objects = pointers;
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_DELETE_MANY, &q));
	a = LAB_BODY(Nx__ObjectDeleteManyReply);
	assert_int_equal(a->n_objects, 3);
	assert_int_equal(a->objects[0]->status, NX__STATUS__OK);
	assert_true(a->objects[0]->marker);
	assert_int_equal(a->objects[1]->status, NX__STATUS__DENIED);
	assert_non_null(strstr(a->objects[1]->error, "locked"));
	assert_int_equal(a->objects[2]->status, NX__STATUS__OK);
}

/* --- multipart --------------------------------------------------------------*/

static void
multipart_open(const char *bucket, const char *key, char ret_id[33])
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;

	q.bucket = text(bucket);
	q.key = bytes(key);
	LAB_OK(lab_call(1, NX__METHOD__MULTIPART_OPEN, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
}

/* Its MD5 goes into the record of the list. */
static void
send_part(const char *id, uint32_t number, const uint8_t *data, size_t size,
    uint8_t ret_record[20])
{
	Nx__PartOpenUploadRequest q = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	const char *etag;

	q.id = text(id);
	q.number = number;
	LAB_OK(lab_call(1, NX__METHOD__PART_OPEN_UPLOAD, &q));
	LAB_OK(feed(1, data, size));
	etag = LAB_BODY(Nx__FinishUploadReply)->file->md5;
	assert_int_equal(strlen(etag), 32);
	ret_record[0] = (uint8_t)number;
	ret_record[1] = (uint8_t)(number >> 8);
	ret_record[2] = ret_record[3] = 0;
	for (int i = 0; i < 16; i++) {
		unsigned byte;

		assert_int_equal(sscanf(etag + 2 * i, "%2x", &byte), 1);
		ret_record[4 + i] = (uint8_t)byte;
	}
}

static Nx__Status
complete(const char *id, uint8_t *records, size_t n)
{
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;

	q.id = text(id);
	q.parts = (ProtobufCBinaryData){n * 20, records};
	return lab_call(1, NX__METHOD__MULTIPART_COMPLETE, &q);
}

struct completed {
	bool done;
	Nx__Status status;
	uint64_t size;
};

static void
on_completed(const struct nx_reply *r, void *arg)
{
	struct completed *c = arg;

	c->done = true;
	c->status = r->status;
	if (r->body)
		c->size = ((const Nx__ObjectInfo *)(const void *)r->body)->size;
}

/* Who asks at once with other lists is told what has become of it, and it is of
 * one list. */
static void
test_completed_twice(void **state)
{
	uint8_t *data = lab_random(12 * MIB), records[2][20];
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;
	struct completed done[2] = {{0}};
	struct nx_call_opts opts = lab_opts(1);
	char id[33], file[33];

	(void)state;
	LAB_OK(make(1, "bucket", false));
	multipart_open("bucket", "big", id);
	send_part(id, 1, data, 5 * MIB, records[0]);
	send_part(id, 2, data + 5 * MIB, 7 * MIB, records[1]);
	q.id = text(id);
	for (size_t i = 0; i < 2; i++) {
		q.parts = (ProtobufCBinaryData){(2 - i) * 20, records[i]};
		assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
		    (struct nx_ask){NX_ROLE_STORAGE,
			NX__METHOD__MULTIPART_COMPLETE, &q.base},
		    &opts, on_completed, &done[i]));
	}
	while (!done[0].done || !done[1].done)
		event_base_loop(lab.base, EVLOOP_ONCE);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(done[i].status, NX__STATUS__OK);
		assert_int_equal(done[i].size, 12 * MIB);
	}
	LAB_OK(stat_object(1, "bucket", "big"));
	snprintf(
	    file, sizeof(file), "%s", LAB_BODY(Nx__ObjectStatReply)->info->id);
	lab_settle();
	LAB_OK(lab_read(1, file, NULL, 0, 0, data));
	free(data);
}

static void
test_multipart(void **state)
{
	size_t sizes[] = {25 * MIB + 7, 5 * MIB, 11 * MIB, 100};
	size_t size = 41 * MIB + 107;
	uint8_t *data = lab_random(size), records[4][20], at_least[20];
	char id[33], other[33], file[33];

	(void)state;
	LAB_OK(make(1, "bucket", false));
	multipart_open("bucket", "big", id);
	/* in any order, over a restart, one twice */
	send_part(id, 9, data + 25 * MIB + 7 + 5 * MIB, sizes[2], records[2]);
	lab_stop();
	lab_start();
	send_part(id, 3, data, sizes[0], records[0]);
	send_part(id, 7, data, 6 * MIB, records[1]);
	send_part(id, 7, data + sizes[0], sizes[1], records[1]);
	send_part(id, 10000, data + 41 * MIB + 7, sizes[3], records[3]);
	assert_int_equal(
	    stat_object(1, "bucket", "big"), NX__STATUS__NOT_FOUND);
	assert_int_equal(complete(id, records[1], 3) == NX__STATUS__OK, 1);
	/* without the first: what was listed, and no more */
	assert_int_equal(LAB_BODY(Nx__ObjectInfo)->size, 16 * MIB + 100);
	assert_non_null(strstr(LAB_BODY(Nx__ObjectInfo)->etag, "-3"));
	snprintf(file, sizeof(file), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	LAB_OK(lab_read(1, file, NULL, 0, 0, data + sizes[0]));
	LAB_OK(lab_read(1, file, NULL, 5 * MIB - 10, 20, data + sizes[0]));
	LAB_OK(complete(id, records[1], 3));
	lab_settle();
	/* and with all of them */
	multipart_open("bucket", "big", other);
	send_part(other, 1, data, sizes[0], records[0]);
	send_part(other, 2, data + sizes[0], sizes[1], records[1]);
	send_part(other, 3, data + sizes[0] + sizes[1], sizes[2], records[2]);
	send_part(other, 4, data + 41 * MIB + 7, sizes[3], records[3]);
	memcpy(at_least, records[1], 20);
	at_least[5] ^= 1;
	assert_int_equal(complete(other, at_least, 1), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "part 2"));
	LAB_OK(complete(other, records[0], 4));
	snprintf(file, sizeof(file), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	LAB_OK(lab_read(1, file, NULL, 0, 0, data));
	for (uint64_t at = 0; at < size; at += 3 * MIB - 1)
		LAB_OK(lab_read(1, file, NULL, at,
		    size - at < 4 * MIB ? size - at : 4 * MIB, data));
	LAB_OK(delete_object(1, "bucket", "big"));
	readers_go();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->counted, 512);
	free(data);
}

/* --- copies -----------------------------------------------------------------*/

static Nx__Status
copy(uint64_t user, const char *from, const char *bucket, const char *key)
{
	Nx__ObjectCopyRequest q = NX__OBJECT_COPY_REQUEST__INIT;

	q.from = text(from);
	q.bucket = text(bucket);
	q.key = bytes(key);
	return lab_call(user, NX__METHOD__OBJECT_COPY, &q);
}

static void
test_copy(void **state)
{
	size_t size = 17 * MIB;
	uint8_t *data = lab_random(size), records[2][20];
	char id[33], whole[33], file[33];

	(void)state;
	LAB_OK(make(1, "bucket", false));
	LAB_OK(make(2, "other", false));
	multipart_open("bucket", "m", id);
	send_part(id, 1, data, 12 * MIB, records[0]);
	send_part(id, 2, data + 12 * MIB, 5 * MIB, records[1]);
	assert_int_equal(copy(1, id, "bucket", "c"), NX__STATUS__NOT_FOUND);
	LAB_OK(complete(id, records[0], 2));
	snprintf(whole, sizeof(whole), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	assert_int_equal(copy(2, whole, "other", "c"), NX__STATUS__NOT_FOUND);
	LAB_OK(copy(1, whole, "bucket", "c"));
	assert_non_null(strstr(LAB_BODY(Nx__ObjectInfo)->etag, "-2"));
	snprintf(file, sizeof(file), "%s", LAB_BODY(Nx__ObjectInfo)->id);
	assert_string_not_equal(file, whole);
	assert_int_equal(lab_chunk_files(), 3);
	/* onto itself, and without the one it was made of */
	LAB_OK(copy(1, whole, "bucket", "m"));
	LAB_OK(delete_object(1, "bucket", "m"));
	lab_settle();
	assert_int_equal(lab_chunk_files(), 3);
	LAB_OK(lab_read(1, file, NULL, 0, 0, data));
	LAB_OK(lab_read(1, file, NULL, 12 * MIB - 3, 6, data));
	assert_int_equal(lab_usage(1)->counted, size + 512);
	LAB_OK(delete_object(1, "bucket", "c"));
	readers_go();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(1)->counted, 512);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_names),
	    T(test_object),
	    T(test_list),
	    T(test_delete_many),
	    T(test_multipart),
	    T(test_copy),
	    T(test_completed_twice),
	};

	LAB_OR_SKIP("storaged's buckets");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
