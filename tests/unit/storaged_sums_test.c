/*
 * Sums of a whole content by themselves: SHA-256 put down and taken up at any byte
 * is what it is in one go.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "storaged/chunks/chunks.h"

#define SIZE 1000

static uint8_t data[SIZE];

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	return checksum_setup();
}

static void
check(struct digest *d, size_t size)
{
	struct digest_values values;
	uint8_t wanted[SHA256_LEN];

	digest_end(d, &values);
	assert_true(values.known[DIGEST_SHA256]);
	assert_true(EVP_Digest(data, size, wanted, NULL, EVP_sha256(), NULL));
	assert_memory_equal(values.value[DIGEST_SHA256], wanted, SHA256_LEN);
	digest_free(d);
}

static void
test_one_go(void **state)
{
	static const bool both[DIGEST_KINDS] = {
	    [DIGEST_MD5] = true, [DIGEST_SHA256] = true};
	struct digest_values values;
	uint8_t all[DIGEST_MAX];
	struct digest *d;

	(void)state;
	assert_int_equal(digest_new(both, &d), 0);
	digest_add(d, data, 3);
	digest_add(d, data + 3, SIZE - 3);
	digest_end(d, &values);
	digest_free(d);
	assert_true(EVP_Digest(data, SIZE, all, NULL, EVP_md5(), NULL));
	assert_true(
	    EVP_Digest(data, SIZE, all + MD5_LEN, NULL, EVP_sha256(), NULL));
	assert_true(digest_is(&values, both, all, DIGEST_MAX));
	assert_false(digest_is(&values, both, all, DIGEST_MAX - 1));
	all[DIGEST_MAX - 1] ^= 1;
	assert_false(digest_is(&values, both, all, DIGEST_MAX));
}

/* At each byte of some blocks, and often. */
static void
test_put_down(void **state)
{
	static const bool sha256[DIGEST_KINDS] = {[DIGEST_SHA256] = true};
	uint8_t saved[DIGEST_STATE], again[DIGEST_STATE];
	struct digest *d;

	(void)state;
	assert_int_equal(digest_new(sha256, &d), 0);
	digest_save(d, saved);
	digest_free(d);
	for (size_t at = 0; at <= SIZE; at++) {
		assert_int_equal(digest_state_len(saved), at);
		assert_int_equal(digest_resume(saved, at, &d), 0);
		digest_save(d, again);
		assert_memory_equal(again, saved, DIGEST_STATE);
		check(d, at);
		assert_int_equal(digest_resume(saved, at, &d), 0);
		if (at < SIZE)
			digest_add(d, data + at, 1);
		digest_save(d, saved);
		digest_add(d, data + at + (at < SIZE), SIZE - at - (at < SIZE));
		check(d, SIZE);
	}
}

/* More bits than 32 bits count. */
static void
test_much(void **state)
{
	static const bool sha256[DIGEST_KINDS] = {[DIGEST_SHA256] = true};
	size_t size = 1 << 20;
	uint8_t *zeros = calloc(1, size), saved[DIGEST_STATE];
	struct digest_values straight, resumed;
	struct digest *d, *other;

	(void)state;
	assert_non_null(zeros);
	assert_int_equal(digest_new(sha256, &d), 0);
	for (int i = 0; i < 600; i++)
		digest_add(d, zeros, size);
	digest_save(d, saved);
	assert_int_equal(digest_resume(saved, 600 * size, &other), 0);
	digest_add(d, zeros, 77);
	digest_add(other, zeros, 77);
	digest_end(d, &straight);
	digest_end(other, &resumed);
	assert_memory_equal(straight.value[DIGEST_SHA256],
	    resumed.value[DIGEST_SHA256], SHA256_LEN);
	digest_free(d);
	digest_free(other);
	free(zeros);
}

/* What is kept in a row, and what is none. */
static void
test_packed(void **state)
{
	struct digest_values values = {0}, got = {0};
	uint8_t packed[DIGEST_PACKED];
	size_t len;

	(void)state;
	assert_int_equal(digest_pack(&values, packed), 0);
	assert_true(digest_unpack(NULL, 0, &got));
	/* these have columns of their own */
	values.known[DIGEST_MD5] = values.known[DIGEST_SHA256] = true;
	assert_int_equal(digest_pack(&values, packed), 0);
	values.known[DIGEST_SHA256_PARTS] = true;
	memcpy(values.value[DIGEST_SHA256_PARTS], data, SHA256_LEN);
	len = digest_pack(&values, packed);
	assert_true(digest_unpack(packed, len, &got));
	assert_true(got.known[DIGEST_SHA256_PARTS]);
	assert_false(got.known[DIGEST_SHA256] || got.known[DIGEST_MD5]);
	assert_memory_equal(got.value[DIGEST_SHA256_PARTS], data, SHA256_LEN);
	assert_false(digest_unpack(packed, len - 1, &got));
	packed[0] = 99;
	assert_false(digest_unpack(packed, len, &got));
	packed[0] = 0;
	assert_false(digest_unpack(packed, len, &got));
}

static void
test_no_state(void **state)
{
	uint8_t saved[DIGEST_STATE] = {0};
	struct digest *d;

	(void)state;
	assert_int_equal(digest_resume(saved, 1, &d), -EBADMSG);
	memset(saved, 0xff, sizeof(saved));
	assert_int_equal(digest_resume(saved, UINT64_MAX, &d), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_go),
	    cmocka_unit_test(test_put_down),
	    cmocka_unit_test(test_much),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_no_state),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
