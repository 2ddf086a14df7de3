/*
 * A bit that rots in a whole copy of the catalogue where SQLite cannot see it, in
 * somebody's name: it comes from the other copy, block by block, and where both
 * are bad there it is said, and not made up.
 */
#include "tests/unit/storaged_ledger_lab.h"

#define FOLDERS 9000U /* some MiB of names */
#define NAME    "a-folder-whose-name-is-long-enough-to-fill-a-page-soon"

static void
on_made(const struct nx_reply *r, void *arg)
{
	assert_int_equal(r->status, NX__STATUS__OK);
	++*(unsigned *)arg;
}

/* Many at once; in few transactions. */
static void
make_names(void)
{
	unsigned made = 0;
	struct nx_call_opts opts = lab_opts(7);
	char path[128];

	for (unsigned i = 0; i < FOLDERS; i++) {
		Nx__MkdirRequest q = NX__MKDIR_REQUEST__INIT;

		(void)snprintf(path, sizeof(path), "/%05u-" NAME, i);
		q.path = path;
		assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
		    (struct nx_ask){
			NX_ROLE_STORAGE, NX__METHOD__FS_MKDIR, &q.base},
		    &opts, on_made, &made));
		while (made + 32 < i)
			event_base_loop(lab.base, EVLOOP_ONCE);
	}
	while (made < FOLDERS)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

/* A check's copy is a base with all of them. */
static void
renew(void)
{
	uint64_t run = check_begin(lab.s.check, false);

	for (int i = 0; check_status(lab.s.check)->over < run; i++) {
		assert_true(i < 60000);
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	await_copies(2);
}

/* The base of @node. */
static int
open_base(const char *node, size_t *ret_size)
{
	char command[400], path[300] = "";
	struct stat st;
	FILE *f;
	int fd;

	(void)snprintf(command, sizeof(command),
	    "ls %s/storage/mnt/%s/chunks/.catalogue/base.* | grep -v sum",
	    lab.dir, node);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(path, sizeof(path), f));
	(void)pclose(f);
	path[strcspn(path, "\n")] = '\0';
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ret_size = (size_t)st.st_size;
	return fd;
}

/* A letter of the first name there is in block @block becomes another. */
static void
rot(const char *node, unsigned block)
{
	size_t size, from = (size_t)block * LEDGER_BLOCK;
	int fd = open_base(node, &size);
	char *bytes = malloc(LEDGER_BLOCK), *at;
	ssize_t n = pread(fd, bytes, LEDGER_BLOCK, (off_t)from);

	assert_true(n > 0);
	at = memmem(bytes, (size_t)n, NAME, strlen(NAME));
	assert_non_null(at);
	at[3] ^= 1;
	assert_int_equal(
	    pwrite(fd, at + 3, 1, (off_t)from + (at + 3 - bytes)), 1);
	close(fd);
	free(bytes);
}

static size_t
blocks(void)
{
	size_t size;

	close(open_base("base-1", &size));
	return (size + LEDGER_BLOCK - 1) / LEDGER_BLOCK;
}

static void
lose(char **ret_was)
{
	char path[160];

	lab_stop();
	db_path(path, ".was");
	copy_database(path);
	*ret_was = dump(path);
	lose_database();
}

static void
expect(const char *was)
{
	char path[160], *now;

	db_path(path, "");
	now = dump(path);
	assert_string_equal(was, now);
	free(now);
}

static void
setup_names(void)
{
	await_copies(1);
	second_volume();
	make_names();
	renew();
	assert_true(blocks() >= 2);
}

static void
test_each_from_the_other(void **state)
{
	char *was;

	(void)state;
	setup_names();
	/* whichever is taken first is bad somewhere */
	for (unsigned i = 0; i < blocks() - 1; i++)
		rot(i % 2 ? "base-1" : "base-2", i);
	rot("base-1", 1);
	lose(&was);
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	assert_int_equal(last_rescue.found, 0);
	expect(was);
	free(was);
	lab_start();
}

static void
test_same_in_both(void **state)
{
	char path[160], *was;

	(void)state;
	setup_names();
	rot("base-1", 1);
	rot("base-2", 1);
	lose(&was);
	assert_int_not_equal(rebuild(false), 0);
	assert_non_null(strstr(last_rescue.text, "damaged"));
	/* nothing was put in its place */
	db_path(path, "");
	assert_int_equal(access(path, F_OK), -1);
	free(was);
	/* for the end of the test */
	db_path(path, ".was");
	{
		char now[160];

		db_path(now, "");
		assert_int_equal(rename(path, now), 0);
	}
	lab_start();
}

#define L(f) cmocka_unit_test_setup_teardown(f, ledger_lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_each_from_the_other),
	    L(test_same_in_both),
	};

	LAB_OR_SKIP("storaged_ledger_rot");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
