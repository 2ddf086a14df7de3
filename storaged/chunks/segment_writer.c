/*
 * A queue that has something to write is a job of the pool: it writes one batch,
 * and goes to the end of the pool's line if more has come meanwhile. So no
 * volume waits for another's disk as long as there are threads, and none is
 * written by two.
 */
#include "common/err.h"
#include "storaged/chunks/segment.h"

#define BATCH_RECORDS 256
#define BATCH_BYTES   (1U << 20)

/* --- in a writer's thread ---------------------------------------------------*/

static void
take_batch(struct segment_queue *q, struct chunk_appends *ret_batch)
{
	struct chunk_append *a;
	uint64_t bytes = 0;

	pthread_mutex_lock(&q->mutex);
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
	pthread_mutex_unlock(&q->mutex);
}

/* With the mutex. */
static void
hand_back(struct segment_queue *q, struct chunk_appends *batch)
{
	bool was_empty = STAILQ_EMPTY(&q->finished);
	struct chunk_append *a;

	while ((a = STAILQ_FIRST(batch))) {
		STAILQ_REMOVE_HEAD(batch, entry);
		if (a->done)
			STAILQ_INSERT_TAIL(&q->finished, a, entry);
		else
			a->over = true; /* and the caller's again */
	}
	pthread_cond_broadcast(&q->over);
	if (was_empty && !STAILQ_EMPTY(&q->finished))
		nx_workers_tell(q->writers, &q->told);
}

static void
serve(void *arg)
{
	struct segment_queue *q = arg;
	struct chunk_appends batch = STAILQ_HEAD_INITIALIZER(batch);

	take_batch(q, &batch);
	q->write(q, &batch);
	pthread_mutex_lock(&q->mutex);
	/* Before anybody is told: they may free the queue then, as soon as the
	 * mutex can be had. */
	q->busy = !STAILQ_EMPTY(&q->waiting);
	if (q->busy)
		nx_workers_begin(q->writers, &q->job);
	hand_back(q, &batch);
	pthread_mutex_unlock(&q->mutex);
}

/* --- in the loop's ----------------------------------------------------------*/

static void
run_finished(void *arg)
{
	struct segment_queue *q = arg;
	struct chunk_appends finished = STAILQ_HEAD_INITIALIZER(finished);
	struct chunk_append *a;

	pthread_mutex_lock(&q->mutex);
	STAILQ_CONCAT(&finished, &q->finished);
	pthread_mutex_unlock(&q->mutex);
	/* The last of them may free the queue. */
	while ((a = STAILQ_FIRST(&finished))) {
		STAILQ_REMOVE_HEAD(&finished, entry);
		a->done(a);
	}
}

/* --- asking -----------------------------------------------------------------*/

/* With the mutex. */
static void
enqueue(struct segment_queue *q, struct chunk_append *a)
{
	nx_assert(a->n_bytes > 0 && a->n_bytes <= SEGMENT_DATA_MAX);
	a->over = false;
	STAILQ_INSERT_TAIL(&q->waiting, a, entry);
	if (q->busy)
		return;
	q->busy = true;
	nx_workers_begin(q->writers, &q->job);
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
	nx_assert(a->done);
	if (!q->writers) {
		write_alone(q, a);
		a->done(a);
		return;
	}
	pthread_mutex_lock(&q->mutex);
	enqueue(q, a);
	pthread_mutex_unlock(&q->mutex);
}

int
segment_queue_add_wait(struct segment_queue *q, struct chunk_append *a)
{
	a->done = NULL;
	if (!q->writers) {
		write_alone(q, a);
		return a->result;
	}
	pthread_mutex_lock(&q->mutex);
	enqueue(q, a);
	while (!a->over)
		pthread_cond_wait(&q->over, &q->mutex);
	pthread_mutex_unlock(&q->mutex);
	return a->result;
}

/* --- the queue --------------------------------------------------------------*/

void
segment_queue_init(struct segment_queue *q, struct nx_workers *writers,
    void (*write_batch)(struct segment_queue *q, struct chunk_appends *batch))
{
	*q = (struct segment_queue){.writers = writers,
	    .write = write_batch,
	    .job = {.work = serve, .arg = q},
	    .told = {.done = run_finished, .arg = q}};
	STAILQ_INIT(&q->waiting);
	STAILQ_INIT(&q->finished);
	pthread_mutex_init(&q->mutex, NULL);
	pthread_cond_init(&q->over, NULL);
}

void
segment_queue_fini(struct segment_queue *q)
{
	nx_assert(!q->busy && STAILQ_EMPTY(&q->waiting));
	nx_assert(STAILQ_EMPTY(&q->finished));
	pthread_cond_destroy(&q->over);
	pthread_mutex_destroy(&q->mutex);
}
