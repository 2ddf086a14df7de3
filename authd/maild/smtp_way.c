/* The method "smtp". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/queue.h"
#include "authd/maild/smtp.h"
#include "authd/maild/smtp_way.h"

#define TESTS_MAX 4 /* of administrators, at once */

struct way {
	struct maild_server server;
	struct maild_smtp *smtp;
	struct maild_queue *queue;
	uint64_t timeout_ms;
	unsigned tests;
};

struct testing {
	struct way *w;
	maild_result_fn *done;
	void *arg;
};

static int
open_queue(struct way *w, const struct maild_conf *conf,
    struct event_base *base, const char *dir, char error[256])
{
	const struct maild_queue_config queue = {.base = base,
	    .from = conf->from,
	    .sender = {w->smtp, maild_smtp_start, maild_smtp_cancel},
	    .retry = {conf->retry_first * 1000, conf->retry_max * 1000},
	    .keep = conf->queue_keep,
	    .parallel = conf->smtp_parallel,
	    .timeout_ms = w->timeout_ms};

	return maild_queue_new(&queue, dir, &w->queue, error);
}

int
maild_way_open(const struct maild_conf *conf, struct event_base *base,
    const char *dir, void **ret_state, char error[256])
{
	struct way *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->timeout_ms = conf->smtp_timeout * 1000;
	r = maild_server_read(conf, maild_smtp_prepare(), &w->server, error);
	if (r == 0)
		r = maild_smtp_new(base, &w->server,
		    conf->smtp_connect_timeout * 1000, &w->smtp);
	if (r == 0)
		r = open_queue(w, conf, base, dir, error);
	if (r < 0)
		maild_way_close(w);
	else
		*ret_state = w;
	return r;
}

void
maild_way_close(void *state)
{
	struct way *w = state;

	w->queue = maild_queue_free(w->queue);
	w->smtp = maild_smtp_free(w->smtp);
	maild_server_fini(&w->server);
	free(w);
}

/* Whoever asked hears when it is in the queue, not when it has arrived. */
void
maild_way_deliver(void *state, const struct maild_mail *mail,
    void (*done)(int result, void *arg), void *arg)
{
	struct way *w = state;

	done(maild_queue_add(w->queue, mail), arg);
}

static void
on_tested(const struct maild_result *result, void *arg)
{
	struct testing *t = arg;

	t->w->tests--;
	t->done(result, t->arg);
	free(t);
}

int
maild_way_test(void *state, const struct maild_mail *mail,
    maild_result_fn *done, void *arg)
{
	struct way *w = state;
	struct testing *t;
	void *sending;
	int r;

	if (w->tests == TESTS_MAX)
		return -EBUSY;
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct testing){w, done, arg};
	r = maild_smtp_start(
	    w->smtp, mail, w->timeout_ms, on_tested, t, &sending);
	if (r < 0)
		free(t);
	else
		w->tests++;
	return r;
}

const char *
maild_way_server(void *state)
{
	struct way *w = state;

	return w->server.name;
}

struct maild_queue *
maild_way_queue(void *state)
{
	struct way *w = state;

	return w->queue;
}
