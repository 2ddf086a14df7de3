/*
 * Times things beside each other: A B C A B C ..., so that a machine whose
 * speed changes changes it for all of them alike.
 *
 *	timer [-s SECONDS] ROUNDS  NAME HOW COMMAND...  [-- NAME HOW ...]...
 *
 * HOW is `run`: a round is the command from before its start until it has been
 * reaped; or `ask`: the command is started once, and a round is the time from
 * a line written to it to the line "ok" it answers with. Both are timed here,
 * from outside, with one clock. -s ends after so many seconds even if rounds
 * are left. One more round, the first, is not counted.
 *
 * Prints a line of JSON per NAME, times in microseconds. It trusts its command
 * line; the first thing that fails ends it with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"

#define MAX_SUBJECTS 16

struct subject {
	const char *name;
	char **argv;
	bool ask;
	pid_t pid;     /* of what is asked */
	int to, from;  /* its stdin and stdout */
	double *times; /* microseconds */
	size_t n;
};

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void
give_up(const struct subject *s, const char *why)
{
	fprintf(stderr, "timer: %s: %s\n", s->name, why);
	exit(1);
}

/* Starts it with @in and @out; -1 stands for /dev/null. */
static pid_t
start(const struct subject *s, int in, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, 0);
	else
		posix_spawn_file_actions_addopen(
		    &actions, 0, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, 1);
	else
		posix_spawn_file_actions_addopen(
		    &actions, 1, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, s->argv[0], &actions, NULL, s->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		give_up(s, strerror(r));
	return pid;
}

static void
run_once(const struct subject *s)
{
	pid_t pid = start(s, -1, -1);
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up(s, strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		give_up(s, "it failed");
}

static void
ask_start(struct subject *s)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		give_up(s, strerror(errno));
	s->pid = start(s, in[0], out[1]);
	nx_close(&in[0]);
	nx_close(&out[1]);
	s->to = in[1];
	s->from = out[0];
}

static void
ask_once(const struct subject *s)
{
	char answer[256];
	size_t len = 0;
	ssize_t n;

	if (write(s->to, "\n", 1) != 1)
		give_up(s, "it takes no questions");
	do {
		n = read(s->from, answer + len, sizeof(answer) - 1 - len);
		if (n <= 0)
			give_up(s, "it ended");
		len += (size_t)n;
		answer[len] = '\0';
	} while (!strchr(answer, '\n') && len < sizeof(answer) - 1);
	if (strcmp(answer, "ok\n") != 0)
		give_up(s, answer);
}

/* The end of its input is what it ends on. */
static void
ask_end(struct subject *s)
{
	int status;

	nx_close(&s->to);
	nx_close(&s->from);
	if (waitpid(s->pid, &status, 0) != s->pid || status != 0)
		give_up(s, "it did not end well");
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The least value that at least @share of all do not exceed. */
static double
quantile(const struct subject *s, double share)
{
	size_t rank = (size_t)(share * (double)s->n);

	return s->times[rank < s->n ? rank : s->n - 1];
}

static void
report(struct subject *s, double elapsed_us)
{
	double sum = 0;

	qsort(s->times, s->n, sizeof(s->times[0]), compare);
	for (size_t i = 0; i < s->n; i++)
		sum += s->times[i];
	printf("{\"name\": \"%s\", \"n\": %zu, \"min\": %.0f, \"p50\": %.0f, "
	       "\"p99\": %.0f, \"max\": %.0f, \"mean\": %.0f, "
	       "\"elapsed\": %.0f}\n",
	    s->name, s->n, s->times[0], quantile(s, 0.5), quantile(s, 0.99),
	    s->times[s->n - 1], sum / (double)s->n, elapsed_us);
}

/* Cuts the command line at each "--". Returns the number of subjects. */
static size_t
parse(char **argv, int argc, size_t rounds, struct subject *subjects)
{
	size_t n = 0;

	for (int i = 0; i < argc && n < MAX_SUBJECTS; i++) {
		struct subject *s = &subjects[n++];
		int first = i;

		while (i < argc && strcmp(argv[i], "--") != 0)
			i++;
		argv[i] = NULL;
		if (i - first < 3)
			return 0;
		s->name = argv[first];
		s->ask = strcmp(argv[first + 1], "ask") == 0;
		s->argv = argv + first + 2;
		s->times = calloc(rounds, sizeof(s->times[0]));
		if (!s->times)
			give_up(s, "out of memory");
	}
	return n;
}

static void
one_round(struct subject *subjects, size_t n, bool counts)
{
	for (size_t i = 0; i < n; i++) {
		struct subject *s = &subjects[i];
		double before = now_us();

		if (s->ask)
			ask_once(s);
		else
			run_once(s);
		if (counts)
			s->times[s->n++] = now_us() - before;
	}
}

int
main(int argc, char **argv)
{
	static struct subject subjects[MAX_SUBJECTS];
	double limit_us = 1e12, started;
	size_t rounds, n = 0;
	int c;

	while ((c = getopt(argc, argv, "+s:")) == 's')
		limit_us = strtod(optarg, NULL) * 1e6;
	rounds = argc > optind ? strtoul(argv[optind], NULL, 10) : 0;
	if (c == -1 && rounds > 0)
		n = parse(
		    argv + optind + 1, argc - optind - 1, rounds, subjects);
	if (n == 0) {
		fprintf(stderr,
		    "usage: timer [-s SECONDS] ROUNDS NAME run|ask "
		    "COMMAND... [-- NAME ...]...\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < n; i++)
		if (subjects[i].ask)
			ask_start(&subjects[i]);
	one_round(subjects, n, false);
	started = now_us();
	for (size_t i = 0; i < rounds; i++) {
		one_round(subjects, n, true);
		if (now_us() - started > limit_us)
			break;
	}
	for (size_t i = 0; i < n; i++) {
		report(&subjects[i], now_us() - started);
		if (subjects[i].ask)
			ask_end(&subjects[i]);
	}
	return 0;
}
