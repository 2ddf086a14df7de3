/*
 * The threads that append, and one eventfd: queues that have something to write
 * go into a list, a thread takes the first, writes a batch of it, and puts it to
 * the end if more has come meanwhile. So no volume waits for another's disk as
 * long as there are threads, and none is written by two.
 */
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/segment.h"

#define BATCH_RECORDS 256
#define BATCH_BYTES   (1U << 20)

struct segment_writers {
	pthread_mutex_t mutex;
	pthread_cond_t wake, over; /* over: of those who wait themselves */
	STAILQ_HEAD(, segment_queue) ready;
	struct chunk_appends finished;
	size_t pending; /* loop's thread only */
	bool stop;
	int eventfd;
	struct event *event;
	unsigned n_threads;
	pthread_t threads[];
};

void
segment_queue_init(struct segment_queue *q, struct segment_writers *w,
    void (*write_batch)(struct segment_queue *q, struct chunk_appends *batch))
{
	*q = (struct segment_queue){.writers = w, .write = write_batch};
	STAILQ_INIT(&q->waiting);
}

/* --- in a writer's thread ---------------------------------------------------*/

static void
take_batch(struct segment_queue *q, struct chunk_appends *ret_batch)
{
	struct chunk_append *a;
	uint64_t bytes = 0;

	for (unsigned n = 0; n < BATCH_RECORDS; n++) {
		a = STAILQ_FIRST(&q->waiting);
		if (!a)
			break;
		bytes += segment_record_span(a->n_bytes);
		if (n > 0 && bytes > BATCH_BYTES)
			break;
		STAILQ_REMOVE_HEAD(&q->waiting, entry);
		STAILQ_INSERT_TAIL(ret_batch, a, entry);
	}
}

static void
hand_back(struct segment_writers *w, struct chunk_appends *batch)
{
	bool was_empty = STAILQ_EMPTY(&w->finished);
	struct chunk_append *a;
	uint64_t one = 1;

	while ((a = STAILQ_FIRST(batch))) {
		STAILQ_REMOVE_HEAD(batch, entry);
		if (a->done)
			STAILQ_INSERT_TAIL(&w->finished, a, entry);
		else
			a->over = true; /* and the caller's again */
	}
	pthread_cond_broadcast(&w->over);
	if (was_empty && !STAILQ_EMPTY(&w->finished))
		(void)!write(w->eventfd, &one, sizeof(one));
}

/* With the mutex held, but not while it writes. */
static void
serve(struct segment_writers *w, struct segment_queue *q)
{
	struct chunk_appends batch = STAILQ_HEAD_INITIALIZER(batch);

	take_batch(q, &batch);
	pthread_mutex_unlock(&w->mutex);
	q->write(q, &batch);
	pthread_mutex_lock(&w->mutex);
	/* Before anybody is told: they may free the store then. */
	q->busy = !STAILQ_EMPTY(&q->waiting);
	if (q->busy) {
		STAILQ_INSERT_TAIL(&w->ready, q, entry);
		pthread_cond_signal(&w->wake);
	}
	hand_back(w, &batch);
}

static void *
thread_main(void *arg)
{
	struct segment_writers *w = arg;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		struct segment_queue *q = STAILQ_FIRST(&w->ready);

		if (!q && w->stop)
			break;
		if (!q) {
			pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		STAILQ_REMOVE_HEAD(&w->ready, entry);
		serve(w, q);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* --- asking -----------------------------------------------------------------*/

static void
enqueue(struct segment_queue *q, struct chunk_append *a)
{
	struct segment_writers *w = q->writers;

	nx_assert(a->n_bytes > 0 && a->n_bytes <= SEGMENT_DATA_MAX);
	a->over = false;
	STAILQ_INSERT_TAIL(&q->waiting, a, entry);
	if (q->busy)
		return;
	q->busy = true;
	STAILQ_INSERT_TAIL(&w->ready, q, entry);
	pthread_cond_signal(&w->wake);
}

static void
write_alone(struct segment_queue *q, struct chunk_append *a)
{
	struct chunk_appends batch = STAILQ_HEAD_INITIALIZER(batch);

	STAILQ_INSERT_TAIL(&batch, a, entry);
	q->write(q, &batch);
}

void
segment_queue_add(struct segment_queue *q, struct chunk_append *a)
{
	struct segment_writers *w = q->writers;

	nx_assert(a->done);
	if (!w) {
		write_alone(q, a);
		a->done(a);
		return;
	}
	w->pending++;
	pthread_mutex_lock(&w->mutex);
	enqueue(q, a);
	pthread_mutex_unlock(&w->mutex);
}

int
segment_queue_add_wait(struct segment_queue *q, struct chunk_append *a)
{
	struct segment_writers *w = q->writers;

	a->done = NULL;
	if (!w) {
		write_alone(q, a);
		return a->result;
	}
	pthread_mutex_lock(&w->mutex);
	enqueue(q, a);
	while (!a->over)
		pthread_cond_wait(&w->over, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
	return a->result;
}

/* --- the pool ---------------------------------------------------------------*/

static void
run_finished(struct segment_writers *w)
{
	struct chunk_appends finished = STAILQ_HEAD_INITIALIZER(finished);
	struct chunk_append *a;

	pthread_mutex_lock(&w->mutex);
	STAILQ_CONCAT(&finished, &w->finished);
	pthread_mutex_unlock(&w->mutex);
	while ((a = STAILQ_FIRST(&finished))) {
		STAILQ_REMOVE_HEAD(&finished, entry);
		nx_assert(w->pending > 0);
		w->pending--;
		a->done(a);
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
start_threads(struct segment_writers *w, unsigned threads)
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
segment_writers_new(struct event_base *base, unsigned threads,
    struct segment_writers **ret_writers)
{
	struct segment_writers *w =
	    calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	int r;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_cond_init(&w->over, NULL);
	STAILQ_INIT(&w->ready);
	STAILQ_INIT(&w->finished);
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
		segment_writers_free(w);
		return r;
	}
	*ret_writers = w;
	return 0;
}

struct segment_writers *
segment_writers_free(struct segment_writers *w)
{
	if (!w)
		return NULL;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	for (unsigned i = 0; i < w->n_threads; i++)
		(void)pthread_join(w->threads[i], NULL);
	run_finished(w);
	nx_assert(w->pending == 0);
	if (w->event)
		event_free(w->event);
	nx_close(&w->eventfd);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->over);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	return NULL;
}

size_t
segment_writers_pending(const struct segment_writers *w)
{
	return w->pending;
}
