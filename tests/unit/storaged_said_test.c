/*
 * What readers find is said once and again when it changes, not each time that
 * somebody reads.
 */
#include <sys/mman.h>

#include "storaged/care/said.h"
#include "storaged_lab.h"

#define MIB (1024 * 1024)

/* How often @what is in what is written to stderr by reading @id @n times. */
static unsigned
said_while_reading(const char *id, const char *what, int n)
{
	static char lines[1 << 18];
	int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	unsigned said = 0;
	ssize_t len;

	assert_true(dup2(log, STDERR_FILENO) >= 0);
	for (int i = 0; i < n; i++) {
		(void)lab_read(1, id, NULL, 0, 10, NULL);
		lab_settle();
	}
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	len = pread(log, lines, sizeof(lines) - 1, 0);
	close(log);
	assert_true(len >= 0);
	lines[len] = '\0';
	for (const char *at = lines; (at = strstr(at, what)); at++)
		said++;
	return said;
}

/* A user may read what is damaged for good as often as they like, and that does
 * not fill the administrator's log; it is counted. */
static void
test_said_once(void **state)
{
	struct lab_upload u = {.name = "f", .replicas = 2};
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk chunk;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(1, &u, data, MIB, id));
	lab_first_chunk(id, &chunk);
	for (size_t i = 0; i < 2; i++)
		lab_flip(volume_by_key(lab.s.volumes, chunk.volumes[i]),
		    chunk.id.text, 100);
	/* of each replica: that it is bad, and that nobody has it good */
	assert_in_range(said_while_reading(id, "event=bad-replica", 3), 2, 4);
	assert_int_equal(said_while_reading(id, "event=", 20), 0);
	assert_true(lab_status()->corrupt >= 46);
	free(data);
}

static void
test_ring(void **state)
{
	static struct said said;

	(void)state;
	assert_true(said_is_news(&said, 1, 1, 5));
	assert_false(said_is_news(&said, 1, 1, 5));
	assert_true(said_is_news(&said, 1, 2, 5));
	assert_true(said_is_news(&said, 1, 1, 6));
	assert_false(said_is_news(&said, 1, 1, 6));
	said_forget(&said, 1, 1);
	assert_true(said_is_news(&said, 1, 1, 6));
	/* the oldest falls out, and is news */
	for (int i = 0; i < SAID_MAX; i++)
		assert_true(said_is_news(&said, 100 + i, 1, 0));
	assert_false(said_is_news(&said, 100, 1, 0));
	assert_true(said_is_news(&said, 1, 2, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_said_once, lab_setup, lab_teardown),
	    cmocka_unit_test(test_ring),
	};

	LAB_OR_SKIP("what is said");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
