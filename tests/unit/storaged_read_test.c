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

/* Six bytes of block @block of the first chunk of @id, on node @node. */
static void
write_block(const char *id, const char *node, uint32_t block, const void *bytes)
{
	struct volume *v = volume_find(lab.s.volumes, node);
	struct catalog_chunk chunk;
	struct catalog_file file;
	struct chunk_reader *reader;
	char proc[64];
	uint64_t at;
	int fd, w;

	assert_int_equal(catalog_file_find(lab.s.catalog, 0, id, &file), 0);
	assert_int_equal(
	    catalog_file_chunks(lab.s.catalog, file.key, 0, &chunk, 1), 1);
	assert_int_equal(chunk_open(v->store, &chunk.id, &reader), 0);
	fd = chunk_fd_for_sending(reader, 0, chunk.sums.size, &at);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	assert_int_equal(fchmod(fd, 0600), 0);
	w = open(proc, O_WRONLY | O_CLOEXEC);
	assert_true(w >= 0);
	assert_int_equal(
	    pwrite(w, bytes, 6, (off_t)(at + block * (uint64_t)CRC_BLOCK + 17)),
	    6);
	close(w);
	close(fd);
	chunk_close(reader);
}

static void
spoil(const char *id, const char *node, uint32_t block)
{
	write_block(id, node, block, "spoilt");
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

static void
unspoil(const char *id, const char *node, uint32_t block, const uint8_t *data)
{
	write_block(id, node, block, data + block * (size_t)CRC_BLOCK + 17);
}

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
	unspoil(id, LAB_NODE("2"), 5, data);
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
	struct catalog_file file;
	struct volume *v;
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, (const uint8_t *)"abc", 3, id));
	assert_int_equal(catalog_file_find(lab.s.catalog, 0, id, &file), 0);
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
	    catalog_file_list_damaged(lab.s.catalog, 0, 0, &file, 1), 0);
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
	};

	LAB_OR_SKIP("reading");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
