/*
 * A ticket that is for one folder, or for the keys of a bucket that begin alike:
 * nothing outside is read, written, listed or told, by path or by id.
 */
#include "proto/bucket.pb-c.h"
#include "proto/history.pb-c.h"
#include "tests/unit/storaged_objects_lab.h"

#define USER 9

static struct nx_ticket ticket;

static void
take_ticket(const char *place)
{
	ticket = (struct nx_ticket){.audience = NX_ROLE_STORAGE,
	    .user_id = USER,
	    .rights = NX_RIGHT_ALL,
	    .place_len = (uint32_t)strlen(place),
	    .expiry_us = nx_now_us() + 50000000};
	memcpy(ticket.place, place, ticket.place_len);
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

static Nx__Status
put(const char *path, const char *content)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;

	q.path = text(path);
	q.name = text(*path ? "" : "raw");
	q.size = strlen(content);
	q.content = bytes(content);
	return ask(NX__METHOD__FILE_PUT, &q);
}

static Nx__Status
move(const char *from, const char *to)
{
	Nx__FsMoveRequest q = NX__FS_MOVE_REQUEST__INIT;

	q.from = text(from);
	q.to = text(to);
	return ask(NX__METHOD__FS_MOVE, &q);
}

static Nx__Status
copy(const char *from, const char *to)
{
	Nx__FsCopyRequest q = NX__FS_COPY_REQUEST__INIT;

	q.from = text(from);
	q.to = text(to);
	return ask(NX__METHOD__FS_COPY, &q);
}

static Nx__Status
path_of(Nx__Method method, const char *path)
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;

	q.path = text(path);
	return ask(method, &q);
}

static Nx__Status
open_read(const char *id, const char *path)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;

	q.id = text(id);
	q.path = text(path);
	q.max_segments = 1;
	return ask(NX__METHOD__FILE_OPEN_READ, &q);
}

static Nx__Status
by_id(Nx__Method method, const char *id)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = text(id);
	return ask(method, &q);
}

static void
id_of(const char *path, char ret_id[33])
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;

	q.path = text(path);
	LAB_OK(lab_call(USER, NX__METHOD__FS_STAT, &q));
	snprintf(ret_id, 33, "%s", LAB_BODY(Nx__FsEntry)->id);
}

static void
test_a_folder(void **state)
{
	char in[33], out[33];

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	LAB_OK(lab_mkdir(USER, "/box", false));
	LAB_OK(lab_put(USER, "/out", "secret", 6));
	LAB_OK(lab_put(USER, "/box/in", "in", 2));
	id_of("/box/in", in);
	id_of("/out", out);
	take_ticket("/box");
	LAB_OK(put("/box/new", "x"));
	LAB_OK(path_of(NX__METHOD__FS_STAT, "/box/in"));
	LAB_OK(open_read("", "/box/in"));
	LAB_OK(by_id(NX__METHOD__FILE_STAT, in));
	LAB_OK(open_read(in, ""));
	LAB_OK(move("/box/new", "/box/moved"));
	LAB_OK(copy("/box/moved", "/box/copied"));
	LAB_OK(path_of(NX__METHOD__FS_DELETE, "/box/copied"));

	assert_int_equal(put("/new", "x"), NX__STATUS__DENIED);
	assert_int_equal(put("", "x"), NX__STATUS__DENIED);
	assert_int_equal(put("/box/../new", "x"), NX__STATUS__DENIED);
	assert_int_equal(
	    path_of(NX__METHOD__FS_STAT, "/out"), NX__STATUS__DENIED);
	assert_non_null(strstr(reply.error, "/box alone"));
	assert_int_equal(
	    path_of(NX__METHOD__FS_DELETE, "/out"), NX__STATUS__DENIED);
	assert_int_equal(open_read("", "/out"), NX__STATUS__DENIED);
	assert_int_equal(move("/box/in", "/taken"), NX__STATUS__DENIED);
	assert_int_equal(move("/out", "/box/taken"), NX__STATUS__DENIED);
	assert_int_equal(copy("/out", "/box/taken"), NX__STATUS__DENIED);
	assert_int_equal(
	    by_id(NX__METHOD__FILE_STAT, out), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    by_id(NX__METHOD__FILE_DELETE, out), NX__STATUS__NOT_FOUND);
	assert_int_equal(open_read(out, ""), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_read(USER, NULL, "/out", 0, 0, (const uint8_t *)"secret"));
}

/* Whatever names no path, and whatever names all of them. */
static void
test_lists(void **state)
{
	Nx__FileListRequest files = NX__FILE_LIST_REQUEST__INIT;
	Nx__SnapshotRequest snapshot = NX__SNAPSHOT_REQUEST__INIT;
	Nx__BucketListRequest buckets = NX__BUCKET_LIST_REQUEST__INIT;
	Nx__FsListRequest list = NX__FS_LIST_REQUEST__INIT;

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	LAB_OK(lab_mkdir(USER, "/box", false));
	take_ticket("/box");
	assert_int_equal(
	    ask(NX__METHOD__FILE_LIST, &files), NX__STATUS__DENIED);
	assert_int_equal(
	    ask(NX__METHOD__BUCKET_LIST, &buckets), NX__STATUS__DENIED);
	snapshot.name = text("s");
	snapshot.path = text("/box");
	assert_int_equal(
	    ask(NX__METHOD__SNAPSHOT_MAKE, &snapshot), NX__STATUS__DENIED);
	list.path = text("/");
	assert_int_equal(ask(NX__METHOD__FS_LIST, &list), NX__STATUS__DENIED);
	list.path = text("/box");
	LAB_OK(ask(NX__METHOD__FS_LIST, &list));
}

/* A file of the folder that goes out of it is no longer theirs, by its id too;
 * nor is what was deleted. */
static void
test_what_leaves(void **state)
{
	char id[33];

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	LAB_OK(lab_mkdir(USER, "/box", false));
	LAB_OK(lab_put(USER, "/box/f", "f", 1));
	id_of("/box/f", id);
	take_ticket("/box");
	LAB_OK(open_read(id, ""));
	LAB_OK(lab_move(USER, "/box/f", "/f", false));
	assert_int_equal(open_read(id, ""), NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    by_id(NX__METHOD__FILE_STAT, id), NX__STATUS__NOT_FOUND);
}

static Nx__Status
put_object(const char *key)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest f = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__Status status;
	int fd;

	q.bucket = text("photos");
	q.key = bytes(key);
	status = ask(NX__METHOD__OBJECT_OPEN_UPLOAD, &q);
	if (status != NX__STATUS__OK)
		return status;
	f.upload = LAB_BODY(Nx__OpenUploadReply)->upload;
	f.size = strlen(key);
	fd = nx_take_fd(&reply.fds[0]);
	(void)lab_feed(fd, (const uint8_t *)key, strlen(key));
	nx_close(&fd);
	return ask(NX__METHOD__FILE_FINISH_UPLOAD, &f);
}

static Nx__Status
list_objects(const char *prefix)
{
	Nx__ObjectListRequest q = NX__OBJECT_LIST_REQUEST__INIT;

	q.bucket = text("photos");
	q.prefix = bytes(prefix);
	return ask(NX__METHOD__OBJECT_LIST, &q);
}

static Nx__Status
stat_object(const char *key)
{
	Nx__ObjectRequest q = NX__OBJECT_REQUEST__INIT;

	q.bucket = text("photos");
	q.key = bytes(key);
	return ask(NX__METHOD__OBJECT_STAT, &q);
}

static Nx__Status
open_multipart(const char *key, char ret_id[33])
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;
	Nx__Status status;

	q.bucket = text("photos");
	q.key = bytes(key);
	status = ask(NX__METHOD__MULTIPART_OPEN, &q);
	if (status == NX__STATUS__OK)
		snprintf(ret_id, 33, "%s", LAB_BODY(Nx__UploadInfo)->id);
	return status;
}

static Nx__Status
drop(char *id)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;

	q.id = id;
	return ask(NX__METHOD__UPLOAD_DROP, &q);
}

static void
test_keys(void **state)
{
	Nx__BucketMakeRequest m = NX__BUCKET_MAKE_REQUEST__INIT;
	Nx__ObjectCopyRequest c = NX__OBJECT_COPY_REQUEST__INIT;
	char in[33], out[33], id[33], no[33];

	(void)state;
	lab_connect(NX_ROLE_AUTH);
	m.name = text("photos");
	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_MAKE, &m));
	take_ticket("photos");
	LAB_OK(put_object("old/secret"));
	LAB_OK(open_multipart("old/parts", out));
	LAB_OK(stat_object("old/secret"));
	snprintf(id, sizeof(id), "%s", LAB_BODY(Nx__ObjectStatReply)->info->id);
	take_ticket("photos/2025/");
	LAB_OK(put_object("2025/a"));
	LAB_OK(stat_object("2025/a"));
	snprintf(in, sizeof(in), "%s", LAB_BODY(Nx__ObjectStatReply)->info->id);
	LAB_OK(open_read(in, ""));
	LAB_OK(list_objects("2025/"));
	LAB_OK(list_objects("2025/a"));
	LAB_OK(open_multipart("2025/parts", in));
	assert_int_equal(put_object("old/b"), NX__STATUS__DENIED);
	assert_int_equal(stat_object("old/secret"), NX__STATUS__DENIED);
	assert_int_equal(list_objects(""), NX__STATUS__DENIED);
	assert_int_equal(list_objects("20"), NX__STATUS__DENIED);
	assert_int_equal(open_read(id, ""), NX__STATUS__NOT_FOUND);
	assert_int_equal(open_multipart("old/x", no), NX__STATUS__DENIED);
	assert_int_equal(drop(out), NX__STATUS__NOT_FOUND);
	LAB_OK(drop(in));
	assert_int_equal(put("/file", "x"), NX__STATUS__DENIED);
	/* Nor is it brought inside. */
	c.bucket = text("photos");
	c.key = bytes("2025/taken");
	c.from = id;
	assert_int_equal(
	    ask(NX__METHOD__OBJECT_COPY, &c), NX__STATUS__NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_folder),
	    T(test_lists),
	    T(test_what_leaves),
	    T(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
