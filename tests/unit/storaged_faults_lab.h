/*
 * One table of operations, and what each is put through: the Nth call of a kind
 * fails, N = 1, 2, ... until none is left that could. After each: what was there
 * is there with its bytes, what failed has left nothing that can be seen, the
 * sums are right, a sentence is the answer, nothing is held, and the same
 * operation done again does what it does where nothing fails.
 *
 * Without INJECT=all in the environment a sample, the same each time.
 */
#ifndef STORAGED_FAULTS_LAB_H
#define STORAGED_FAULTS_LAB_H

#include <dirent.h>

#include "storaged_see.h"

struct operation {
	const char *name;
	void (*prepare)(void);   /* what it needs to be there; or NULL */
	Nx__Status (*run)(void); /* once more as well */
	void (*undo)(void);      /* as before prepare, whichever came of it */
	/* It may be refused though it was done: asked again it says so. */
	bool either;
	/* Is it done? For what has no answer; or NULL. */
	bool (*done)(void);
	bool orphan;  /* a trial that cannot be removed is for the sweep */
	unsigned all; /* kinds (1U << FAULT_...) of which no case is left out */
};
#define OPERATION(n, before, what, after, ...)                   \
	{                                                        \
		.name = (n), .prepare = (before), .run = (what), \
		.undo = (after), __VA_ARGS__                     \
	}

/* --- what is held -----------------------------------------------------------*/

struct census {
	uint32_t fds, threads, mounts, loops, replicas;
	uint32_t names; /* a sum over those of files that no catalogue knows */
};

static inline unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d))) {
		char path[256] = "";

		if (readlinkat(dirfd(d), e->d_name, path, sizeof(path) - 1) < 0)
			continue;
		/* a segment may be open or not, and so may a log */
		n += !strstr(path, "/.segments") && !strstr(path, "/.catalog");
	}
	closedir(d);
	return n;
}

static inline unsigned
count_lines(const char *path, const char *with)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, with) != NULL;
	if (f)
		fclose(f);
	return n;
}

static inline unsigned
count_threads(void)
{
	char line[64] = "";
	unsigned n = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		(void)!sscanf(line, "Threads: %u", &n);
	if (f)
		fclose(f);
	return n;
}

static inline unsigned
count_loops(void)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		char path[300];

		(void)snprintf(path, sizeof(path),
		    "/sys/block/%s/loop/backing_file", e->d_name);
		if (strncmp(e->d_name, "loop", 4) == 0)
			n += count_lines(path, lab.dir);
	}
	closedir(d);
	return n;
}

static struct census counting;

static inline int
count_name(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	uint32_t sum = 5381;

	(void)st;
	/* Chunks are counted, and segments are the store's own. */
	if (flag == FTW_D || strlen(name) == NX_ID_LEN ||
	    strstr(path, "/.segments/") || strstr(path, "/.catalogue/"))
		return 0;
	for (; *path; path++)
		sum = sum * 33 + (uint8_t)*path;
	counting.names += sum;
	if (getenv("LAB_DEBUG"))
		printf("# file %s\n", path - strlen(name));
	return 0;
}

static inline struct census
take_census(void)
{
	char path[128];

	counting = (struct census){.fds = count_fds(),
	    .threads = count_threads(),
	    .mounts = count_lines("/proc/self/mountinfo", lab.dir),
	    .loops = count_loops(),
	    .replicas = (uint32_t)lab_chunk_files()};
	(void)snprintf(path, sizeof(path), "%s/storage", lab.dir);
	nftw(path, count_name, 16, FTW_PHYS);
	(void)snprintf(path, sizeof(path), "%s/volumes", lab.dir);
	nftw(path, count_name, 16, FTW_PHYS);
	return counting;
}

/* --- a case -----------------------------------------------------------------*/

static const struct operation *now; /* and what it is put through */
static struct {
	char *before, *after, *empty;
	struct census census;
	int counts[FAULT_KINDS];
} good; /* where nothing fails */

#define CASE_FAIL(format, ...)                                                 \
	fail_msg("%s, %s %d, %s: " format, now->name, fault_names[fault.kind], \
	    fault.nth, strerror(fault.error), ##__VA_ARGS__)

/* A failed sync makes a volume suspect, as it should; trust it again. */
static inline void
trust_all(void)
{
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		v->suspect = false;
}

static inline void
case_settle(void)
{
	lab_settle();
	collector_kick(lab.s.collector);
	lab_settle();
}

static inline void
expect(const char *what, const char *expected)
{
	char *text = see();

	if (strcmp(text, expected) != 0)
		CASE_FAIL("%s:\n%sand not\n%s", what, text, expected);
	free(text);
}

static inline void
expect_nothing_held(void)
{
	struct census c = take_census();

	/* what could not be removed is tried again after a while */
	for (int i = 0; i < 400 && memcmp(&c, &good.census, sizeof(c)) != 0;
	     i++) {
		if (i % 40 == 39)
			fault_skip(31);
		if (i % 100 == 99 && now->orphan) {
			fault_skipped_wall += 8 * 86400;
			collector_sweep(lab.s.collector);
		}
		lab_settle();
		c = take_census();
	}
	if (memcmp(&c, &good.census, sizeof(c)) != 0)
		CASE_FAIL("held: fds %u (%u) threads %u (%u) mounts %u (%u) "
			  "loops %u (%u) replicas %u (%u) names %d",
		    c.fds, good.census.fds, c.threads, good.census.threads,
		    c.mounts, good.census.mounts, c.loops, good.census.loops,
		    c.replicas, good.census.replicas,
		    c.names == good.census.names);
	if (lab_status()->uploads != 0)
		CASE_FAIL("an upload is left");
}

static inline void
expect_sentence(Nx__Status status)
{
	if (status != NX__STATUS__OK && now->run != NULL &&
	    (strlen(reply.error) < 12 || !strchr(reply.error, ' ')))
		CASE_FAIL("status %d, \"%s\"", (int)status, reply.error);
}

/* It failed, or did not: nothing in between. */
static inline bool
expect_one_or_other(Nx__Status status)
{
	char *text;
	bool is_after;

	if (status == NX__STATUS__OK && !now->done) {
		expect("done", good.after);
		return true;
	}
	if (!now->either) {
		expect("refused", good.before);
		return false;
	}
	text = see();
	is_after = strcmp(text, good.after) == 0;
	if (!is_after && strcmp(text, good.before) != 0)
		CASE_FAIL("neither:\n%s", text);
	free(text);
	return is_after && strcmp(good.after, good.before) != 0;
}

static inline void
prepare(void)
{
	if (now->prepare)
		now->prepare();
	case_settle();
}

/* Counts what it calls, and how it is when all goes well. */
static inline void
run_well(void)
{
	good.empty = see();
	prepare();
	good.before = see();
	fault_arm(FAULT_KINDS, 0, 0);
	LAB_OK(now->run());
	lab_settle();
	(void)fault_disarm();
	memcpy(good.counts, fault.seen, sizeof(good.counts));
	good.after = see();
	now->undo();
	case_settle();
	expect("undone", good.empty);
	good.census = take_census();
}

/* What a full disk has been given for deletions is there again. */
static inline void
await_reserve(void)
{
	for (int i = 0; i < 20 && !reserve_held(lab.s.reserve); i++) {
		fault_skip(31);
		lab_settle();
	}
	if (!reserve_held(lab.s.reserve))
		CASE_FAIL("only deleting works");
}

static inline bool
run_case(enum fault_kind kind, int nth, int error)
{
	Nx__Status status;
	bool struck;

	prepare();
	fault_arm(kind, nth, error);
	status = now->run();
	lab_settle();
	struck = fault_disarm();
	expect_sentence(status);
	await_reserve();
	trust_all();
	if (!expect_one_or_other(status) || now->done) {
		status = now->run();
		if (status != NX__STATUS__OK)
			CASE_FAIL("once more: %d %s", (int)status, reply.error);
		lab_settle();
		if (now->done && !now->done())
			CASE_FAIL("once more: it is not done");
		expect("once more", good.after);
	}
	now->undo();
	case_settle();
	expect("undone", good.empty);
	expect_nothing_held();
	return struck;
}

static const struct {
	enum fault_kind kind;
	int error;
} faults[] = {
    {FAULT_WRITE, EIO},
    {FAULT_WRITE, ENOSPC},
    {FAULT_SYNC, EIO},
    {FAULT_SYNC, ENOSPC},
    {FAULT_OPEN, EMFILE},
    {FAULT_OPEN, ENOMEM},
    {FAULT_OPEN, EIO},
    {FAULT_NAME, EIO},
    {FAULT_NAME, ENOSPC},
    {FAULT_READ, EIO},
    {FAULT_DEVICE, EIO},
    {FAULT_DEVICE, ENOMEM},
    {FAULT_MMAP, ENOMEM},
    {FAULT_MEMORY, ENOMEM},
    {FAULT_STEP, ENOSPC},
    {FAULT_STEP, ENOMEM},
};

/* With all, each N until one passes untouched; else some of those there are. */
static inline unsigned
run_fault(size_t i, unsigned salt)
{
	bool all = getenv("INJECT") && strcmp(getenv("INJECT"), "all") == 0;
	enum fault_kind kind = faults[i].kind;
	unsigned most = (unsigned)good.counts[kind], n = 0;

	if (all || (now->all >> kind & 1)) {
		while (run_case(kind, (int)n + 1, faults[i].error))
			n++;
	} else if (most > 0 && (salt + i) % 4 == 0) {
		(void)run_case(kind, 1 + (int)((salt * 7 + i * 5) % most),
		    faults[i].error);
		n++;
	}
	return n;
}

/* The sums of all tables, counted anew. */
static inline void
expect_no_findings(void)
{
	uint64_t run = check_begin(lab.s.check, false);

	while (check_status(lab.s.check)->over < run)
		lab_settle();
	if (check_status(lab.s.check)->found > 0 ||
	    check_status(lab.s.check)->error)
		CASE_FAIL("the catalogue disagrees");
}

static inline void
run_operations(const struct operation *ops, size_t n)
{
	const char *only = getenv("INJECT_ONLY");

	for (size_t k = 0; k < n; k++) {
		unsigned cases = 0;

		now = &ops[k];
		if (only && strcmp(only, now->name) != 0)
			continue;
		run_well();
		for (size_t i = 0; i < NX_ARRAY_SIZE(faults); i++)
			cases += run_fault(i, (unsigned)k);
		expect_no_findings();
		printf("# %s: %u cases;", now->name, cases);
		for (int i = 0; i < FAULT_KINDS; i++)
			printf(" %s %d", fault_names[i], good.counts[i]);
		printf("\n");
		free(good.empty);
		free(good.before);
		free(good.after);
	}
}

#endif
