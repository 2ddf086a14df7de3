/*
 * Copies of chunks: each block from whichever replica has it good.
 */
#include "tests/unit/storaged_chunk_lab.h"

/* Spoils block @block of the chunk in store @i. */
static void
spoil(int i, const struct chunk_id *id, uint32_t block)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/%s", top, i, id->text);
	(void)chmod(path, 0600);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(
	    pwrite(fd, "spoilt", 6, (off_t)block * CRC_BLOCK + 17), 6);
	close(fd);
}

static void
test_copy(void **state)
{
	size_t size = 5 * CRC_BLOCK;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(1, 1);
	struct chunk_reader *from[2] = {NULL};
	uint64_t at;
	bool source;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	from[1] = reader_of(0, &put->id);
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[1], &put->id,
			     false, &at, &source),
	    0);
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[1], &put->id,
			     false, &at, &source),
	    -EEXIST);
	assert_false(source);
	put->sums.crc[1] ^= 1;
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[2], &put->id,
			     false, &at, &source),
	    -EBADMSG);
	assert_true(source);
	assert_int_equal(chunks_in(2), 0);
	chunk_close(from[1]);
	chunk_put_free(put);
	free(data);
}

/* Two replicas damaged in different blocks are one good chunk, and both become
 * good again; a block that is good nowhere cannot be made up. */
static void
test_compose(void **state)
{
	size_t size = 9 * CRC_BLOCK + 100;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(2, 2);
	struct chunk_reader *from[2];
	uint64_t at;
	bool source;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	spoil(0, &put->id, 2);
	spoil(0, &put->id, 9);
	spoil(1, &put->id, 0);
	spoil(1, &put->id, 3);
	for (int i = 0; i < 2; i++)
		from[i] = reader_of(i, &put->id);
	for (int i = 0; i < 2; i++)
		assert_int_equal(chunk_copy(from, 2, &put->sums, stores[i],
				     &put->id, true, &at, &source),
		    0);
	check_replicas(put, 2);
	for (int i = 0; i < 2; i++)
		chunk_close(from[i]);
	spoil(0, &put->id, 5);
	spoil(1, &put->id, 5);
	for (int i = 0; i < 2; i++)
		from[i] = reader_of(i, &put->id);
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[2], &put->id,
			     true, &at, &source),
	    -EBADMSG);
	assert_true(source);
	assert_int_equal(chunks_in(2), 0);
	for (int i = 0; i < 2; i++)
		chunk_close(from[i]);
	chunk_put_free(put);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_copy),
	    T(test_compose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
