/* See syncer.h. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "storaged/ledger/syncer.h"

#define END_MS 1000

struct syncer {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t go, done;
	struct syncer_job job;
	int result;
	bool written, busy, quit, gone;
};

static int
write_all(const struct syncer_job *job)
{
	const uint8_t *data = job->data;

	for (size_t done = 0; done < job->len;) {
		ssize_t n = pwrite(job->fd, data + done, job->len - done,
		    (off_t)(job->at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		done += (size_t)n;
	}
	return 0;
}

/* With the mutex, which it gives away meanwhile. */
static void
do_job(struct syncer *s)
{
	struct syncer_job job = s->job;
	int r;

	pthread_mutex_unlock(&s->mutex);
	r = write_all(&job);
	pthread_mutex_lock(&s->mutex);
	s->result = r;
	s->written = true;
	if (r == 0 && job.sync) {
		pthread_cond_signal(&s->done);
		pthread_mutex_unlock(&s->mutex);
		r = fdatasync(job.fd) < 0 ? -errno : 0;
		pthread_mutex_lock(&s->mutex);
		s->result = r;
	}
	s->busy = false;
	pthread_cond_signal(&s->done);
}

static void *
syncer_main(void *arg)
{
	struct syncer *s = arg;

	pthread_mutex_lock(&s->mutex);
	while (!s->quit) {
		if (s->busy)
			do_job(s);
		else
			pthread_cond_wait(&s->go, &s->mutex);
	}
	s->gone = true;
	pthread_cond_signal(&s->done);
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

int
syncer_new(struct syncer **ret_syncer)
{
	struct syncer *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!s)
		return -ENOMEM;
	(void)pthread_mutex_init(&s->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->go, NULL);
	(void)pthread_cond_init(&s->done, &attr);
	(void)pthread_condattr_destroy(&attr);
	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&s->thread, NULL, syncer_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		free(s);
	else
		*ret_syncer = s;
	return r;
}

static bool
wait_while(struct syncer *s, const bool *what, bool value, unsigned ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (*what == value)
		if (pthread_cond_timedwait(&s->done, &s->mutex, &until) ==
			ETIMEDOUT &&
		    *what == value)
			return false;
	return true;
}

struct syncer *
syncer_free(struct syncer *s)
{
	bool gone;

	if (!s)
		return NULL;
	pthread_mutex_lock(&s->mutex);
	s->quit = true;
	pthread_cond_signal(&s->go);
	gone = wait_while(s, &s->gone, false, END_MS);
	pthread_mutex_unlock(&s->mutex);
	if (gone) {
		(void)pthread_join(s->thread, NULL);
		free(s);
	} else
		(void)pthread_detach(s->thread); /* the process ends soon */
	return NULL;
}

void
syncer_begin(struct syncer *s, const struct syncer_job *job)
{
	pthread_mutex_lock(&s->mutex);
	nx_assert(!s->busy);
	s->job = *job;
	s->written = false;
	s->busy = true;
	pthread_cond_signal(&s->go);
	pthread_mutex_unlock(&s->mutex);
}

int
syncer_written(struct syncer *s, unsigned ms)
{
	int r;

	pthread_mutex_lock(&s->mutex);
	r = wait_while(s, &s->written, false, ms) ? s->result : -ETIMEDOUT;
	pthread_mutex_unlock(&s->mutex);
	return r;
}

int
syncer_wait(struct syncer *s, unsigned ms)
{
	int r;

	pthread_mutex_lock(&s->mutex);
	r = wait_while(s, &s->busy, true, ms) ? s->result : -ETIMEDOUT;
	pthread_mutex_unlock(&s->mutex);
	return r;
}

bool
syncer_idle(struct syncer *s)
{
	bool idle;

	pthread_mutex_lock(&s->mutex);
	idle = !s->busy;
	pthread_mutex_unlock(&s->mutex);
	return idle;
}
