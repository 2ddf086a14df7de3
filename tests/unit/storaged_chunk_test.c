/*
 * Chunks: put once, verify, and what becomes of a replica whose write, sync or
 * link fails.
 */
#include "tests/unit/storaged_chunk_lab.h"

/* As large as the smallest that has a file of its own. */
static void
write_large(struct chunk_draft *d, const char *text)
{
	static uint8_t rest[SEGMENT_CHUNK_MAX];

	assert_int_equal(chunk_write(d, text, strlen(text)), 0);
	assert_int_equal(chunk_write(d, rest, sizeof(rest)), 0);
}

static bool
enough(const char *name, uint64_t changed_at, void *arg)
{
	(void)count_one(name, changed_at, arg);
	return false;
}

static void
test_once(void **state)
{
	struct chunk_place place = {.at = 0};
	struct chunk_draft *d;
	struct chunk_id id;
	struct stat st;
	struct chunk_reader *reader;
	char buf[8] = {0};
	unsigned n = 0;
	uint64_t at = 1;
	int fd;

	(void)state;
	nx_id_new(id.text);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	write_large(d, "hello");
	assert_int_equal(chunks_in(0), 0); /* invisible until it is whole */
	assert_int_equal(chunk_commit(d, &id, false, &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(chunks_in(0), 1);
	assert_int_equal(chunk_list(stores[0], enough, &n), -ECANCELED);
	assert_int_equal(n, 1);
	/* a second one under that id is refused, the first stays */
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	write_large(d, "other");
	assert_int_equal(chunk_commit(d, &id, false, &at), -EEXIST);
	chunk_discard(d);
	reader = reader_of(0, &id);
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(
	    chunk_read_at(reader, buf, 5, SEGMENT_CHUNK_MAX + 1), -EBADMSG);
	fd = chunk_fd_for_sending(reader, 2, 3, &at);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, 3, (off_t)at), 3);
	assert_memory_equal(buf, "llo", 3);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	close(fd);
	/* but can be replaced on purpose */
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	write_large(d, "OTHER");
	assert_int_equal(chunk_commit(d, &id, true, &at), 0);
	/* whoever has the old one open goes on with it */
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "hello");
	chunk_close(reader);
	reader = reader_of(0, &id);
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "OTHER");
	chunk_close(reader);
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	place.id = id;
	assert_int_equal(chunk_open(stores[0], &place, &reader), -ENOENT);
}

static void
test_verify(void **state)
{
	size_t size = 5 * CRC_BLOCK + 77;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(1, 1);
	struct etag etag;
	struct chunk_reader *reader;
	uint32_t good;
	char path[160];
	int w;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	check_replicas(put, 1);
	assert_int_equal(put->sums.crc[0], checksum_crc(data, CRC_BLOCK));
	checksum_etag((const uint8_t(*)[MD5_LEN]) & put->sums.md5, 1, &etag);
	assert_int_equal(strlen(etag.text), 32);
	/* one byte in the third block */
	snprintf(path, sizeof(path), "%s/0/%s", top, put->id.text);
	chmod(path, 0600);
	w = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(w, "\0\1\2\3", 4, 2 * CRC_BLOCK + 9), 4);
	reader = reader_of(0, &put->id);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, put->sums.size, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK);
	/* counted from where the question began */
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 100, 3 * CRC_BLOCK, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK - 100);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, 2 * CRC_BLOCK, &good), 0);
	assert_int_equal(good, 2 * CRC_BLOCK);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 3 * CRC_BLOCK, 1, &good), 0);
	assert_int_equal(good, 1);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 3 * CRC_BLOCK - 1, 1, &good),
	    -EBADMSG);
	assert_int_equal(good, 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 7, 0, &good), 0);
	/* cut short: what is before the end is still good */
	assert_int_equal(ftruncate(w, 5 * CRC_BLOCK), 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 3 * CRC_BLOCK,
			     2 * CRC_BLOCK + 77, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK);
	close(w);
	chunk_close(reader);
	chunk_put_free(put);
	free(data);
}

static void
test_known_sums(void **state)
{
	struct hasher *h;
	struct checksums sums = {0};
	struct etag etag;

	(void)state;
	assert_int_equal(hasher_new(&h), 0);
	hasher_add(h, "1234", 4);
	hasher_add(h, "56789", 5);
	hasher_end(h, sums.md5);
	hasher_free(h);
	checksums_add(&sums, "1234", 4);
	checksums_add(&sums, "56789", 5);
	/* the check value of CRC-32C, and md5sum's word */
	assert_int_equal(sums.crc[0], 0xe3069283);
	checksum_etag((const uint8_t(*)[MD5_LEN]) & sums.md5, 1, &etag);
	assert_string_equal(etag.text, "25f9e794323b453885f5181f1b624d0b");
	checksum_etag(NULL, 0, &etag);
	assert_string_equal(etag.text, "d41d8cd98f00b204e9800998ecf8427e");
}

/* With a spare store every single failure is made good; with none left the
 * chunk has one replica less, and with no replica at all it fails and leaves
 * nothing. Each kind, each position, until it no longer strikes. */
static void
inject(int what, int error, unsigned want, int n_stores)
{
	size_t size = 9 * CRC_BLOCK + 5;
	uint8_t *data = pattern(size);
	bool struck = true;

	for (int nth = 1; struck; nth++) {
		struct chunk_put *put = put_new(want, n_stores);
		unsigned left = (unsigned)n_stores;
		int r;

		fault =
		    (typeof(fault)){.what = what, .nth = nth, .error = error};
		r = put_all(put, data, size);
		struck = fault.seen >= nth;
		fault.what = NONE;
		if (struck)
			left--;
		if (left > want)
			left = want;
		if (left == 0) {
			assert_int_equal(r, -error);
			assert_int_equal(all_chunks(), 0);
		} else {
			assert_int_equal(r, 0);
			check_replicas(put, left);
		}
		for (size_t i = 0; i < put->n_places; i++)
			chunk_remove(put->places[i].store, &put->id);
		chunk_put_free(put);
	}
	assert_int_equal(all_chunks(), 0);
	free(data);
}

static void
test_failures(void **state)
{
	static const int kinds[] = {WRITE, SYNC, LINK, DIRSYNC};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(kinds); i++)
		for (unsigned want = 1; want <= 2; want++)
			for (int n = (int)want; n <= STORES; n++) {
				inject(kinds[i], EIO, want, n);
				inject(kinds[i], ENOSPC, want, n);
			}
}

/* What was listed as a leftover may be a good copy by the time it is to go. */
static void
test_leftover(void **state)
{
	struct chunk_draft *d;
	struct chunk_id id;
	uint64_t at;

	(void)state;
	nx_id_new(id.text);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_commit(d, &id, false, &at), 0);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, 1000), 0);
	assert_int_equal(chunks_in(0), 1);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, UINT64_MAX), 0);
	assert_int_equal(chunks_in(0), 0);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, UINT64_MAX), 0);
}

/* Read around the page cache: the same bytes, whatever the alignment. */
static void
test_cold(void **state)
{
	uint32_t size = 5 * CRC_BLOCK + 777;
	uint8_t *data = pattern(size), *got = malloc(size);
	struct chunk_put *put = put_new(1, 1);
	struct chunk_reader *reader;
	struct chunk_place place = {.id = put->id};
	const struct {
		uint32_t offset, len;
	} parts[] = {{0, size}, {1, 1}, {4095, 2}, {size - 1, 1},
	    {CRC_BLOCK + 5, 2 * CRC_BLOCK}, {0, 0}};

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	assert_int_equal(chunk_open_cold(stores[0], &place, &reader), 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 0, size, NULL), 0);
	for (size_t i = 0; i < NX_ARRAY_SIZE(parts); i++) {
		assert_int_equal(
		    chunk_read_at(reader, got, parts[i].len, parts[i].offset),
		    0);
		assert_memory_equal(got, data + parts[i].offset, parts[i].len);
	}
	assert_int_equal(chunk_read_at(reader, got, 2, size - 1), -EBADMSG);
	assert_int_equal(chunk_read_at(reader, got, 1, size + 5000), -EBADMSG);
	chunk_close(reader);
	assert_int_equal(chunk_remove(stores[0], &put->id), 0);
	assert_int_equal(chunk_open_cold(stores[0], &place, &reader), -ENOENT);
	chunk_put_free(put);
	free(got);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_once),
	    T(test_known_sums),
	    T(test_verify),
	    T(test_failures),
	    T(test_leftover),
	    T(test_cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
