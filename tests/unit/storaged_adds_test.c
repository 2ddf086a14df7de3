/*
 * A ticket that has the right to create and no other: which methods it opens, and
 * that none of those replaces, moves, deletes or tells what is there.
 */
#include "proto/bucket.pb-c.h"
#include "proto/lock.pb-c.h"
#include "tests/unit/storaged_objects_lab.h"

#define USER 9

static struct nx_ticket ticket;

static void
take_ticket(uint32_t rights)
{
	ticket = (struct nx_ticket){.audience = NX_ROLE_STORAGE,
	    .user_id = USER,
	    .rights = rights,
	    .expiry_us = nx_now_us() + 50000000};
	nx_ticket_seal(nx_tickets_key(lab.s.tickets), &ticket);
}

/* With the ticket there is. */
static Nx__Status
ask(Nx__Method method, const void *request)
{
	struct nx_call_opts opts = lab_opts(0);

	opts.ticket = (const uint8_t *)&ticket;
	return lab_call_as(NX_ROLE_GATEWAY, &opts, method, request);
}

/* --- the table --------------------------------------------------------------*/

static const char *const creating[] = {"FILE_OPEN_UPLOAD", "FILE_FINISH_UPLOAD",
    "FILE_ABORT_UPLOAD", "FILE_PUT", "FS_MKDIR", "OBJECT_OPEN_UPLOAD",
    "MULTIPART_OPEN", "PART_OPEN_UPLOAD", "MULTIPART_COMPLETE", "UPLOAD_DROP",
    "RESUMABLE_OPEN", "RESUMABLE_STAT", "RESUMABLE_APPEND", "RESUMABLE_FINISH"};

static bool
is_creating(const char *name)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(creating); i++)
		if (strcmp(creating[i], name) == 0)
			return true;
	return false;
}

/* An empty request: what it is refused for tells whether the ticket did. */
static bool
is_open(const struct nx_method *m)
{
	ProtobufCMessage *empty = calloc(1, m->request->sizeof_message);
	Nx__Status status;

	protobuf_c_message_init(m->request, empty);
	status = ask(m->method, empty);
	free(empty);
	return !(status == NX__STATUS__DENIED &&
	    strstr(reply.error, "no right to do that"));
}

static void
test_every_method(void **state)
{
	size_t n = 0;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	take_ticket(NX_RIGHT_CREATE);
	for (size_t i = 0; i < nx_methods_count; i++) {
		const struct nx_method *m = &nx_methods[i];

		if (m->creates != is_creating(m->name))
			fail_msg("%s", m->name);
		if (m->creates)
			assert_true(
			    (m->callees & NX_ROLE_BIT(NX_ROLE_STORAGE)) != 0);
		if (m->callees != NX_ROLE_BIT(NX_ROLE_STORAGE) ||
		    m->ticket != NX_NEEDS_TICKET || m->fds_min > 0)
			continue;
		if (is_open(m) != m->creates)
			fail_msg("%s: %s", m->name, reply.error);
		n++;
	}
	assert_true(n > 35);
}

/* --- files ------------------------------------------------------------------*/

static Nx__Status
put(const char *path, const char *content)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;

	q.path = text(path);
	q.size = strlen(content);
	q.content = bytes(content);
	return ask(NX__METHOD__FILE_PUT, &q);
}

/* Through the pipe; @late: FINISH says where it goes. */
static Nx__Status
send_file(const char *path, const char *content, bool late)
{
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__Status status;
	int fd;

	q.name = text("name");
	q.path = text(late ? "" : path);
	status = ask(NX__METHOD__FILE_OPEN_UPLOAD, &q);
	if (status != NX__STATUS__OK)
		return status;
	f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	f.size = strlen(content);
	f.path = text(late ? path : "");
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, (const uint8_t *)content, strlen(content));
	nx_close(&fd);
	return ask(NX__METHOD__FILE_FINISH_UPLOAD, &f);
}

static void
test_files(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	LAB_OK(lab_mkdir(USER, "/d", false));
	LAB_OK(lab_put(USER, "/d/old", "old", 3));
	take_ticket(NX_RIGHT_CREATE);
	assert_int_equal(put("/d/old", "x"), NX__STATUS__EXISTS);
	assert_int_equal(send_file("/d/old", "x", false), NX__STATUS__EXISTS);
	assert_int_equal(send_file("/d/old", "x", true), NX__STATUS__EXISTS);
	LAB_OK(put("/d/new", "new"));
	LAB_OK(send_file("/d/sent", "sent", false));
	LAB_OK(send_file("/d/late", "late", true));
	LAB_OK(send_file("", "raw", false));
	assert_int_equal(put("/d/new", "x"), NX__STATUS__EXISTS);
	m.path = text("/d");
	m.parents = true;
	LAB_OK(ask(NX__METHOD__FS_MKDIR, &m));
	assert_int_equal(LAB_BODY(Nx__FsEntry)->files, 0);
	assert_int_equal(LAB_BODY(Nx__FsEntry)->size, 0);
	m.path = text("/d/made");
	LAB_OK(ask(NX__METHOD__FS_MKDIR, &m));
	LAB_OK(lab_read(USER, NULL, "/d/old", 0, 0, (const uint8_t *)"old"));
	LAB_OK(lab_read(USER, NULL, "/d/new", 0, 0, (const uint8_t *)"new"));
	/* With the right to write it is as ever. */
	take_ticket(NX_RIGHT_CREATE | NX_RIGHT_WRITE);
	LAB_OK(put("/d/old", "now"));
}

/* Somebody with more rights sends: it is not theirs to end. */
static void
test_others_uploads(void **state)
{
	Nx__AbortUploadRequest a = NX__ABORT_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	int fd;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	take_ticket(NX_RIGHT_WRITE);
	q.path = text("/f");
	LAB_OK(ask(NX__METHOD__FILE_OPEN_UPLOAD, &q));
	a.upload = f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	fd = nx_take_fd(&reply.fds[0]);
	take_ticket(NX_RIGHT_CREATE);
	assert_int_equal(
	    ask(NX__METHOD__FILE_FINISH_UPLOAD, &f), NX__STATUS__NOT_FOUND);
	LAB_OK(ask(NX__METHOD__FILE_ABORT_UPLOAD, &a)); /* of nothing */
	take_ticket(NX_RIGHT_WRITE);
	nx_close(&fd);
	LAB_OK(ask(NX__METHOD__FILE_FINISH_UPLOAD, &f));
}

/* --- in pieces --------------------------------------------------------------*/

static Nx__Status
open_resumable(const char *path, char ret_id[33])
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;
	Nx__Status status;

	q.path = text(path);
	status = ask(NX__METHOD__RESUMABLE_OPEN, &q);
	if (status == NX__STATUS__OK)
		snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
	return status;
}

static Nx__Status
append(char *id, uint64_t at, const char *content)
{
	Nx__ResumableAppendRequest q = NX__RESUMABLE_APPEND_REQUEST__INIT;
	Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__Status status;
	int fd;

	q.id = id;
	q.offset = at;
	status = ask(NX__METHOD__RESUMABLE_APPEND, &q);
	if (status != NX__STATUS__OK)
		return status;
	f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	f.size = strlen(content);
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, (const uint8_t *)content, strlen(content));
	nx_close(&fd);
	return ask(NX__METHOD__FILE_FINISH_UPLOAD, &f);
}

static Nx__Status
by_id(Nx__Method method, char *id)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = id;
	return ask(method, &q);
}

static Nx__Status
finish(char *id, uint64_t size)
{
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;

	q.id = id;
	q.size = size;
	return ask(NX__METHOD__RESUMABLE_FINISH, &q);
}

static void
test_resumable(void **state)
{
	char id[33], other[33];

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	take_ticket(NX_RIGHT_WRITE);
	LAB_OK(open_resumable("/theirs", other));
	LAB_OK(append(other, 0, "abc"));
	LAB_OK(lab_put(USER, "/old", "old", 3));
	take_ticket(NX_RIGHT_CREATE);
	assert_int_equal(open_resumable("/old", id), NX__STATUS__EXISTS);
	LAB_OK(open_resumable("/late", id));
	LAB_OK(append(id, 0, "abc"));
	LAB_OK(by_id(NX__METHOD__RESUMABLE_STAT, id));
	assert_int_equal(LAB_BODY(Nx__UploadInfo)->size, 3);
	LAB_OK(append(id, 3, "def"));
	/* Somebody was faster. */
	LAB_OK(lab_put(USER, "/late", "first", 5));
	assert_int_equal(finish(id, 6), NX__STATUS__EXISTS);
	LAB_OK(lab_read(USER, NULL, "/late", 0, 0, (const uint8_t *)"first"));
	LAB_OK(by_id(NX__METHOD__UPLOAD_DROP, id));
	LAB_OK(open_resumable("/new", id));
	LAB_OK(append(id, 0, "whole"));
	LAB_OK(finish(id, 5));
	/* By now it is a file, as any other whose id is known. */
	assert_int_equal(finish(id, 5), NX__STATUS__NOT_FOUND);
	assert_null(strstr(reply.error, "/new"));
	take_ticket(NX_RIGHT_CREATE | NX_RIGHT_READ);
	LAB_OK(finish(id, 5));
	take_ticket(NX_RIGHT_CREATE);
	LAB_OK(lab_read(USER, NULL, "/new", 0, 0, (const uint8_t *)"whole"));
	assert_int_equal(append(other, 3, "x"), NX__STATUS__NOT_FOUND);
	assert_int_equal(finish(other, 3), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    by_id(NX__METHOD__RESUMABLE_STAT, other), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    by_id(NX__METHOD__UPLOAD_DROP, other), NX__STATUS__NOT_FOUND);
	/* The right to read tells of it, and changes nothing. */
	take_ticket(NX_RIGHT_CREATE | NX_RIGHT_READ);
	LAB_OK(by_id(NX__METHOD__RESUMABLE_STAT, other));
	assert_int_equal(append(other, 3, "x"), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    by_id(NX__METHOD__UPLOAD_DROP, other), NX__STATUS__NOT_FOUND);
	take_ticket(NX_RIGHT_WRITE);
	LAB_OK(finish(other, 3));
}

/* --- objects ----------------------------------------------------------------*/

static Nx__Status
put_object(const char *bucket, const char *key, const char *content)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__Status status;
	int fd;

	q.bucket = text(bucket);
	q.key = bytes(key);
	status = ask(NX__METHOD__OBJECT_OPEN_UPLOAD, &q);
	if (status != NX__STATUS__OK)
		return status;
	f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	f.size = strlen(content);
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, (const uint8_t *)content, strlen(content));
	nx_close(&fd);
	return ask(NX__METHOD__FILE_FINISH_UPLOAD, &f);
}

static void
test_objects(void **state)
{
	Nx__BucketMakeRequest m = NX__BUCKET_MAKE_REQUEST__INIT;
	Nx__BucketSetRequest s = NX__BUCKET_SET_REQUEST__INIT;
	Nx__ObjectDeleteRequest d = NX__OBJECT_DELETE_REQUEST__INIT;
	Nx__ObjectListRequest l = NX__OBJECT_LIST_REQUEST__INIT;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	m.name = s.name = d.bucket = l.bucket = text("bucket");
	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_MAKE, &m));
	take_ticket(NX_RIGHT_CREATE);
	LAB_OK(put_object("bucket", "k", "one"));
	assert_int_equal(
	    put_object("bucket", "k", "two"), NX__STATUS__PRECONDITION);
	LAB_OK(put_object("bucket", "k/2", "two"));
	/* What is hidden by a marker is content too: of the null version, which
	 * a put would replace when versions are suspended. */
	s.versions = text("on");
	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_SET, &s));
	d.key = bytes("k");
	LAB_OK(lab_call(USER, NX__METHOD__OBJECT_DELETE, &d));
	LAB_OK(put_object("bucket", "k", "on"));
	LAB_OK(lab_call(USER, NX__METHOD__OBJECT_DELETE, &d));
	s.versions = text("suspended");
	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_SET, &s));
	assert_int_equal(
	    put_object("bucket", "k", "three"), NX__STATUS__EXISTS);
	l.versions = true;
	LAB_OK(lab_call(USER, NX__METHOD__OBJECT_LIST, &l));
	assert_int_equal(LAB_BODY(Nx__ObjectListReply)->n_objects, 5);
}

static Nx__Status
open_multipart(const char *key, char ret_id[33])
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;
	Nx__Status status;

	q.bucket = text("bucket");
	q.key = bytes(key);
	status = ask(NX__METHOD__MULTIPART_OPEN, &q);
	if (status == NX__STATUS__OK)
		snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
	return status;
}

/* One part; *record is what completing says of it. */
static Nx__Status
send_part(char *id, const char *content, uint8_t record[20])
{
	Nx__PartOpenUploadRequest q = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	Nx__Status status;

	q.id = id;
	q.number = 1;
	status = ask(NX__METHOD__PART_OPEN_UPLOAD, &q);
	if (status == NX__STATUS__OK) {
		Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
		int fd = nx_take_fd(&reply.fds[0]);

		f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
		f.size = strlen(content);
		(void)lab_feed(fd, (const uint8_t *)content, strlen(content));
		nx_close(&fd);
		status = ask(NX__METHOD__FILE_FINISH_UPLOAD, &f);
	}
	memset(record, 0, 20);
	record[0] = 1;
	for (int i = 0; status == NX__STATUS__OK && i < 16; i++)
		(void)sscanf(LAB_BODY(Nx__FinishUploadReply)->file->md5 + 2 * i,
		    "%2hhx", &record[4 + i]);
	return status;
}

static Nx__Status
complete(char *id, uint8_t record[20])
{
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;

	q.id = id;
	q.parts = (ProtobufCBinaryData){20, record};
	return ask(NX__METHOD__MULTIPART_COMPLETE, &q);
}

static void
test_multipart(void **state)
{
	Nx__BucketMakeRequest m = NX__BUCKET_MAKE_REQUEST__INIT;
	uint8_t record[20], theirs[20], none[20];
	char id[33], other[33];

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	m.name = text("bucket");
	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_MAKE, &m));
	take_ticket(NX_RIGHT_WRITE);
	LAB_OK(open_multipart("k", other));
	LAB_OK(send_part(other, "theirs", theirs));
	take_ticket(NX_RIGHT_CREATE);
	assert_int_equal(send_part(other, "x", none), NX__STATUS__NOT_FOUND);
	assert_int_equal(complete(other, theirs), NX__STATUS__NOT_FOUND);
	LAB_OK(open_multipart("k", id));
	LAB_OK(send_part(id, "mine", record));
	LAB_OK(send_part(id, "mine, too", record));
	LAB_OK(put_object("bucket", "k", "first"));
	assert_int_equal(complete(id, record), NX__STATUS__PRECONDITION);
	LAB_OK(open_multipart("other", id));
	LAB_OK(send_part(id, "mine", record));
	LAB_OK(complete(id, record));
	assert_int_equal(complete(id, record), NX__STATUS__NOT_FOUND);
	take_ticket(NX_RIGHT_WRITE);
	LAB_OK(complete(id, record));
	LAB_OK(complete(other, theirs));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_every_method),
	    T(test_files),
	    T(test_others_uploads),
	    T(test_resumable),
	    T(test_objects),
	    T(test_multipart),
	};

	LAB_OR_SKIP("storaged_adds");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("storaged_adds", tests, NULL, NULL);
}
