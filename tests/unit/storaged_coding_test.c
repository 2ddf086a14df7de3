/*
 * Containers of coded chunks: what goes in comes out, whatever its size and
 * however it was cut; and of what is not as it was written nothing is served.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <cmocka.h>

#include "common/err.h"
#include "storaged/chunks/coding.h"
#include "storaged/chunks/packer.h"

static const uint8_t key[SEAL_KEY_LEN] = "the volume's key, of 32 bytes..";
static const uint8_t other_key[SEAL_KEY_LEN] =
    "another key, of 32 bytes as well";

static const struct coding_how ways[] = {
    {.key = key, .seal = true},
    {.key = key, .seal = true, .pack = true},
    {.pack = true},
    {0},
};

/* --- a container in memory --------------------------------------------------*/

struct box {
	uint8_t *data;
	size_t len, room;
	size_t fail_at; /* appends fail beyond; 0: never */
};

static int
append(void *arg, const void *data, size_t len)
{
	struct box *b = arg;

	if (b->fail_at && b->len + len > b->fail_at)
		return -ENOSPC;
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2;
		b->data = realloc(b->data, b->room);
		assert_non_null(b->data);
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

static int
fetch(void *arg, void *buf, size_t len, uint64_t offset)
{
	struct box *b = arg;

	if (offset > b->len || len > b->len - offset)
		return -EBADMSG;
	memcpy(buf, b->data + offset, len);
	return 0;
}

static const struct chunk_id id_a = {"0123456789abcdef0123456789abcdef"};
static const struct chunk_id id_b = {"0123456789abcdef0123456789abcdee"};

/* In pieces of @cut bytes. */
static struct box
make(const struct coding_how *how, const uint8_t *data, size_t size, size_t cut)
{
	struct box b = {0};
	struct coder *c;

	assert_int_equal(coder_new(how, append, fetch, &b, &c), 0);
	for (size_t at = 0; at < size; at += cut)
		assert_int_equal(
		    coder_add(c, data + at, size - at < cut ? size - at : cut),
		    0);
	assert_int_equal(coder_end(c, &id_a), 0);
	coder_free(c);
	assert_true(b.len <= coding_most(size));
	return b;
}

/* 0 when all of it can be read and is right; a wrong byte is never read. */
static int
check(struct box *b, const uint8_t *with, const struct chunk_id *id,
    const uint8_t *data, size_t size)
{
	uint8_t *got = malloc(size + 1);
	struct decoder *d;
	int r = decoder_new(with, id, b->len, fetch, b, &d);

	if (r == 0) {
		assert_int_equal(decoder_size(d), size);
		r = decoder_read(d, got, size, 0);
		if (r == 0)
			assert_memory_equal(got, data, size);
		assert_int_equal(decoder_read(d, got, 1, size), -EBADMSG);
		assert_int_equal(decoder_read(d, got, 0, size), 0);
		decoder_free(d);
	}
	free(got);
	return r;
}

static uint8_t *
content(size_t size, bool random)
{
	uint8_t *data = malloc(size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)("the same words again, "[i % 22] +
		    (char)(i / 4096));
	for (size_t at = 0; random && at < size; at += 256)
		assert_true(getrandom(data + at,
				size - at < 256 ? size - at : 256, 0) > 0);
	return data;
}

/* --- what goes in comes out -------------------------------------------------*/

static void
test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 4096, CRC_BLOCK - 1,
	    CRC_BLOCK, CRC_BLOCK + 1, 2 * CRC_BLOCK - 1, 2 * CRC_BLOCK,
	    2 * CRC_BLOCK + 1, 5 * CRC_BLOCK + 777, CHUNK_SIZE - 1, CHUNK_SIZE};
	static const size_t cuts[] = {
	    777, CRC_BLOCK, CRC_BLOCK + 1, 3 * CRC_BLOCK, CHUNK_SIZE};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++)
		for (size_t w = 0; w < NX_ARRAY_SIZE(ways) * 2; w++) {
			const struct coding_how *how = &ways[w / 2];
			uint8_t *data = content(sizes[i], w % 2);

			for (size_t c = 0; c < NX_ARRAY_SIZE(cuts); c++) {
				struct box b =
				    make(how, data, sizes[i], cuts[c]);

				assert_int_equal(
				    check(&b, how->key, &id_a, data, sizes[i]),
				    0);
				if (sizes[i] >= CRC_BLOCK && how->pack &&
				    w % 2 == 0)
					assert_true(b.len < sizes[i] / 4);
				free(b.data);
			}
			free(data);
		}
}

static void
test_ranges(void **state)
{
	const size_t size = 3 * CRC_BLOCK + 777;
	uint8_t *data = content(size, false), *got = malloc(size);
	static const struct {
		uint32_t offset, len;
	} parts[] = {{0, 1}, {1, 4096}, {CRC_BLOCK - 1, 2}, {CRC_BLOCK, 1},
	    {CRC_BLOCK + 5, 2 * CRC_BLOCK}, {3 * CRC_BLOCK, 777},
	    {3 * CRC_BLOCK + 776, 1}};

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++) {
		struct box b = make(&ways[w], data, size, 10000);
		struct decoder *d;

		assert_int_equal(
		    decoder_new(ways[w].key, &id_a, b.len, fetch, &b, &d), 0);
		for (size_t i = 0; i < NX_ARRAY_SIZE(parts); i++) {
			assert_int_equal(
			    decoder_read(d, got, parts[i].len, parts[i].offset),
			    0);
			assert_memory_equal(
			    got, data + parts[i].offset, parts[i].len);
		}
		assert_int_equal(
		    decoder_read(d, got, 778, 3 * CRC_BLOCK), -EBADMSG);
		assert_int_equal(decoder_read(d, got, 1, UINT64_MAX), -EBADMSG);
		decoder_free(d);
		free(b.data);
	}
	free(got);
	free(data);
}

/* A draft is read back before it is complete, and after appending failed. */
static void
test_read_back(void **state)
{
	const size_t size = 2 * CRC_BLOCK + 777;
	uint8_t *data = content(size, false), *got = malloc(size);

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++) {
		struct box b = {.fail_at = 0};
		size_t at = 0;
		struct coder *c;

		assert_int_equal(coder_new(&ways[w], append, fetch, &b, &c), 0);
		assert_int_equal(coder_read(c, got, 1, 0), 0);
		assert_int_equal(coder_add(c, data, size), 0);
		for (int ended = 0; ended < 2; ended++) {
			for (at = 0; at < size;) {
				ssize_t n = coder_read(c, got + at, 50000, at);

				assert_true(n > 0);
				at += (size_t)n;
			}
			assert_int_equal(at, size);
			assert_memory_equal(got, data, size);
			assert_int_equal(coder_read(c, got, 1, size), 0);
			b.fail_at = b.len + (ended ? 0 : 1);
			assert_int_equal(coder_end(c, &id_a), -ENOSPC);
		}
		coder_free(c);
		free(b.data);
	}
	free(got);
	free(data);
}

/* Whatever append fails, what was taken before it is there. */
static void
test_read_back_after_failure(void **state)
{
	const size_t size = 4 * CRC_BLOCK, cut = 50000;
	uint8_t *data = content(size, true), *got = malloc(size);

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++)
		for (size_t fail_at = 100; fail_at < size; fail_at += 20000) {
			struct box b = {.fail_at = fail_at};
			struct coder *c;
			size_t at, n = 0;
			int r = 0;

			assert_int_equal(
			    coder_new(&ways[w], append, fetch, &b, &c), 0);
			for (at = 0; at + cut <= size && r == 0;) {
				r = coder_add(c, data + at, cut);
				at += r == 0 ? cut : 0;
			}
			while (n < at) {
				ssize_t m = coder_read(c, got + n, at - n, n);

				assert_true(m > 0);
				n += (size_t)m;
			}
			assert_memory_equal(got, data, at);
			coder_free(c);
			free(b.data);
		}
	free(got);
	free(data);
}

/* --- what is not as it was written ------------------------------------------*/

/* Every bit of a small container, and of one of two blocks every 13th. */
static void
test_every_bit(void **state)
{
	static const struct {
		size_t size, step;
	} boxes[] = {{0, 1}, {100, 1}, {CRC_BLOCK + 50, 1013}};

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++)
		for (size_t i = 0; i < NX_ARRAY_SIZE(boxes); i++) {
			size_t size = boxes[i].size;
			uint8_t *data = content(size, false);
			struct box b = make(&ways[w], data, size, CHUNK_SIZE);

			for (size_t bit = 0; bit < b.len * 8;
			     bit += boxes[i].step) {
				b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
				if (check(&b, ways[w].key, &id_a, data, size) !=
				    -EBADMSG)
					fail_msg("way %zu, %zu bytes: bit %zu "
						 "of %zu made no difference",
					    w, size, bit, b.len * 8);
				b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
			}
			assert_int_equal(
			    check(&b, ways[w].key, &id_a, data, size), 0);
			free(b.data);
			free(data);
		}
}

static void
test_cut_short(void **state)
{
	const size_t size = CRC_BLOCK + 50;
	uint8_t *data = content(size, true);

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++) {
		struct box b = make(&ways[w], data, size, CHUNK_SIZE);
		size_t len = b.len;

		for (b.len = 0; b.len < len; b.len++)
			assert_int_equal(
			    check(&b, ways[w].key, &id_a, data, size),
			    -EBADMSG);
		/* nor with something after it */
		assert_int_equal(append(&b, "x", 1), 0);
		assert_int_equal(
		    check(&b, ways[w].key, &id_a, data, size), -EBADMSG);
		free(b.data);
	}
	free(data);
}

static void
test_elsewhere(void **state)
{
	const size_t size = 2 * CRC_BLOCK;
	uint8_t *data = content(size, true), *swap = malloc(CRC_BLOCK + 16);

	(void)state;
	for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++) {
		struct box b = make(&ways[w], data, size, CHUNK_SIZE);
		size_t block = CRC_BLOCK + (ways[w].seal ? SEAL_TAG_LEN : 0);
		uint8_t *first = b.data + 40, *second = first + block;

		/* under another chunk's name */
		assert_int_equal(
		    check(&b, ways[w].key, &id_b, data, size), -EBADMSG);
		/* another key, or none */
		if (ways[w].seal) {
			assert_int_equal(
			    check(&b, other_key, &id_a, data, size), -EBADMSG);
			assert_int_equal(
			    check(&b, NULL, &id_a, data, size), -EBADMSG);
		} else
			assert_int_equal(check(&b, key, &id_a, data, size), 0);
		/* its blocks in the other order, their index with them */
		memcpy(swap, first, block);
		memmove(first, second, block);
		memcpy(second, swap, block);
		assert_int_equal(
		    check(&b, ways[w].key, &id_a, data, size), -EBADMSG);
		free(b.data);
	}
	free(swap);
	free(data);
}

/* Mends the CRC of the footer, as somebody can who knows the format and not the
 * key. On a little-endian machine. */
static void
mend(struct box *b, const struct chunk_id *id, uint32_t blocks)
{
	size_t tail = blocks * 8 + 24;
	uint8_t bound[NX_ID_LEN + 40 + 3 * 8 + 24];
	uint8_t *index = b->data + b->len - blocks * 8 - 32;
	uint32_t crc;

	memcpy(bound, id->text, NX_ID_LEN);
	memcpy(bound + NX_ID_LEN, b->data, 40);
	memcpy(bound + NX_ID_LEN + 40, index, tail);
	crc = checksum_crc(bound, NX_ID_LEN + 40 + tail);
	memcpy(index + tail, &crc, sizeof(crc));
}

/* Of what is sealed the CRCs prove nothing, the tags do: blocks in another
 * order, another chunk's name, a chunk that ends earlier. Packed only, all of
 * that passes. */
static void
test_mended(void **state)
{
	const size_t size = 2 * CRC_BLOCK;
	uint8_t *data = content(size, true), *swap = malloc(CRC_BLOCK + 16);
	uint32_t less[2] = {CRC_BLOCK, 1};

	(void)state;
	for (size_t w = 0; w < 3; w += 2) {
		size_t block = CRC_BLOCK + (ways[w].seal ? SEAL_TAG_LEN : 0);
		int expected = ways[w].seal ? -EBADMSG : 0;
		struct box b = make(&ways[w], data, size, CHUNK_SIZE);
		uint8_t *first = b.data + 40, *index = first + 2 * block;

		mend(&b, &id_b, 2);
		assert_int_equal(
		    check(&b, ways[w].key, &id_b, data, size), expected);
		mend(&b, &id_a, 2);
		assert_int_equal(check(&b, ways[w].key, &id_a, data, size), 0);
		/* the order */
		memcpy(swap, first, block);
		memmove(first, first + block, block);
		memcpy(first + block, swap, block);
		memcpy(swap, index, 8);
		memmove(index, index + 8, 8);
		memcpy(index + 8, swap, 8);
		mend(&b, &id_a, 2);
		if (ways[w].seal)
			assert_int_equal(
			    check(&b, key, &id_a, data, size), -EBADMSG);
		free(b.data);
		/* the end */
		b = make(&ways[w], data, size, CHUNK_SIZE);
		index = b.data + 40 + 2 * block;
		memmove(b.data + 40 + block, index, 8);
		memcpy(b.data + 40 + block + 8, index + 16, 32);
		memcpy(b.data + 40 + block + 8, less, sizeof(less));
		b.len = 40 + block + 8 + 32;
		mend(&b, &id_a, 1);
		assert_int_equal(
		    check(&b, ways[w].key, &id_a, data, CRC_BLOCK), expected);
		free(b.data);
	}
	free(swap);
	free(data);
}

/* Two containers of the same bytes under the same key have nothing in common:
 * their blocks cannot be exchanged. */
static void
test_salted(void **state)
{
	const size_t size = CRC_BLOCK;
	uint8_t *data = content(size, true);
	struct box a = make(&ways[0], data, size, CHUNK_SIZE);
	struct box b = make(&ways[0], data, size, CHUNK_SIZE);

	(void)state;
	assert_memory_not_equal(a.data + 40, b.data + 40, 64);
	memcpy(a.data + 40, b.data + 40, size + SEAL_TAG_LEN);
	assert_int_equal(check(&a, key, &id_a, data, size), -EBADMSG);
	free(a.data);
	free(b.data);
	free(data);
}

static int
setup_libraries(void **state)
{
	(void)state;
	return checksum_setup() < 0 || seal_setup() < 0 ? -1 : 0;
}

static int
free_libraries(void **state)
{
	(void)state;
	packer_free_all();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_read_back),
	    cmocka_unit_test(test_read_back_after_failure),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_cut_short),
	    cmocka_unit_test(test_elsewhere),
	    cmocka_unit_test(test_mended),
	    cmocka_unit_test(test_salted),
	};

	return cmocka_run_group_tests(tests, setup_libraries, free_libraries);
}
