/*
 * Scrubbing and the check of the catalogue, of files with parity: what rots in a
 * part, of data or of parity, is found by one cycle and made of the others; what
 * is more than parity makes good is named.
 */
#include "storaged_scrub_lab.h"
#include "storaged_parity_lab.h"

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0) {
		lab_make_volumes(4);
		scrub_at(1ULL << 30);
	}
	return r;
}

static void
parts_of(const char *path, struct catalog_chunk parts[ERASURE_PARTS_MAX])
{
	struct catalog_chunk first;

	assert_true(lab_chunk_at(path, 0, &first));
	assert_int_equal(catalog_stripe(lab.s.catalog, &first, parts), 0);
}

static void
rot(const struct catalog_chunk *part, unsigned block)
{
	lab_flip(lab_volume_of(part), part->id.text,
	    lab_stored_at((off_t)block * CRC_BLOCK + 99));
}

/* A bit in each part at once, at different places. */
static void
test_flipped(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 13 * MIB + 77;
	uint8_t *data = lab_random(size);
	struct catalog_scrub cycle;

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	parts_of("/f", parts);
	for (unsigned i = 0; i < 3; i++)
		rot(&parts[i], 2 * i + 1);
	cycle = scrub();
	assert_int_equal(cycle.bad, 3);
	assert_int_equal(cycle.missing, 0);
	assert_int_equal(lab_status()->repaired, 3);
	assert_true(lab_is_whole("/f"));
	cycle = scrub();
	assert_int_equal(cycle.bad, 0);
	/* they are what they were: any one of them may go */
	parts_of("/f", parts);
	lab_lose_chunk(&parts[1]);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	assert_int_equal(lab_findings(), 0);
	free(data);
}

/* The file of a part is not there: each of six in turn. */
static void
test_missing(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 10 * MIB + 5;
	uint8_t *data = lab_random(size);

	(void)state;
	LAB_OK(lab_volume(lab_nodes[4], 64 * MIB));
	LAB_OK(lab_volume(lab_nodes[5], 64 * MIB));
	LAB_OK(lab_code_file("/f", "4+2", true, data, size));
	for (unsigned i = 0; i < 6; i++) {
		parts_of("/f", parts);
		lab_lose_chunk(&parts[i]);
		lab_lose_chunk(&parts[(i + 1) % 6]);
		assert_int_equal(scrub().missing, 2);
		assert_true(lab_is_whole("/f"));
		assert_int_equal(lab_check_stripes("/f"), 1);
		assert_int_equal(scrub().missing, 0);
	}
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	assert_int_equal(lab_findings(), 0);
	free(data);
}

/* The same block in two parts of three: named, and only as long as it is so. */
static void
test_too_much(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 10 * MIB;
	uint8_t *data = lab_random(size);
	struct catalog_file file;

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	parts_of("/f", parts);
	rot(&parts[0], 3);
	rot(&parts[2], 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(scrub().bad, 2);
		lab_file_at("/f", &file);
		assert_string_equal(condition(file.id), "damaged");
		assert_int_equal(lab_findings(), 0);
	}
	LAB_OK(lab_read(7, NULL, "/f", 5 * MIB, 1000, data));
	/* one of them comes back: then there are enough for the other */
	rot(&parts[2], 3);
	assert_int_equal(scrub().bad, 1);
	assert_string_equal(condition(file.id), "good");
	assert_int_equal(scrub().bad, 0);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	assert_int_equal(lab_findings(), 0);
	free(data);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, scrub_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_flipped),
	    T(test_missing),
	    T(test_too_much),
	};

	LAB_OR_SKIP("care for files with parity");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
