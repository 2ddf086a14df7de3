/*
 * Small files per second, many at once, with one replica and with two: what
 * waiting for disks side by side is worth. The whole storage daemon but its
 * main, on ext4 volumes of its own, asked over one edge as the gateway asks.
 *
 *	creates [THREADS [FILES [AT-ONCE]]]
 *
 * Prints a line for each number of replicas. Needs root, as the unit tests of
 * storaged do.
 */
#include <time.h>

#include "tests/unit/storaged_lab.h"
#include "proto/storage.rpc.h"

#define SIZE  4096
#define READS 5 /* of each file */

struct run {
	uint32_t replicas;
	unsigned files, begun, done;
	unsigned there; /* that can be read */
};

static void begin(struct run *run);

static void
on_stored(const struct nx_reply *r, void *arg)
{
	struct run *run = arg;

	if (r->status != NX__STATUS__OK)
		fail_msg("%s", r->error);
	run->done++;
	begin(run);
}

static void
begin(struct run *run)
{
	static uint8_t data[SIZE];
	Nx__PutRequest q = NX__PUT_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);
	char path[32];

	if (run->begun == run->files)
		return;
	snprintf(path, sizeof(path), "/f%u-%u", run->replicas, run->begun++);
	q.path = path;
	q.size = SIZE;
	q.replicas = run->replicas;
	q.content.data = data;
	q.content.len = SIZE;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN], nx_ask_file_put(&q),
	    &opts, on_stored, run));
}

/* --- and reads of them ------------------------------------------------------*/

static void read_next(struct run *run);

static void
on_read(const struct nx_reply *r, void *arg)
{
	struct run *run = arg;

	if (r->status != NX__STATUS__OK)
		fail_msg("%s", r->error);
	assert_int_equal(nx_as_open_read_reply(r->body)->content.len, SIZE);
	run->done++;
	read_next(run);
}

static void
read_next(struct run *run)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);
	char path[32];

	if (run->begun == run->files)
		return;
	snprintf(path, sizeof(path), "/f%u-%u", run->replicas,
	    run->begun++ % run->there);
	q.path = path;
	q.max_segments = 1;
	q.in_reply = SIZE;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    nx_ask_file_open_read(&q), &opts, on_read, run));
}

static double
now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
measure(const char *what, struct run *run, unsigned at_once,
    void (*next)(struct run *run))
{
	double began = now(CLOCK_MONOTONIC);
	double loop = now(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < at_once; i++)
		next(run);
	while (run->done < run->files)
		event_base_loop(lab.base, EVLOOP_ONCE);
	loop = now(CLOCK_THREAD_CPUTIME_ID) - loop;
	printf("%s %.0f/s, loop and client %.0f us each", what,
	    run->files / (now(CLOCK_MONOTONIC) - began),
	    loop / run->files * 1e6);
}

int
main(int argc, char **argv)
{
	unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 32;
	unsigned files = argc > 2 ? (unsigned)atoi(argv[2]) : 3000;
	unsigned at_once = argc > 3 ? (unsigned)atoi(argv[3]) : 64;
	const char *why = lab_impossible();

	if (why) {
		printf("skipped: %s\n", why);
		return 0;
	}
	lab.tmpfs = getenv("LAB_TMPFS");
	if (lab_setup(NULL) != 0)
		return 1;
	lab.s.io = nx_workers_free(lab.s.io);
	if (nx_workers_new(lab.base, threads, 0, &lab.s.io) < 0)
		return 1;
	LAB_OK(lab_volume(LAB_NODE("1"), 256ULL << 20));
	LAB_OK(lab_volume(LAB_NODE("2"), 256ULL << 20));
	for (uint32_t replicas = 1; replicas <= 2; replicas++) {
		struct run run = {.replicas = replicas, .files = files};

		printf("%u threads, %u at once, %u replica%s: ", threads,
		    at_once, replicas, replicas > 1 ? "s" : "");
		measure("creates", &run, at_once, begin);
		run = (struct run){replicas, READS * files, .there = files};
		measure(", reads", &run, at_once, read_next);
		printf("\n");
		fflush(stdout);
	}
	return lab_teardown(NULL);
}
