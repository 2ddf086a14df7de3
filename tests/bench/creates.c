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

struct one {
	struct run *run;
	unsigned number;
};

static void begin(struct run *run);

static void
on_finished(const struct nx_reply *r, void *arg)
{
	struct one *one = arg;
	struct run *run = one->run;

	if (r->status != NX__STATUS__OK)
		fail_msg("%s", r->error);
	free(one);
	run->done++;
	begin(run);
}

static void
on_opened(const struct nx_reply *r, void *arg)
{
	Nx__FinishUploadRequest q = NX__FINISH_UPLOAD_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);
	static const uint8_t data[SIZE];
	int fd;

	if (r->status != NX__STATUS__OK)
		fail_msg("%s", r->error);
	fd = nx_take_fd(&r->fds[0]);
	assert_int_equal(write(fd, data, SIZE), SIZE);
	nx_close(&fd);
	q.upload = nx_as_open_upload_reply(r->body)->upload;
	q.size = SIZE;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    nx_ask_file_finish_upload(&q), &opts, on_finished, arg));
}

static void
begin(struct run *run)
{
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);
	struct one *one;
	char name[32];

	if (run->begun == run->files)
		return;
	one = malloc(sizeof(*one));
	assert_non_null(one);
	*one = (struct one){run, run->begun++};
	snprintf(name, sizeof(name), "f%u", one->number);
	q.name = name;
	q.has_size = true;
	q.size = SIZE;
	q.replicas = run->replicas;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    nx_ask_file_open_upload(&q), &opts, on_opened, one));
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
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
	if (lab_setup(NULL) != 0)
		return 1;
	lab.s.io = nx_workers_free(lab.s.io);
	if (nx_workers_new(lab.base, threads, 0, &lab.s.io) < 0)
		return 1;
	LAB_OK(lab_volume(LAB_NODE("1"), 256ULL << 20));
	LAB_OK(lab_volume(LAB_NODE("2"), 256ULL << 20));
	for (uint32_t replicas = 1; replicas <= 2; replicas++) {
		struct run run = {.replicas = replicas, .files = files};
		double began = now();

		for (unsigned i = 0; i < at_once; i++)
			begin(&run);
		while (run.done < files)
			event_base_loop(lab.base, EVLOOP_ONCE);
		printf("%u threads, %u at once, %u replica%s: %.0f files/s\n",
		    threads, at_once, replicas, replicas > 1 ? "s" : "",
		    files / (now() - began));
		fflush(stdout);
	}
	return lab_teardown(NULL);
}
