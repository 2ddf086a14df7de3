/*
 * A pool of threads and one eventfd: jobs go in under a mutex, finished jobs
 * come back to the loop's thread, where their `done` runs.
 */
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/workers.h"

STAILQ_HEAD(jobs, nx_job);

/* One of nx_workers_submit: the pool's own. */
struct submitted {
	struct nx_job job;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
	struct nx_workers *workers;
};

struct nx_workers {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct jobs waiting, finished;
	size_t n_waiting, queue_max;
	size_t pending; /* waiting, at work, or to be told */
	bool stop;
	int eventfd;
	struct event *event;
	unsigned n_threads;
	pthread_t threads[];
};

/* With the mutex. */
static void
over(struct nx_workers *w)
{
	nx_assert(w->pending > 0);
	w->pending--;
}

static void *
thread_main(void *arg)
{
	struct nx_workers *w = arg;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		struct nx_job *job = STAILQ_FIRST(&w->waiting);

		if (!job && w->stop)
			break;
		if (!job) {
			pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		STAILQ_REMOVE_HEAD(&w->waiting, entry);
		nx_assert(w->n_waiting > 0);
		w->n_waiting--;
		pthread_mutex_unlock(&w->mutex);
		job->work(job->arg); /* whose it is then is its own affair */
		pthread_mutex_lock(&w->mutex);
		over(w);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void
run_finished(struct nx_workers *w)
{
	struct jobs finished = STAILQ_HEAD_INITIALIZER(finished);
	struct nx_job *job;

	pthread_mutex_lock(&w->mutex);
	STAILQ_CONCAT(&finished, &w->finished);
	pthread_mutex_unlock(&w->mutex);
	while ((job = STAILQ_FIRST(&finished))) {
		STAILQ_REMOVE_HEAD(&finished, entry);
		job->done(job->arg);
		pthread_mutex_lock(&w->mutex);
		over(w);
		pthread_mutex_unlock(&w->mutex);
	}
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	run_finished(arg);
}

/* Signals belong to the loop's thread. */
static int
start_threads(struct nx_workers *w, unsigned threads)
{
	sigset_t all, old;
	int r = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	while (w->n_threads < threads && r == 0) {
		r = pthread_create(
		    &w->threads[w->n_threads], NULL, thread_main, w);
		if (r == 0)
			w->n_threads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int
nx_workers_new(struct event_base *base, unsigned threads, size_t queue_max,
    struct nx_workers **ret_workers)
{
	struct nx_workers *w =
	    calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	int r;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->wake, NULL);
	STAILQ_INIT(&w->waiting);
	STAILQ_INIT(&w->finished);
	w->queue_max = queue_max;
	w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->eventfd < 0 ? -errno : 0;
	if (r == 0) {
		w->event = event_new(
		    base, w->eventfd, EV_READ | EV_PERSIST, on_event, w);
		if (!w->event || event_add(w->event, NULL) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		r = start_threads(w, threads);
	if (r < 0) {
		nx_workers_free(w);
		return r;
	}
	*ret_workers = w;
	return 0;
}

struct nx_workers *
nx_workers_free(struct nx_workers *w)
{
	unsigned i;

	if (!w)
		return NULL;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	for (i = 0; i < w->n_threads; i++)
		(void)pthread_join(w->threads[i], NULL);
	run_finished(w);
	if (w->event)
		event_free(w->event);
	nx_close(&w->eventfd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	return NULL;
}

void
nx_workers_begin(struct nx_workers *w, struct nx_job *job)
{
	pthread_mutex_lock(&w->mutex);
	STAILQ_INSERT_TAIL(&w->waiting, job, entry);
	w->n_waiting++;
	w->pending++;
	pthread_mutex_unlock(&w->mutex);
	/* Not before: whoever wakes would wait for the mutex. */
	pthread_cond_signal(&w->wake);
}

void
nx_workers_tell(struct nx_workers *w, struct nx_job *job)
{
	uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&w->mutex);
	first = STAILQ_EMPTY(&w->finished);
	STAILQ_INSERT_TAIL(&w->finished, job, entry);
	w->pending++;
	pthread_mutex_unlock(&w->mutex);
	/* Whoever finds jobs there has told the loop, which takes all. */
	if (first)
		(void)!write(w->eventfd, &one, sizeof(one));
}

static void
submitted_work(void *arg)
{
	struct submitted *s = arg;

	s->work(s->arg);
	nx_workers_tell(s->workers, &s->job);
}

static void
submitted_done(void *arg)
{
	struct submitted *s = arg;

	s->done(s->arg);
	free(s);
}

int
nx_workers_submit(struct nx_workers *w, void (*work)(void *arg),
    void (*done)(void *arg), void *arg)
{
	struct submitted *s;
	bool full;

	if (!w)
		return -EAGAIN;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct submitted){
	    .job = {.work = submitted_work, .done = submitted_done, .arg = s},
	    .work = work,
	    .done = done,
	    .arg = arg,
	    .workers = w};
	pthread_mutex_lock(&w->mutex);
	full = w->queue_max && w->n_waiting >= w->queue_max;
	pthread_mutex_unlock(&w->mutex);
	if (full) {
		free(s);
		return -EAGAIN;
	}
	nx_workers_begin(w, &s->job);
	return 0;
}

size_t
nx_workers_pending(struct nx_workers *w)
{
	size_t n;

	pthread_mutex_lock(&w->mutex);
	n = w->pending;
	pthread_mutex_unlock(&w->mutex);
	return n;
}
