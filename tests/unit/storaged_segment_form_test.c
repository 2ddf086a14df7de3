/*
 * The form of segments: what is read of one that is whole, torn, rotten, or was
 * another one before.
 */
#include "storaged/chunks/segments.h"
#include "tests/unit/storaged_chunk_lab.h"

#define GENERATION 0x1122334455667788ULL

/* A record at @at of @page; where the next can begin. */
static size_t
add_record(uint8_t *page, size_t at, char digit, uint32_t length)
{
	struct segment_record r = {.length = length, .generation = GENERATION};
	uint8_t *data = page + at + SEGMENT_RECORD;

	memset(r.id, digit, NX_ID_LEN);
	memset(data, digit, length);
	r.data_crc = checksum_crc(data, length);
	segment_record_write(&r, page + at);
	return at + segment_record_span(length);
}

static unsigned
count_records(const uint8_t *data, size_t size, unsigned *ret_bad)
{
	struct segment_scan scan = {
	    .data = data, .size = size, .generation = GENERATION};
	struct segment_record r;
	enum segment_found found;
	unsigned n = 0;
	size_t at;

	*ret_bad = 0;
	while ((found = segment_scan_next(&scan, &r, &at)) != SEGMENT_END &&
	    found != SEGMENT_MORE) {
		n++;
		*ret_bad += found == SEGMENT_BAD;
	}
	return n;
}

static void
test_header(void **state)
{
	struct segment_header h = {.number = 7,
				  .generation = GENERATION,
				  .made_at = 99,
				  .volume = "base-1"},
			      got;
	uint8_t page[SEGMENT_PAGE];

	(void)state;
	segment_header_write(&h, page);
	assert_int_equal(segment_header_read(page, &got), 0);
	assert_int_equal(got.number, 7);
	assert_int_equal(got.generation, GENERATION);
	assert_string_equal(got.volume, "base-1");
	/* any bit of it */
	for (size_t i = 0; i < SEGMENT_PAGE * 8; i++) {
		page[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(segment_header_read(page, &got) < 0);
		page[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(segment_header_read(page, &got), 0);
}

/* Any one bit of a record, or of its data, costs that one record and no other. */
static void
test_each_bit(void **state)
{
	uint8_t data[2 * SEGMENT_PAGE] = {0};
	size_t end = add_record(data, 0, 'a', 100);
	unsigned bad;

	(void)state;
	end = add_record(data, end, 'b', 57);
	end = add_record(data, end, 'c', 1000);
	assert_int_equal(count_records(data, sizeof(data), &bad), 3);
	assert_int_equal(bad, 0);
	for (size_t i = 0; i < end * 8; i++) {
		unsigned n;

		data[i / 8] ^= (uint8_t)(1 << i % 8);
		n = count_records(data, sizeof(data), &bad);
		assert_true(n - bad == 2 || (n == 3 && bad == 0));
		data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* Cut off anywhere: what was whole is found, what was not is not. */
static void
test_torn(void **state)
{
	uint8_t data[SEGMENT_PAGE] = {0};
	size_t first = add_record(data, 0, 'a', 100);
	size_t end = add_record(data, first, 'b', 200);
	unsigned bad;

	(void)state;
	for (size_t cut = 0; cut <= end; cut++) {
		uint8_t torn[SEGMENT_PAGE] = {0};
		unsigned n;

		memcpy(torn, data, cut);
		n = count_records(torn, sizeof(torn), &bad) - bad;
		assert_true(n <= 2);
		if (cut < SEGMENT_RECORD + 100)
			assert_int_equal(n, 0);
		else if (cut < first + SEGMENT_RECORD + 200)
			assert_int_equal(n, 1);
		else
			assert_int_equal(n, 2);
	}
}

/* What a former use has left is nobody's, and what looks like a record within
 * somebody's content is content. */
static void
test_former_use(void **state)
{
	uint8_t data[2 * SEGMENT_PAGE] = {0}, inner[512] = {0};
	struct segment_record r = {.length = sizeof(inner),
	    .generation = GENERATION + 1,
	    .id = "00000000000000000000000000000001"};
	unsigned bad;

	(void)state;
	add_record(inner, 0, 'x', 20);
	memcpy(data + SEGMENT_RECORD, inner, sizeof(inner));
	r.data_crc = checksum_crc(inner, sizeof(inner));
	segment_record_write(&r, data);
	/* of another generation: only what its content forges would be seen,
	 * had its author known the generation */
	assert_int_equal(count_records(data, sizeof(data), &bad), 1);
	r.generation = GENERATION;
	segment_record_write(&r, data);
	assert_int_equal(count_records(data, sizeof(data), &bad), 1);
	assert_int_equal(bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_each_bit),
	    cmocka_unit_test(test_torn),
	    cmocka_unit_test(test_former_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
