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

#define SIZE 4096

struct run {
	uint32_t replicas;
	unsigned files, begun, done;
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
	char name[32];

	if (run->begun == run->files)
		return;
	snprintf(name, sizeof(name), "f%u", run->begun++);
	q.name = name;
	q.size = SIZE;
	q.replicas = run->replicas;
	q.content.data = data;
	q.content.len = SIZE;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN], nx_ask_file_put(&q),
	    &opts, on_stored, run));
}

static double
now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
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
		double began = now(CLOCK_MONOTONIC);
		double loop = now(CLOCK_THREAD_CPUTIME_ID);

		for (unsigned i = 0; i < at_once; i++)
			begin(&run);
		while (run.done < files)
			event_base_loop(lab.base, EVLOOP_ONCE);
		loop = now(CLOCK_THREAD_CPUTIME_ID) - loop;
		printf("%u threads, %u at once, %u replica%s: %.0f files/s, "
		       "loop and client %.0f us each\n",
		    threads, at_once, replicas, replicas > 1 ? "s" : "",
		    files / (now(CLOCK_MONOTONIC) - began), loop / files * 1e6);
		fflush(stdout);
	}
	return lab_teardown(NULL);
}
