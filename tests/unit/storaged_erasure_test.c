/*
 * Parts of a stripe that are lost or damaged, made of the others: every set of
 * losses there is, whole stripes and those that end anywhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "storaged/chunks/chunk_check.h"
#include "storaged/chunks/erasure.h"
#include "storaged/chunks/sending.h"

/* --- parts in memory ---------------------------------------------------------*/

struct memory {
	struct chunk_reader reader;
	uint8_t *data;
	uint32_t size;
};

static int
memory_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	struct memory *m = (struct memory *)(void *)reader;

	if (offset > m->size || len > m->size - offset)
		return -EBADMSG;
	memcpy(buf, m->data + offset, len);
	return 0;
}

static const struct chunk_reader_ops memory_ops = {.read_at = memory_read_at};
static struct chunk_store memory_store;

struct stripe {
	struct erasure e;
	struct memory memories[ERASURE_PARTS_MAX];
	struct checksums sums[ERASURE_PARTS_MAX];
	struct erasure_part parts[ERASURE_PARTS_MAX];
};

static void
fill_part(struct stripe *s, unsigned i, const uint8_t *data, uint32_t size)
{
	struct memory *m = &s->memories[i];

	m->reader.store = &memory_store;
	m->reader.ops = &memory_ops;
	m->data = malloc(size + 1);
	assert_non_null(m->data);
	memcpy(m->data, data, size);
	m->size = size;
	s->sums[i].size = size;
	for (uint32_t at = 0; at < size; at += CRC_BLOCK)
		s->sums[i].crc[at / CRC_BLOCK] = checksum_crc(
		    data + at, size - at < CRC_BLOCK ? size - at : CRC_BLOCK);
	s->parts[i].sums = &s->sums[i];
	s->parts[i].reader = &m->reader;
}

/* A stripe with @len bytes of data, that came @step bytes at a time. */
static void
make(struct stripe *s, struct erasure e, uint32_t len, uint32_t step)
{
	uint32_t size = erasure_part_size(e), n;
	struct erasure_encoder *encoder;
	uint8_t *data = malloc(len + 1);

	assert_non_null(data);
	memset(s, 0, sizeof(*s));
	s->e = e;
	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)((i * 2654435761U) >> 15);
	assert_int_equal(erasure_encoder_new(e, &encoder), 0);
	/* What was in it before must not be in it after. */
	erasure_encode(encoder, data, len / 2);
	erasure_next(encoder);
	for (uint32_t at = 0; at < len; at += step)
		erasure_encode(
		    encoder, data + at, len - at < step ? len - at : step);
	assert_int_equal(erasure_encoded(encoder), len);
	for (unsigned i = 0; i < e.data; i++) {
		n = len > i * size ? len - i * size : 0;
		fill_part(
		    s, i, data + (n > 0 ? i * size : 0), n < size ? n : size);
	}
	for (unsigned i = 0; i < e.parity; i++) {
		const uint8_t *parity = erasure_parity(encoder, i, &n);

		assert_int_equal(n, len < size ? len : size);
		fill_part(s, e.data + i, parity, n);
	}
	erasure_encoder_free(encoder);
	free(data);
}

static void
unmake(struct stripe *s)
{
	for (unsigned i = 0; i < s->e.data + s->e.parity; i++)
		free(s->memories[i].data);
}

/* Reads part @which as made of the others: 0 when it is what it was. */
static int
remake(const struct stripe *s, unsigned which, uint32_t step)
{
	const struct memory *m = &s->memories[which];
	uint8_t *got = malloc(m->size + 1);
	struct chunk_reader *reader;
	int r = 0;

	assert_non_null(got);
	assert_int_equal(erasure_reader_new(s->e, s->parts, which, &reader), 0);
	for (uint32_t at = 0; at < m->size && r == 0; at += step)
		r = chunk_read_at(reader, got + at,
		    m->size - at < step ? m->size - at : step, at);
	if (r == 0)
		assert_memory_equal(got, m->data, m->size);
	chunk_close(reader);
	free(got);
	return r;
}

/* --- tests ------------------------------------------------------------------*/

/* Every set of as many lost parts as there is parity; each is made again. */
static void
lose_every_set(const struct stripe *whole)
{
	unsigned all = whole->e.data + whole->e.parity;

	for (unsigned set = 1; set < 1U << all; set++) {
		struct stripe s = *whole;

		if ((unsigned)__builtin_popcount(set) != s.e.parity)
			continue;
		for (unsigned i = 0; i < all; i++)
			if (set & 1U << i)
				s.parts[i].reader = NULL;
		for (unsigned i = 0; i < all; i++)
			if (set & 1U << i)
				assert_int_equal(
				    remake(&s, i, 3 * CRC_BLOCK), 0);
	}
}

static void
test_every_loss(void **state)
{
	static const struct erasure kinds[] = {{2, 1}, {4, 2}, {3, 4}};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(kinds); i++) {
		struct stripe s;
		uint32_t size = erasure_part_size(kinds[i]);
		/* nothing, one byte, an edge, one past it, all */
		const uint32_t lens[] = {
		    0, 1, CRC_BLOCK, size, size + 1, 2 * size - 7};

		for (size_t k = 0; k < NX_ARRAY_SIZE(lens); k++) {
			make(&s, kinds[i], lens[k], 100003);
			lose_every_set(&s);
			unmake(&s);
		}
		make(&s, kinds[i], size * kinds[i].data, 1U << 20);
		assert_int_equal(remake(&s, 0, 777777), 0);
		unmake(&s);
	}
}

static void
test_largest(void **state)
{
	const struct erasure e = {ERASURE_DATA_MAX, ERASURE_PARITY_MAX};
	struct stripe s;

	(void)state;
	make(&s, e, erasure_part_size(e) * e.data, 1U << 20);
	for (unsigned i = 0; i < e.parity; i++)
		s.parts[2 * i].reader = NULL;
	for (unsigned i = 0; i < e.parity; i++)
		assert_int_equal(remake(&s, 2 * i, 1U << 20), 0);
	unmake(&s);
}

/* Damage in different places of many parts is no loss. */
static void
test_damage_by_blocks(void **state)
{
	const struct erasure e = {4, 2};
	struct stripe s;

	(void)state;
	make(&s, e, erasure_part_size(e) * e.data, 1U << 20);
	for (unsigned i = 1; i < 6; i++)
		s.memories[i].data[i * CRC_BLOCK + 5] ^= 0x10;
	assert_int_equal(remake(&s, 0, CRC_BLOCK), 0);
	unmake(&s);
}

static void
test_too_many(void **state)
{
	const struct erasure e = {4, 2};
	struct stripe s;

	(void)state;
	make(&s, e, erasure_part_size(e) * e.data, 1U << 20);
	s.parts[1].reader = NULL;
	assert_int_equal(remake(&s, 0, CRC_BLOCK), 0);
	s.memories[5].data[3 * CRC_BLOCK] ^= 1;
	assert_int_equal(remake(&s, 0, CRC_BLOCK), -EBADMSG);
	s.parts[5].reader = NULL;
	assert_int_equal(remake(&s, 0, CRC_BLOCK), -ENOENT);
	unmake(&s);
}

/* The chunk's end is where it was, and nothing is sent from it. */
static void
test_end(void **state)
{
	const struct erasure e = {2, 1};
	struct chunk_reader *reader;
	struct stripe s;
	uint8_t two[2];

	(void)state;
	make(&s, e, 100, 100);
	assert_int_equal(erasure_reader_new(e, s.parts, 0, &reader), 0);
	assert_int_equal(chunk_read_at(reader, two, 2, 98), 0);
	assert_int_equal(chunk_read_at(reader, two, 2, 99), -EBADMSG);
	chunk_close(reader);
	unmake(&s);
}

/* What is sent is what was made and held against the checksums, in memory that
 * counts, whether it was read before or not. */
static void
test_sending(void **state)
{
	const struct erasure e = {4, 2};
	const uint32_t len = 3 * erasure_part_size(e) + 70001;
	struct chunk_reader *reader;
	struct stripe s;
	uint8_t *buf = malloc(CHUNK_SIZE);
	uint64_t at;
	int fd;

	(void)state;
	make(&s, e, len, 65536);
	for (int read = 0; read < 2; read++) {
		uint32_t from = 65000, n = 300000;

		assert_int_equal(erasure_reader_new(e, s.parts, 1, &reader), 0);
		n = chunk_may_send(reader, 7, n);
		assert_true(n > 0);
		if (read)
			assert_int_equal(
			    chunk_verify(reader, &s.sums[1], from, n, NULL), 0);
		fd = chunk_fd_for_sending(reader, from, n, &at);
		assert_true(fd >= 0);
		assert_int_equal(sending_bytes() >= n, true);
		assert_int_equal(pread(fd, buf, n, (off_t)at), n);
		assert_memory_equal(buf, s.memories[1].data + from, n);
		assert_int_equal(pwrite(fd, buf, 1, 0), -1);
		close(fd);
		chunk_close(reader);
	}
	assert_int_equal(erasure_reader_new(e, s.parts, 1, &reader), 0);
	s.sums[1].crc[2] ^= 1;
	assert_true(chunk_may_send(reader, 7, 65536) > 0);
	assert_int_equal(
	    chunk_fd_for_sending(reader, 131072, 10, &at), -EBADMSG);
	chunk_close(reader);
	sending_look();
	assert_int_equal(sending_bytes(), 0);
	unmake(&s);
	free(buf);
}

/* Stripes on disks mean what they meant: the parity of a known one. */
static void
test_matrix_stays(void **state)
{
	const struct erasure e = {2, 1};
	static const uint8_t a[] = {1, 2, 3, 0xff}, b[] = {0x80, 7, 0, 0x55};
	/* 1/2 a + 1/3 b over GF(2^8) with 0x11d, reckoned by other means */
	static const uint8_t expected[] = {0x05, 0xf7, 0x8f, 0xc2};
	struct erasure_encoder *encoder;
	uint32_t size = erasure_part_size(e), n;
	uint8_t *data = calloc(1, size + sizeof(b));
	const uint8_t *parity;

	(void)state;
	assert_non_null(data);
	memcpy(data, a, sizeof(a));
	memcpy(data + size, b, sizeof(b));
	assert_int_equal(erasure_encoder_new(e, &encoder), 0);
	erasure_encode(encoder, data, size + sizeof(b));
	parity = erasure_parity(encoder, 0, &n);
	assert_memory_equal(parity, expected, sizeof(expected));
	erasure_encoder_free(encoder);
	free(data);
}

static void
test_names(void **state)
{
	static const char *const bad[] = {
	    "", "2", "2+", "1+1", "2+0", "9+1", "2+5", "+2+", "2-1", "12+1"};
	struct erasure e = {7, 7};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_false(erasure_parse(bad[i], &e));
	assert_int_equal(e.data, 7);
	assert_true(erasure_parse("4+2", &e));
	assert_int_equal(e.data, 4);
	assert_int_equal(e.parity, 2);
	assert_int_equal(erasure_part_size(e), 2621440);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_loss),
	    cmocka_unit_test(test_largest),
	    cmocka_unit_test(test_damage_by_blocks),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_sending),
	    cmocka_unit_test(test_matrix_stays),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
