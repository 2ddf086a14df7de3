/*
 * Reading what is damaged: block by block from whichever replica is good, and
 * what is good nowhere is known and shown.
 */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	return 0;
}

/* Six bytes of block @block of the first chunk of @id, on node @node, become
 * others; done again they are what they were. */
static void
spoil(const char *id, const char *node, uint32_t block)
{
	off_t at = lab_stored_at((off_t)block * CRC_BLOCK + 17);
	struct catalog_chunk chunk;
	uint8_t bytes[6];
	int fd;

	lab_first_chunk(id, &chunk);
	fd = lab_open_chunk(
	    volume_find(lab.s.volumes, node), chunk.id.text, O_RDWR);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), at), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] ^= 0x55;
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), at), sizeof(bytes));
	close(fd);
}

static void
unspoil(const char *id, const char *node, uint32_t block)
{
	spoil(id, node, block);
}

static void
upload(const uint8_t *data, size_t size, char ret_id[33])
{
	struct lab_upload u = {.name = "f", .replicas = 2};

	LAB_OK(lab_upload(1, &u, data, size, ret_id));
}

static void
test_composed(void **state)
{
	size_t size = CHUNK_SIZE + 300000;
	uint8_t *data = lab_random(size);
	char id[33];

	(void)state;
	upload(data, size, id);
	spoil(id, LAB_NODE("1"), 3);
	spoil(id, LAB_NODE("1"), 100);
	spoil(id, LAB_NODE("2"), 0);
	spoil(id, LAB_NODE("2"), 101);
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	/* and both are healed from each other */
	lab_settle();
	assert_int_equal(lab_status()->repaired, 2);
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	lab_settle();
	assert_int_equal(lab_status()->corrupt, 2);
	free(data);
}

/* More runs of good blocks than one answer holds. */
static void
test_many_runs(void **state)
{
	uint8_t *data = lab_random(CHUNK_SIZE);
	char id[33];

	(void)state;
	upload(data, CHUNK_SIZE, id);
	for (uint32_t b = 0; b < CHUNK_BLOCKS; b++)
		spoil(id, b % 2 ? LAB_NODE("1") : LAB_NODE("2"), b);
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	lab_settle();
	assert_int_equal(lab_status()->repaired, 2);
	LAB_OK(lab_read(1, id, NULL, 70000, 5 * CRC_BLOCK, data));
	free(data);
}

static void
test_good_nowhere(void **state)
{
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	upload(data, MIB, id);
	spoil(id, LAB_NODE("1"), 5);
	spoil(id, LAB_NODE("2"), 5);
	spoil(id, LAB_NODE("2"), 7);
	assert_int_equal(
	    lab_read(1, id, NULL, 0, 0, data), NX__STATUS__CORRUPT);
	/* everything around it is still to be had */
	LAB_OK(lab_read(1, id, NULL, 0, 5 * CRC_BLOCK, data));
	LAB_OK(lab_read(1, id, NULL, 6 * CRC_BLOCK, 0, data));
	free(data);
}

/* --- what is known ----------------------------------------------------------*/

/* The words of stat by id, stat by path, and the list. */
static void
check_condition(const char *id, const char *path, const char *condition)
{
	Nx__FileListRequest list = NX__FILE_LIST_REQUEST__INIT;
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	bool whole = strcmp(condition, "good") == 0;
	const Nx__FileInfo *info;

	q.id = (char *)(uintptr_t)id;
	LAB_OK(lab_call(1, NX__METHOD__FILE_STAT, &q));
	info = LAB_BODY(Nx__FileInfo);
	assert_string_equal(info->condition, condition);
	assert_int_equal(info->damaged, strcmp(condition, "damaged") == 0);
	assert_int_equal(info->missing, strcmp(condition, "missing") == 0);
	LAB_OK(lab_fs(1, NX__METHOD__FS_STAT, path));
	assert_string_equal(LAB_BODY(Nx__FsEntry)->condition, condition);
	list.damaged = true;
	LAB_OK(lab_call(1, NX__METHOD__FILE_LIST, &list));
	assert_int_equal(LAB_BODY(Nx__FileListReply)->n_files, !whole);
	if (!whole)
		assert_string_equal(
		    LAB_BODY(Nx__FileListReply)->files[0]->condition,
		    condition);
	/* somebody else's */
	LAB_OK(lab_call(2, NX__METHOD__FILE_LIST, &list));
	assert_int_equal(LAB_BODY(Nx__FileListReply)->n_files, 0);
}

static void
test_damage_is_remembered(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 2};
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, MIB, id));
	check_condition(id, "/f", "good");
	spoil(id, LAB_NODE("1"), 5);
	spoil(id, LAB_NODE("2"), 5);
	check_condition(id, "/f", "good"); /* nobody has looked */
	assert_int_equal(
	    lab_read(1, id, NULL, 0, 0, data), NX__STATUS__CORRUPT);
	lab_settle();
	check_condition(id, "/f", "damaged");
	lab_stop();
	lab_start();
	check_condition(id, "/f", "damaged");
	/* found whole again, it is */
	unspoil(id, LAB_NODE("2"), 5);
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	lab_settle();
	check_condition(id, "/f", "good");
	free(data);
}

static void
test_missing_is_remembered(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 2};
	struct catalog_chunk chunk;
	struct catalog_damaged at = {0};
	struct catalog_file file;
	struct volume *v;
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, MIB, id));
	free(data);
	assert_int_equal(catalog_file_find(lab.s.catalog, 0, "", id, &file), 0);
	assert_int_equal(
	    catalog_file_chunks(lab.s.catalog, file.key, 0, &chunk, 1), 1);
	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		assert_int_equal(chunk_remove(v->store, &chunk.id), 0);
	assert_int_equal(
	    lab_read(1, id, NULL, 0, 0, NULL), NX__STATUS__CORRUPT);
	lab_settle();
	check_condition(id, "/f", "missing");
	/* what is deleted is not damaged any more */
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	lab_settle();
	assert_int_equal(
	    catalog_file_list_damaged(lab.s.catalog, 0, &at, &file, 1), 0);
}

/* Nobody has read the block that is good nowhere; who repairs another one of the
 * chunk comes upon it. */
static void
test_healer_remembers(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 2};
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, MIB, id));
	spoil(id, LAB_NODE("1"), 2);
	spoil(id, LAB_NODE("1"), 9);
	spoil(id, LAB_NODE("2"), 9);
	for (int i = 0; i < 2; i++) /* readers take turns with the replicas */
		LAB_OK(lab_read(1, id, NULL, 0, 5 * CRC_BLOCK, data));
	lab_settle();
	check_condition(id, "/f", "damaged");
	/* and comes upon it whole */
	unspoil(id, LAB_NODE("2"), 9);
	for (int i = 0; i < 2; i++)
		LAB_OK(lab_read(1, id, NULL, 0, 5 * CRC_BLOCK, data));
	lab_settle();
	check_condition(id, "/f", "good");
	free(data);
}

/* --- between check and sending ----------------------------------------------*/

/* What rots after the check is not sent: sendfile takes the pages that were
 * checked. What is asked for again is checked again. */
static void
test_checked_pages_are_sent(void **state)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	struct lab_upload u = {.name = "f", .replicas = 1};
	uint8_t *data = lab_random(MIB), *got = malloc(MIB);
	const char *node = LAB_NODE("1");
	struct catalog_chunk chunk;
	char id[33];
	int fd;

	(void)state;
	LAB_OK(lab_volume_delete(LAB_NODE("2"), false));
	LAB_OK(lab_upload(1, &u, data, MIB, id));
	lab_stop(); /* nothing of it is in the page cache */
	lab_start();
	q.id = id;
	q.max_segments = 1;
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_READ, &q));
	fd = nx_take_fd(&reply.fds[0]);
	lab_rot(node, data + 3 * CRC_BLOCK, 64);
	assert_int_equal(pread(fd, got, MIB, 0), MIB);
	assert_memory_equal(got, data, MIB);
	/* were the pages gone meanwhile, it would be; of what was decoded there
	 * are none but these */
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_int_equal(pread(fd, got, MIB, 0), MIB);
	assert_int_equal(memcmp(got, data, MIB) == 0, lab.coded);
	close(fd);
	lab_first_chunk(id, &chunk);
	fd = lab_open_chunk(
	    volume_find(lab.s.volumes, node), chunk.id.text, O_RDONLY);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
	assert_int_equal(
	    lab_read(1, id, NULL, 0, 0, data), NX__STATUS__CORRUPT);
	free(got);
	free(data);
}

/* --- readers of what goes -----------------------------------------------------*/

struct reader {
	char id[33];
	const uint8_t *data;
	uint64_t at, session;
};

/* The next window, one chunk. False after the last. */
static bool
read_on(struct reader *r)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	const Nx__OpenReadReply *a;
	uint8_t *got = malloc(CHUNK_SIZE);

	q.id = r->id;
	q.offset = r->at;
	q.session = r->session;
	q.max_segments = 1;
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_READ, &q));
	a = LAB_BODY(Nx__OpenReadReply);
	assert_int_equal(a->n_segments, 1);
	assert_int_equal(pread(reply.fds[0], got, a->segments[0]->length,
			     (off_t)a->segments[0]->offset),
	    a->segments[0]->length);
	assert_memory_equal(got, r->data + r->at, a->segments[0]->length);
	free(got);
	r->at += a->segments[0]->length;
	r->session = a->session;
	return a->next != 0;
}

static size_t
chunks_left(void)
{
	lab_settle();
	return lab_chunk_files();
}

#define READ_SIZE (2 * CHUNK_SIZE + 4 * MIB)

static void
begin_reading(struct reader *r, const char *path, const uint8_t *data)
{
	struct lab_upload u = {.path = path, .replicas = 1};

	*r = (struct reader){.data = data};
	LAB_OK(lab_upload(1, &u, data, READ_SIZE, r->id));
	assert_true(read_on(r));
	assert_true(r->session != 0);
}

static void
test_replaced_while_read(void **state)
{
	uint8_t *data = lab_random(READ_SIZE);
	struct collector_status status;
	struct reader r;

	(void)state;
	begin_reading(&r, "/f", data);
	LAB_OK(lab_put(1, "/f", "new", 3));
	assert_int_equal(chunks_left(), 3 + 2);
	/* nothing turns while it waits */
	collector_status(lab.s.collector, &status);
	assert_false(status.busy);
	/* for its reader alone: nobody else finds it, it counts no more */
	assert_int_equal(
	    lab_read(1, r.id, NULL, 0, 0, data), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, (const uint8_t *)"new"));
	assert_int_equal(lab_usage(1)->used, 3);
	assert_true(read_on(&r));
	assert_false(read_on(&r));
	assert_int_equal(r.at, READ_SIZE);
	assert_int_equal(r.session, 0);
	assert_int_equal(chunks_left(), 2);
	assert_int_equal(lab_status()->chunks, 1);
	free(data);
}

/* By id, with its folder, and whatever ends the reading. */
static void
test_deleted_while_read(void **state)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	Nx__FileRequest del = NX__FILE_REQUEST__INIT;
	uint8_t *data = lab_random(READ_SIZE);
	struct reader r, second;

	(void)state;
	LAB_OK(lab_mkdir(1, "/d", false));
	begin_reading(&r, "/d/f", data);
	second = (struct reader){.data = data};
	memcpy(second.id, r.id, sizeof(r.id));
	assert_true(read_on(&second));
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/d"));
	while (read_on(&r))
		;
	/* another one still reads */
	assert_int_equal(chunks_left(), 3);
	assert_true(read_on(&second));
	q.session = second.session;
	q.close = true;
	LAB_OK(lab_call(2, NX__METHOD__FILE_OPEN_READ, &q)); /* not theirs */
	assert_int_equal(chunks_left(), 3);
	LAB_OK(lab_call(1, NX__METHOD__FILE_OPEN_READ, &q));
	assert_int_equal(chunks_left(), 0);
	/* a peer that goes */
	begin_reading(&r, "/f", data);
	del.id = r.id;
	LAB_OK(lab_call(1, NX__METHOD__FILE_DELETE, &del));
	assert_int_equal(chunks_left(), 3);
	lab_disconnect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_ADMIN);
	assert_int_equal(chunks_left(), 0);
	/* storaged itself */
	begin_reading(&r, "/f", data);
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	assert_int_equal(chunks_left(), 3);
	lab_stop();
	lab_start();
	collector_kick(lab.s.collector);
	assert_int_equal(chunks_left(), 0);
	assert_int_equal(lab_status()->chunks, 0);
	free(data);
}

/* Storaged was restarted meanwhile, the file is still there. */
static void
test_goes_on_after_restart(void **state)
{
	uint8_t *data = lab_random(READ_SIZE);
	struct reader r;

	(void)state;
	begin_reading(&r, "/f", data);
	lab_stop();
	lab_start();
	assert_true(read_on(&r));
	assert_false(read_on(&r));
	assert_int_equal(downloads_count(lab.s.downloads), 0);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_composed),
	    T(test_many_runs),
	    T(test_good_nowhere),
	    T(test_damage_is_remembered),
	    T(test_missing_is_remembered),
	    T(test_healer_remembers),
	    T(test_checked_pages_are_sent),
	    T(test_replaced_while_read),
	    T(test_deleted_while_read),
	    T(test_goes_on_after_restart),
	};

	LAB_OR_SKIP("reading");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
