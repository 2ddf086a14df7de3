/*
 * Making the catalogue anew while every call it makes fails once: it says why, or
 * ends, or goes on; nothing is held after it, and begun again it makes what there
 * was. INJECT=all in the environment for all of them.
 */
#include <dirent.h>
#include <sys/wait.h>

#include "storaged_faults.h"
#include "tests/unit/storaged_ledger_lab.h"

enum end { WELL = 50, STRUCK_WELL, REFUSED, NO_SENTENCE, HELD, UNTOUCHED_BAD };

static const struct {
	enum fault_kind kind;
	int error;
} faults[] = {
    {FAULT_WRITE, EIO},
    {FAULT_WRITE, ENOSPC},
    {FAULT_SYNC, EIO},
    {FAULT_OPEN, EMFILE},
    {FAULT_NAME, EIO},
    {FAULT_READ, EIO},
    {FAULT_DEVICE, EIO},
    {FAULT_MEMORY, ENOMEM},
    {FAULT_STEP, ENOMEM},
    {FAULT_STEP, EIO},
};

static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* In a process of its own. */
static enum end
rebuild_failing(enum fault_kind kind, int nth, int error)
{
	struct storaged *s = &lab.s;
	unsigned before = count_fds();
	bool struck;

	last_rescue =
	    (struct rescue){.s = s, .base = event_base_new(), .partial = false};
	before = count_fds();
	s->conf.common.state_dir = lab.dir;
	if (volumes_new(s, &s->volumes) != 0)
		_exit(99);
	fault_arm(kind, nth, error);
	fault.any = true;
	rescue_work(&last_rescue);
	struck = fault_disarm();
	s->volumes = volumes_free(s->volumes);
	if (count_fds() > before)
		return HELD;
	if (last_rescue.result == 0)
		return struck ? STRUCK_WELL : WELL;
	if (!struck)
		return UNTOUCHED_BAD;
	return strlen(last_rescue.text) > 5 ? REFUSED : NO_SENTENCE;
}

static int
rebuild_in_child(enum fault_kind kind, int nth, int error)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(120);
		_exit((int)rebuild_failing(kind, nth, error));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("%s %d, %s: signal %d", fault_names[kind], nth,
		    strerror(error), WTERMSIG(status));
	return WEXITSTATUS(status);
}

static char *was;

static void
expect_as_it_was(const char *when)
{
	char path[160], *now;
	size_t i = 0;

	db_path(path, "");
	now = dump(path);
	while (was[i] && was[i] == now[i])
		i++;
	if (was[i] != now[i])
		fail_msg("%s: %.200s and not %.200s", when,
		    now + (i > 60 ? i - 60 : 0), was + (i > 60 ? i - 60 : 0));
	free(now);
}

/* False: it passed untouched. */
static bool
fail_one(enum fault_kind kind, int nth, int error)
{
	char why[256];
	int end = rebuild_in_child(kind, nth, error);

	/* 1: the database ended the program, as it does */
	if (end != 1 && end != WELL && end != STRUCK_WELL && end != REFUSED)
		fail_msg("%s %d, %s: %d", fault_names[kind], nth,
		    strerror(error), end);
	if (rescue_needed(&lab.s, why) && rebuild(false) != 0)
		fail_msg("%s %d, %s, once more: %s", fault_names[kind], nth,
		    strerror(error), last_rescue.text);
	(void)snprintf(why, sizeof(why), "%s %d, %s: %d", fault_names[kind],
	    nth, strerror(error), end);
	expect_as_it_was(why);
	lose_database();
	return end != WELL;
}

static void
test_rebuild(void **state)
{
	bool all = getenv("INJECT") && strcmp(getenv("INJECT"), "all") == 0;
	char path[160];

	(void)state;
	await_copies(1);
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "/f%u/x", i);
		LAB_OK(lab_mkdir(7, path, true));
	}
	lab_stop();
	db_path(path, ".was");
	copy_database(path);
	was = dump(path);
	lose_database();
	for (size_t i = 0; i < NX_ARRAY_SIZE(faults); i++) {
		int nth = 1;

		while (fail_one(faults[i].kind, nth, faults[i].error) &&
		    (all || nth < 30))
			nth += all ? 1 : 1 + nth * 2;
		printf("# %s, %s: %d\n", fault_names[faults[i].kind],
		    strerror(faults[i].error), nth);
	}
	assert_int_equal(rebuild(false), 0);
	expect_as_it_was("at the end");
	free(was);
	lab_start();
	await_copies(1);
}

#define L(f) cmocka_unit_test_setup_teardown(f, ledger_lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_rebuild),
	};

	LAB_OR_SKIP("storaged_rebuild_faults");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
