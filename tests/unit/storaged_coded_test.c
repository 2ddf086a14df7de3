/*
 * Stores that code: as any other to those who use them, and on the disk nothing
 * of what was written; plain chunks beside coded ones, and memory for what is
 * sent.
 */
#include <sys/mman.h>

#include "storaged/chunks/packer.h"
#include "storaged/chunks/sending.h"
#include "tests/unit/storaged_chunk_lab.h"

#define AT(id_) (&(struct chunk_place){.id = (id_)})
static uint64_t where; /* always 0: nothing goes into segments */

static const uint8_t key[SEAL_KEY_LEN] = "the volume's key, of 32 bytes..";
static const struct coding_how sealed = {.key = key, .seal = true};
static const struct coding_how both = {.key = key, .seal = true, .pack = true};
static const struct coding_how packed = {.key = key, .pack = true};
static const struct coding_how off = {.key = key};

static struct chunk_store *
open_coded(int i, const struct coding_how *how)
{
	struct chunk_store_spec spec = {
	    .kind = CHUNK_STORE_CODED, .how = how, .files = true};
	struct chunk_store *store;
	char path[128];

	snprintf(path, sizeof(path), "%s/%d", top, i);
	spec.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/%d/.coded", top, i);
	(void)mkdir(path, 0700);
	spec.coded_dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chunk_store_new(&spec, &store), 0);
	return store;
}

static void
code_with(const struct coding_how *how)
{
	for (int i = 0; i < STORES; i++) {
		chunk_store_free(stores[i]);
		stores[i] = open_coded(i, how);
	}
}

static int
setup_coded(void **state)
{
	if (setup(state) < 0 || seal_setup() < 0)
		return -1;
	code_with(&both);
	return 0;
}

static int
teardown_coded(void **state)
{
	char path[128];

	for (int i = 0; i < STORES; i++) {
		chunk_list(stores[i], remove_one, stores[i]);
		snprintf(path, sizeof(path), "%s/%d/.coded", top, i);
		rmdir(path);
	}
	packer_free_all();
	sending_look();
	assert_int_equal(sending_bytes(), 0);
	return teardown(state);
}

static void
put_one(int i, const struct chunk_id *id, const void *data, size_t len)
{
	struct chunk_draft *d;

	assert_int_equal(chunk_begin(stores[i], &d), 0);
	assert_int_equal(chunk_write(d, data, len), 0);
	assert_int_equal(chunk_commit(d, id, false, &where), 0);
}

/* Does it lie among the coded ones (1), the plain ones (0), nowhere (-1)? */
static int
form_of(int i, const struct chunk_id *id)
{
	char path[128];
	bool coded, plain;

	snprintf(path, sizeof(path), "%s/%d/.coded/%s", top, i, id->text);
	coded = access(path, F_OK) == 0;
	snprintf(path, sizeof(path), "%s/%d/%s", top, i, id->text);
	plain = access(path, F_OK) == 0;
	assert_false(coded && plain);
	return coded ? 1 : plain ? 0 : -1;
}

static void
has(int i, const struct chunk_id *id, const char *expected)
{
	struct chunk_reader *reader = reader_of(i, id);
	size_t len = strlen(expected);
	char buf[64] = {0};

	assert_int_equal(chunk_read_at(reader, buf, len, 0), 0);
	assert_string_equal(buf, expected);
	assert_int_equal(chunk_read_at(reader, buf, len, 1), -EBADMSG);
	chunk_close(reader);
}

/* --- a chunk's life ---------------------------------------------------------*/

static void
test_once(void **state)
{
	struct chunk_draft *d;
	struct chunk_reader *reader;
	struct chunk_id id;
	char buf[8] = {0};

	(void)state;
	nx_id_new(id.text);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "hello", 5), 0);
	assert_int_equal(chunk_read_back(d, buf, 5, 1), 4);
	assert_string_equal(buf, "ello");
	assert_int_equal(chunks_in(0), 0);
	assert_int_equal(chunk_commit(d, &id, false, &where), 0);
	assert_int_equal(chunks_in(0), 1);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "other", 5), 0);
	assert_int_equal(chunk_commit(d, &id, false, &where), -EEXIST);
	assert_int_equal(chunk_read_back(d, buf, 5, 0), 5);
	assert_string_equal(buf, "other");
	chunk_discard(d);
	has(0, &id, "hello");
	reader = reader_of(0, &id);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "OTHER", 5), 0);
	assert_int_equal(chunk_commit(d, &id, true, &where), 0);
	/* whoever has the old one open goes on with it */
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "hello");
	chunk_close(reader);
	has(0, &id, "OTHER");
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	assert_int_equal(chunk_open(stores[0], AT(id), &reader), -ENOENT);
	assert_int_equal(chunk_open_cold(stores[0], AT(id), &reader), -ENOENT);
}

/* Whatever is set, what is there is read; what is written has the form that is
 * set, and one form only. */
static void
test_forms(void **state)
{
	static const struct {
		const struct coding_how *how;
		int form;
	} settings[] = {
	    {&sealed, 1}, {&off, 0}, {&packed, 1}, {&both, 1}, {&off, 0}};
	struct chunk_id ids[NX_ARRAY_SIZE(settings)];
	struct chunk_count count;
	struct chunk_draft *d;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(settings); i++) {
		nx_id_new(ids[i].text);
		code_with(settings[i].how);
		put_one(0, &ids[i], "some words", 10);
		assert_int_equal(form_of(0, &ids[i]), settings[i].form);
	}
	for (size_t i = 0; i < NX_ARRAY_SIZE(settings); i++) {
		code_with(settings[i].how);
		for (size_t k = 0; k < NX_ARRAY_SIZE(settings); k++)
			has(0, &ids[k], "some words");
		/* no second one in another form, unless it takes its place */
		for (size_t k = 0; k < NX_ARRAY_SIZE(settings); k++) {
			assert_int_equal(chunk_begin(stores[0], &d), 0);
			assert_int_equal(
			    chunk_commit(d, &ids[k], false, &where), -EEXIST);
			chunk_discard(d);
		}
		assert_int_equal(chunk_begin(stores[0], &d), 0);
		assert_int_equal(chunk_write(d, "some words", 10), 0);
		assert_int_equal(chunk_commit(d, &ids[0], true, &where), 0);
		assert_int_equal(form_of(0, &ids[0]), settings[i].form);
	}
	assert_int_equal(chunks_in(0), NX_ARRAY_SIZE(settings));
	chunk_count(stores[0], &count);
	assert_int_equal(count.plain, 3);
	assert_int_equal(count.coded, 2);
	for (size_t i = 0; i < NX_ARRAY_SIZE(settings); i++) {
		assert_int_equal(
		    chunk_set_aside(stores[0], &ids[i], UINT64_MAX), 0);
		assert_int_equal(form_of(0, &ids[i]), -1);
		assert_int_equal(chunk_put_back(stores[0], &ids[i]), 0);
		has(0, &ids[i], "some words");
		assert_int_equal(chunk_remove(stores[0], &ids[i]), 0);
		assert_int_equal(form_of(0, &ids[i]), -1);
	}
}

/* A user may upload what looks like a container: it is content like any other. */
static void
test_not_by_content(void **state)
{
	size_t size = 2 * CRC_BLOCK;
	uint8_t *data = pattern(size), buf[1024];
	struct chunk_id id, again;
	char path[128];
	ssize_t n;
	int fd;

	(void)state;
	nx_id_new(id.text);
	memset(data, 'x', size);
	put_one(0, &id, data, size);
	snprintf(path, sizeof(path), "%s/0/.coded/%s", top, id.text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, buf, sizeof(buf));
	close(fd);
	assert_true(n > 8 && n < (ssize_t)sizeof(buf));
	for (int coded = 0; coded < 2; coded++) {
		struct chunk_reader *reader;
		uint8_t got[1024];

		code_with(coded ? &both : &off);
		nx_id_new(again.text);
		put_one(0, &again, buf, (size_t)n);
		for (int then = 0; then < 2; then++) {
			code_with(then ? &both : &off);
			reader = reader_of(0, &again);
			assert_int_equal(
			    chunk_read_at(reader, got, (size_t)n, 0), 0);
			assert_memory_equal(got, buf, (size_t)n);
			chunk_close(reader);
		}
	}
	free(data);
}

/* --- what is on the disk ----------------------------------------------------*/

static void
test_disk(void **state)
{
	size_t size = 5 * CRC_BLOCK + 77;
	uint8_t *data = pattern(size), *got = malloc(2 * size);
	struct chunk_put *put;
	struct chunk_reader *reader;
	uint32_t good;
	char path[128];
	ssize_t n;
	int fd;

	(void)state;
	code_with(&sealed);
	put = put_new(1, 1);
	assert_int_equal(put_all(put, data, size), 0);
	check_replicas(put, 1);
	snprintf(path, sizeof(path), "%s/0/.coded/%s", top, put->id.text);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	n = pread(fd, got, 2 * size, 0);
	assert_true(n > (ssize_t)size && n <= (ssize_t)coding_most(size));
	for (size_t at = 0; at + 16 <= size; at += 4096)
		assert_null(memmem(got, (size_t)n, data + at, 16));
	/* one byte of the third block: the others are good */
	assert_int_equal(
	    pwrite(fd, "\0\1\2\3", 4, 40 + 2 * (CRC_BLOCK + 16) + 9), 4);
	for (int cold = 0; cold < 2; cold++) {
		assert_int_equal(cold
			? chunk_open_cold(stores[0], AT(put->id), &reader)
			: chunk_open(stores[0], AT(put->id), &reader),
		    0);
		assert_int_equal(
		    chunk_verify(reader, &put->sums, 0, put->sums.size, &good),
		    -EBADMSG);
		assert_int_equal(good, 2 * CRC_BLOCK);
		assert_int_equal(chunk_verify(reader, &put->sums, 3 * CRC_BLOCK,
				     2 * CRC_BLOCK + 77, &good),
		    0);
		chunk_close(reader);
	}
	/* cut short it opens, and gives nothing */
	assert_int_equal(ftruncate(fd, n - 1), 0);
	reader = reader_of(0, &put->id);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, put->sums.size, &good),
	    -EBADMSG);
	assert_int_equal(good, 0);
	assert_int_equal(
	    chunk_fd_for_sending(reader, 0, 1, &(uint64_t){0}), -EBADMSG);
	chunk_close(reader);
	close(fd);
	chunk_put_free(put);
	free(got);
	free(data);
}

/* As with plain chunks: each kind of failure, at each position. */
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
	static const struct coding_how *const hows[] = {&sealed, &both};

	(void)state;
	for (size_t h = 0; h < NX_ARRAY_SIZE(hows); h++) {
		code_with(hows[h]);
		for (size_t i = 0; i < NX_ARRAY_SIZE(kinds); i++)
			for (unsigned want = 1; want <= 2; want++)
				for (int n = (int)want; n <= STORES; n++) {
					inject(kinds[i], EIO, want, n);
					inject(kinds[i], ENOSPC, want, n);
				}
	}
}

/* --- sending ----------------------------------------------------------------*/

static int
send_part(struct chunk_reader *reader, uint64_t owner, uint32_t offset,
    uint32_t len, const uint8_t *data)
{
	uint8_t *got = malloc(len);
	uint64_t at;
	int fd;

	assert_true(chunk_may_send(reader, owner, len) >= len);
	fd = chunk_fd_for_sending(reader, offset, len, &at);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(nx_fd_is(fd, NX_FD_FILE_READ));
	assert_true(nx_fd_is(fd, NX_FD_MEMFD)); /* sealed */
	assert_int_equal(pread(fd, got, len, (off_t)at), len);
	assert_memory_equal(got, data + offset, len);
	free(got);
	return fd;
}

static void
test_sending(void **state)
{
	size_t size = 3 * CRC_BLOCK + 77;
	uint8_t *data = pattern(size), *got = malloc(size);
	struct chunk_put *put = put_new(1, 1);
	struct chunk_reader *reader;
	int fd, fd2;
	void *map;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	reader = reader_of(0, &put->id);
	/* what was verified is sent, though it rots right after */
	assert_int_equal(chunk_may_send(reader, 7, (uint32_t)size), size);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, put->sums.size, NULL), 0);
	{
		char path[128];
		int w;

		snprintf(
		    path, sizeof(path), "%s/0/.coded/%s", top, put->id.text);
		assert_int_equal(chmod(path, 0600), 0);
		w = open(path, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(w, "rotten", 6, 100), 6);
		close(w);
	}
	fd = send_part(reader, 7, 0, (uint32_t)size, data);
	/* of a block that was not kept nothing goes out unverified */
	assert_int_equal(chunk_read_at(reader, got, 1, 0), -EBADMSG);
	assert_int_equal(
	    chunk_fd_for_sending(reader, 0, 1, &(uint64_t){0}), -EBADMSG);
	fd2 = send_part(reader, 7, CRC_BLOCK + 5, 100, data);
	chunk_close(reader);
	assert_int_equal(sending_bytes(), 5 * CRC_BLOCK);
	sending_look();
	assert_int_equal(sending_bytes(), 5 * CRC_BLOCK);
	close(fd2);
	sending_look();
	assert_int_equal(sending_bytes(), 4 * CRC_BLOCK);
	/* closed, but mapped, it is still in use */
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	close(fd);
	sending_look();
	assert_int_equal(sending_bytes(), 4 * CRC_BLOCK);
	munmap(map, size);
	sending_look();
	assert_int_equal(sending_bytes(), 0);
	chunk_put_free(put);
	free(got);
	free(data);
}

/* One user takes less and less, and never what others need. */
static void
test_shares(void **state)
{
	enum { N = 400 };
	static uint32_t taken[N];
	uint32_t sum = 0, other;

	(void)state;
	for (int i = 0; i < N; i++) {
		taken[i] = sending_take(1, CHUNK_SIZE);
		assert_true(taken[i] >= CRC_BLOCK && taken[i] <= CHUNK_SIZE);
		assert_true(i == 0 || taken[i] <= taken[i - 1]);
		sum += taken[i];
	}
	assert_int_equal(sending_bytes(), sum);
	assert_true(sum < SENDING_USER + N * CRC_BLOCK);
	other = sending_take(2, CHUNK_SIZE);
	assert_true(other >= SENDING_USER / 16);
	sending_return(2, other);
	for (int i = 0; i < N; i++)
		sending_return(1, taken[i]);
	assert_int_equal(sending_bytes(), 0);
}

static void
test_cold(void **state)
{
	uint32_t size = 3 * CRC_BLOCK + 777;
	uint8_t *data = pattern(size), *got = malloc(size);
	struct chunk_put *put = put_new(1, 1);
	struct chunk_reader *reader;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	assert_int_equal(chunk_open_cold(stores[0], AT(put->id), &reader), 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 0, size, NULL), 0);
	assert_int_equal(chunk_read_at(reader, got, 4096, CRC_BLOCK - 5), 0);
	assert_memory_equal(got, data + CRC_BLOCK - 5, 4096);
	chunk_close(reader);
	chunk_put_free(put);
	free(got);
	free(data);
}

#define C(f) cmocka_unit_test_setup_teardown(f, setup_coded, teardown_coded)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    C(test_once),
	    C(test_forms),
	    C(test_not_by_content),
	    C(test_disk),
	    C(test_failures),
	    C(test_sending),
	    C(test_shares),
	    C(test_cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
