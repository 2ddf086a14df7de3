/*
 * What users do, and every call it makes failing once: storaged_faults_lab.h.
 */
#include "storaged_faults_lab.h"

#define BIG    300000U /* more than goes into a segment */
#define TWO    (CHUNK_SIZE + 100000U)
#define SMALL  3000U
#define MIDDLE 200000U

static uint8_t *data;
static int memfd;   /* MIDDLE of it */
static char id[33]; /* of what was prepared */

/* --- folders and files ------------------------------------------------------*/

static Nx__Status
put_to(const char *path, size_t from, size_t size)
{
	return lab_put(USER, path, data + from, size);
}

static Nx__Status
fs_delete(const char *path)
{
	return lab_fs(USER, NX__METHOD__FS_DELETE, path);
}

/* Whatever is at it. */
static void
clear(const char *path)
{
	Nx__Status status = fs_delete(path);

	if (status != NX__STATUS__NOT_FOUND)
		LAB_OK(status);
}

static Nx__Status
run_mkdir(void)
{
	return lab_mkdir(USER, "/new/a/b", true);
}

static void
undo_new(void)
{
	clear("/new");
}

/* All content in the call, in its message or in a memfd. */
static Nx__Status
put_at_once(size_t size, bool message)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(USER);

	q.path = text("/new");
	q.size = size;
	if (message)
		q.content = (ProtobufCBinaryData){size, data};
	else {
		opts.fds = &memfd;
		opts.n_fds = 1;
	}
	return lab_call_as(NX_ROLE_ADMIN, &opts, NX__METHOD__FILE_PUT, &q);
}

static Nx__Status
run_put_message(void)
{
	return put_at_once(SMALL, true);
}

static Nx__Status
run_put_memfd(void)
{
	return put_at_once(MIDDLE, false);
}

static Nx__Status
run_upload_small(void)
{
	return put_to("/new", 0, SMALL);
}

static Nx__Status
run_upload_big(void)
{
	return put_to("/new", 0, BIG);
}

static Nx__Status
run_upload_two(void)
{
	return put_to("/new", 0, TWO);
}

static Nx__Status
run_raw(void)
{
	struct lab_upload u = {.name = "raw"};

	return lab_upload(USER, &u, data, BIG, id);
}

static Nx__Status
raw_delete(void)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = id;
	return lab_call(USER, NX__METHOD__FILE_DELETE, &q);
}

static void
undo_raw(void)
{
	Nx__FileListRequest q = NX__FILE_LIST_REQUEST__INIT;

	LAB_OK(lab_call(USER, NX__METHOD__FILE_LIST, &q));
	if (LAB_BODY(Nx__FileListReply)->n_files == 0)
		return;
	(void)snprintf(
	    id, sizeof(id), "%s", LAB_BODY(Nx__FileListReply)->files[0]->id);
	LAB_OK(raw_delete());
}

static void
prepare_raw(void)
{
	LAB_OK(run_raw());
}

static void
prepare_old(void)
{
	LAB_OK(put_to("/new", 7, BIG));
}

static void
prepare_old_small(void)
{
	LAB_OK(put_to("/new", 7, SMALL));
}

static void
prepare_tree(void)
{
	LAB_OK(lab_mkdir(USER, "/new/a", true));
	LAB_OK(put_to("/new/a/f", 3, BIG));
	LAB_OK(put_to("/new/a/g", 4, SMALL));
}

static Nx__Status
run_delete(void)
{
	Nx__Status status = fs_delete("/new");

	return status == NX__STATUS__NOT_FOUND ? NX__STATUS__OK : status;
}

static Nx__Status
run_delete_raw(void)
{
	Nx__Status status = raw_delete();

	return status == NX__STATUS__NOT_FOUND ? NX__STATUS__OK : status;
}

static Nx__Status
run_move(void)
{
	return lab_move(USER, "/new/a", "/new/moved", false);
}

static Nx__Status
run_move_over(void)
{
	return lab_move(USER, "/new/a/f", "/new/a/g", true);
}

static Nx__Status
copy(const char *from, bool folders)
{
	Nx__FsCopyRequest q = NX__FS_COPY_REQUEST__INIT;

	q.from = text(from);
	q.to = text("/new/copy");
	q.folders = folders;
	return lab_call(USER, NX__METHOD__FS_COPY, &q);
}

static Nx__Status
run_copy_file(void)
{
	return copy("/new/a/f", false);
}

static Nx__Status
run_copy_folder(void)
{
	return copy("/new/a", true);
}

static Nx__Status
run_metadata(void)
{
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;
	Nx__About about = NX__ABOUT__INIT;
	Nx__MetaItem item = NX__META_ITEM__INIT, *items[] = {&item};

	item.name = text("colour");
	item.value = text("blue");
	about.content_type = text("text/plain");
	about.n_meta = 1;
	about.meta = items;
	q.path = text("/new");
	q.size = SMALL;
	q.content = (ProtobufCBinaryData){SMALL, data};
	q.about = &about;
	return lab_call(USER, NX__METHOD__FILE_PUT, &q);
}

/* Wrong bytes fail in lab_read. */
static Nx__Status
run_download(void)
{
	Nx__Status status = lab_read(USER, NULL, "/new/a/f", 0, 0, data + 3);

	return status != NX__STATUS__OK
	    ? status
	    : lab_read(USER, NULL, "/new/a/g", 0, 0, data + 4);
}

static Nx__Status
run_find(void)
{
	Nx__FsFindRequest q = NX__FS_FIND_REQUEST__INIT;

	q.path = text("/");
	q.name = text("?");
	return lab_call(USER, NX__METHOD__FS_FIND, &q);
}

/* --- the table --------------------------------------------------------------*/

static const struct operation operations[] = {
    OPERATION("mkdir", NULL, run_mkdir, undo_new),
    OPERATION("put in a message", NULL, run_put_message, undo_new),
    OPERATION("put in a memfd", NULL, run_put_memfd, undo_new),
    OPERATION("put with metadata", NULL, run_metadata, undo_new),
    OPERATION("upload small", NULL, run_upload_small, undo_new),
    OPERATION("upload big", NULL, run_upload_big, undo_new),
    OPERATION("upload two chunks", NULL, run_upload_two, undo_new),
    OPERATION("upload raw", NULL, run_raw, undo_raw),
    OPERATION("overwrite small", prepare_old, run_upload_small, undo_new),
    OPERATION("overwrite big", prepare_old_small, run_upload_big, undo_new),
    OPERATION("delete file", prepare_old, run_delete, undo_new),
    OPERATION("delete folder", prepare_tree, run_delete, undo_new),
    OPERATION("delete raw", prepare_raw, run_delete_raw, undo_raw),
    OPERATION("move", prepare_tree, run_move, undo_new),
    OPERATION("move over", prepare_tree, run_move_over, undo_new),
    OPERATION("copy file", prepare_tree, run_copy_file, undo_new),
    OPERATION("copy folder", prepare_tree, run_copy_folder, undo_new),
    OPERATION("download", prepare_tree, run_download, undo_new),
    OPERATION("find", prepare_tree, run_find, undo_new),
};

static int
setup_one(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 128 * MIB));
	LAB_OK(lab_mkdir(USER, "/kept", false));
	LAB_OK(put_to("/kept/small", 11, SMALL));
	LAB_OK(put_to("/kept/big", 12, BIG));
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

	LAB_OR_SKIP("every call fails once");
	signal(SIGPIPE, SIG_IGN);
	data = lab_random(TWO + 64);
	memfd = nx_memfd_sealed("put", data, MIDDLE);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	close(memfd);
	free(data);
	return r;
}
