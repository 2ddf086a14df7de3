/*
 * The queue: pauses grow and end with the mail, what was taken is on disk whatever
 * call fails, and each mail comes to one end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "authd/maild/queue.h"
#include "authd/maild/retry.h"
#include "common/err.h"
#include "common/log.h"

/* --- calls that fail, or end the program -------------------------------------*/

static int nth, seen; /* the @nth call of those below; 0: none */
static bool fatal;    /* it is the program's last, before or after it */
static bool after;

/* Negative: let it fail. */
static bool
strikes(void)
{
	return nth > 0 && ++seen == nth;
}

#define STRUCK(call)                         \
	({                                   \
		long r_;                     \
		bool now_ = strikes();       \
		if (now_ && fatal && !after) \
			_exit(9);            \
		if (now_ && !fatal) {        \
			errno = EIO;         \
			return -1;           \
		}                            \
		r_ = (call);                 \
		if (now_)                    \
			_exit(9);            \
		r_;                          \
	})

ssize_t
write(int fd, const void *data, size_t len)
{
	return STRUCK(syscall(SYS_write, fd, data, len));
}

int
fsync(int fd)
{
	return (int)STRUCK(syscall(SYS_fsync, fd));
}

int
renameat(int from, const char *a, int to, const char *b)
{
	return (int)STRUCK(syscall(SYS_renameat, from, a, to, b));
}

int
unlinkat(int fd, const char *name, int flags)
{
	return (int)STRUCK(syscall(SYS_unlinkat, fd, name, flags));
}

/* --- a server ---------------------------------------------------------------*/

struct world {
	char dir[64];
	struct event_base *base;
	struct maild_queue *q;
	/* what it answers, in turn; the last one again and again */
	int outcomes[8];
	unsigned n, started, cancelled, under_way, most;
	char text[512];
	uint64_t timeout_ms;
};

struct sent {
	struct world *w;
	struct event *ev;
	maild_result_fn *done;
	void *arg;
};

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct sent *s = arg;
	struct world *w = s->w;
	struct maild_result r = {.code = 451, .said = "451 not now"};

	(void)fd;
	(void)what;
	r.outcome = (__typeof__(r.outcome))w->outcomes[w->n];
	if (w->n + 1 < NX_ARRAY_SIZE(w->outcomes) && w->outcomes[w->n + 1] >= 0)
		w->n++;
	w->under_way--;
	event_free(s->ev);
	s->done(&r, s->arg);
	free(s);
}

static int
start(void *ctx, const struct maild_mail *mail, uint64_t timeout_ms,
    maild_result_fn *done, void *arg, void **ret_sending)
{
	struct world *w = ctx;
	struct sent *s = malloc(sizeof(*s));
	const struct timeval soon = {.tv_usec = 1000};

	assert_non_null(s);
	w->started++;
	if (++w->under_way > w->most)
		w->most = w->under_way;
	w->timeout_ms = timeout_ms;
	snprintf(w->text, sizeof(w->text), "%s", mail->text);
	assert_string_equal(mail->to, "ada@example.org");
	*s = (struct sent){w, evtimer_new(w->base, on_answer, s), done, arg};
	evtimer_add(s->ev, &soon);
	*ret_sending = s;
	return 0;
}

static void
cancel(void *sending)
{
	struct sent *s = sending;

	s->w->cancelled++;
	s->w->under_way--;
	event_free(s->ev);
	free(s);
}

static void
open_queue(struct world *w)
{
	const struct maild_queue_config config = {.base = w->base,
	    .from = "nexus@localhost",
	    .sender = {w, start, cancel},
	    .retry = {5, 40},
	    .keep = 20,
	    .parallel = 3,
	    .timeout_ms = 30000};
	char error[256];

	assert_int_equal(maild_queue_new(&config, w->dir, &w->q, error), 0);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	nth = seen = 0;
	fatal = after = false;
	strcpy(w->dir, "/tmp/nexus-queue-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	memset(w->outcomes, -1, sizeof(w->outcomes));
	w->outcomes[0] = MAILD_SENT;
	w->base = event_base_new();
	open_queue(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	nth = 0;
	maild_queue_free(w->q);
	event_base_free(w->base);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static uint64_t
wall(void)
{
	return nx_wall_us() / 1000000;
}

static int
add(struct world *w, uint64_t life)
{
	static const char text[] = "To: <ada@example.org>\n\n123456\n";
	const struct maild_mail mail = {.from = "nexus@localhost",
	    .to = "ada@example.org",
	    .subject = "A code",
	    .text = text,
	    .len = sizeof(text) - 1,
	    .expires_at = wall() + life};

	return maild_queue_add(w->q, &mail);
}

static struct maild_queue_stats
stats(struct world *w)
{
	struct maild_queue_stats s;

	maild_queue_stats(w->q, &s);
	return s;
}

/* Names in queue/: all, or those that are not finished. */
static unsigned
files(struct world *w, bool drafts)
{
	char path[128];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/queue", w->dir);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.' && (!drafts || e->d_name[0] == 't');
	closedir(d);
	return n;
}

static void
until_empty(struct world *w)
{
	while (stats(w).queued > 0)
		event_base_loop(w->base, EVLOOP_ONCE);
}

/* --- tests ------------------------------------------------------------------*/

/* With the clock in hand: each pause is between half and the whole of what it may
 * be, none goes beyond the end, and a mail of five minutes has its tries. */
static void
test_retry(void **state)
{
	const struct maild_retry retry = {5000, 900000};
	uint64_t now = 1000, end = now + 300000, next, most;
	unsigned tries;

	(void)state;
	for (tries = 1; now < end; tries++) {
		most = 5000ULL << (tries - 1);
		if (most > 37500)
			most = 37500;
		next = maild_retry_at(
		    &retry, tries, now, 300000, end, tries * 2654435761U);
		assert_true(next <= end);
		assert_true(next == end || next - now >= most / 2);
		assert_true(next - now <= most);
		now = next;
	}
	assert_in_range(tries, 9, 25);
	/* Never beyond, whatever it is asked. */
	assert_int_equal(maild_retry_at(&retry, 1, end, 300000, end, 7), end);
	assert_int_equal(
	    maild_retry_at(&retry, 1, end + 5, 300000, end, 7), end);
	assert_true(maild_retry_at(&retry, UINT32_MAX, 0, UINT64_MAX,
			UINT64_MAX, UINT32_MAX) <= 900000);
	assert_true(
	    maild_retry_at(&retry, 40, 0, UINT64_MAX, UINT64_MAX, 0) >= 450000);
}

static void
test_sent(void **state)
{
	struct world *w = *state;

	assert_int_equal(add(w, 300), 0);
	assert_int_equal(files(w, false), 1);
	until_empty(w);
	assert_int_equal(stats(w).sent, 1);
	assert_int_equal(files(w, false), 0);
	assert_non_null(strstr(w->text, "\n\n123456\n"));
	assert_int_equal(w->timeout_ms, 30000);
}

static void
test_later_and_never(void **state)
{
	struct world *w = *state;

	w->outcomes[0] = w->outcomes[1] = MAILD_LATER;
	w->outcomes[2] = MAILD_SENT;
	w->outcomes[3] = MAILD_NEVER;
	assert_int_equal(add(w, 300), 0);
	until_empty(w);
	assert_int_equal(w->started, 3);
	assert_string_equal(stats(w).last_error, "451 not now");
	assert_int_equal(add(w, 300), 0);
	until_empty(w);
	assert_int_equal(w->started, 4);
	assert_int_equal(stats(w).sent, 1);
	assert_int_equal(stats(w).failed, 1);
	assert_int_equal(files(w, false), 0);
}

static void
test_expires(void **state)
{
	struct world *w = *state;

	w->outcomes[0] = MAILD_LATER;
	assert_int_equal(add(w, 0), -ETIME);
	assert_int_equal(add(w, 1), 0);
	until_empty(w);
	assert_int_equal(stats(w).expired, 1);
	assert_int_equal(stats(w).sent, 0);
	assert_true(w->started > 1);
	assert_true(w->timeout_ms <= 1000);
	assert_int_equal(files(w, false), 0);
}

static void
test_bounded_and_dropped(void **state)
{
	struct world *w = *state;
	char id[NX_ID_LEN + 1];
	bool many;
	int i;

	w->outcomes[0] = MAILD_LATER;
	for (i = 0; i < 20; i++)
		assert_int_equal(add(w, 300), 0);
	assert_int_equal(add(w, 300), -ENOSPC);
	while (w->started < 20)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_true(w->most <= 3);
	assert_non_null(maild_queue_after(w->q, 19));
	assert_null(maild_queue_after(w->q, 20));
	memcpy(id, maild_queue_after(w->q, 0)->id, sizeof(id));
	assert_null(maild_queue_find(w->q, "zzzz", &many));
	assert_non_null(maild_queue_find(w->q, "", &many));
	assert_true(many);
	assert_int_equal(
	    maild_queue_drop(maild_queue_find(w->q, id, &many)), 0);
	assert_int_equal(files(w, false), 19);
	assert_null(maild_queue_find(w->q, id, &many));
	assert_true(maild_queue_flush(w->q) <= 19);
}

/* What is under way when it ends is tried again, and what expired meanwhile is not
 * delivered. */
static void
test_restart(void **state)
{
	struct world *w = *state;
	char path[128];
	int fd;

	assert_int_equal(add(w, 300), 0);
	assert_int_equal(add(w, 1), 0);
	event_base_loop(w->base, EVLOOP_ONCE);
	w->q = maild_queue_free(w->q);
	assert_int_equal(w->under_way, 0);
	assert_int_equal(files(w, false), 2);
	snprintf(path, sizeof(path),
	    "%s/queue/0123456789abcdef0123456789abcdef", w->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "not ours\n", 9), 9);
	close(fd);
	sleep(2); /* not a wait for something: a second has to pass */
	open_queue(w);
	assert_int_equal(stats(w).queued, 2);
	until_empty(w);
	assert_int_equal(stats(w).sent, 1);
	assert_int_equal(stats(w).expired, 1);
	assert_int_equal(files(w, false), 1); /* the strange one */
}

/* Each call fails once: told, and then nothing is left of it, or taken, and then
 * it arrives; never both, never twice. */
static void
test_every_call_fails(void **state)
{
	struct world *w = *state;
	unsigned sent = 0;
	int r;

	for (nth = 1; nth < 50; nth++) {
		seen = 0;
		r = add(w, 300);
		if (seen < nth)
			break; /* there are no more calls */
		nth = -nth;
		until_empty(w);
		nth = -nth;
		sent += r == 0;
		assert_int_equal(stats(w).sent, sent);
		assert_int_equal(files(w, false), 0);
	}
	assert_in_range(nth, 5, 20);
	nth = 0;
	until_empty(w);
}

/* Killed before or after each call: what a caller was told is there. */
static void
test_killed_at_every_call(void **state)
{
	struct world *w = *state;
	int status, i, k;
	pid_t pid;

	for (i = 1; i < 50; i++)
		for (k = 0; k < 2; k++) {
			pid = fork();
			if (pid == 0) {
				fatal = true;
				after = k;
				seen = 0;
				nth = i;
				_exit(add(w, 300) == 0 ? 0 : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status));
			w->q = maild_queue_free(w->q);
			w->started = 0;
			open_queue(w);
			assert_int_equal(files(w, true), 0);
			assert_int_equal(files(w, false), stats(w).queued);
			if (WEXITSTATUS(status) == 0)
				assert_int_equal(stats(w).queued, 1);
			until_empty(w);
			assert_true(w->started <= 1);
			if (WEXITSTATUS(status) == 0) {
				assert_in_range(i, 5, 20);
				return;
			}
		}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_retry),
	    T(test_sent),
	    T(test_later_and_never),
	    T(test_expires),
	    T(test_bounded_and_dropped),
	    T(test_restart),
	    T(test_every_call_fails),
	    T(test_killed_at_every_call),
	};

	nx_log_open("test", false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
