/*
 * The queue in memory. A mail is in exactly one of three states: it waits for its
 * timer, it has a turn in @turns (due), or it is under way (sending).
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/queue.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"

TAILQ_HEAD(mails, maild_queued);

struct maild_queue {
	struct maild_queue_config conf;
	struct maild_spool spool;
	struct mails all, turns;
	uint64_t seq, under_way;
	struct maild_queue_stats stats;
};

static uint64_t
now_ms(void)
{
	return nx_now_us() / 1000;
}

static uint64_t
now_s(void)
{
	return nx_wall_us() / 1000000;
}

static void pump(struct maild_queue *q);

/* --- coming and going -------------------------------------------------------*/

static void
end_turn(struct maild_queued *m)
{
	if (m->due)
		TAILQ_REMOVE(&m->q->turns, m, turn);
	m->due = false;
}

static void
stop_sending(struct maild_queued *m)
{
	if (!m->sending)
		return;
	m->q->conf.sender.cancel(m->sending);
	m->sending = NULL;
	m->q->under_way--;
}

static void
forget(struct maild_queued *m)
{
	stop_sending(m);
	end_turn(m);
	TAILQ_REMOVE(&m->q->all, m, entry);
	m->q->stats.queued--;
	event_free(m->timer);
	free(m);
}

/* Its way is over, however it ended. A file that stays is sent again after a
 * restart, if it has not expired by then. */
static void
finish(struct maild_queued *m)
{
	int r = maild_spool_remove(&m->q->spool, m->id);

	if (r < 0)
		nx_warn("event=mail-not-removed mail=%s error=\"%s\"", m->id,
		    strerror(-r));
	forget(m);
}

static void
note_error(struct maild_queued *m, const char *error)
{
	struct maild_queue_stats *s = &m->q->stats;

	snprintf(m->error, sizeof(m->error), "%s", error);
	snprintf(s->last_error, sizeof(s->last_error), "%s", error);
	s->last_error_at = now_s();
}

static void
expire(struct maild_queued *m)
{
	m->q->stats.expired++;
	nx_warn("event=mail-expired mail=%s tries=%u", m->id, m->tries);
	finish(m);
}

/* --- waiting ----------------------------------------------------------------*/

static void
wait_until(struct maild_queued *m, uint64_t when)
{
	uint64_t now = now_ms(), wait = when > now ? when - now : 0;
	const struct timeval tv = {.tv_sec = (time_t)(wait / 1000),
	    .tv_usec = (suseconds_t)(wait % 1000 * 1000)};

	m->next_ms = when;
	/* It fails only for want of memory for one pointer. */
	if (evtimer_add(m->timer, &tv) < 0)
		nx_err("event=no-timer mail=%s", m->id);
}

static void
give_turn(struct maild_queued *m)
{
	nx_assert(!m->due && !m->sending);
	event_del(m->timer);
	m->due = true;
	TAILQ_INSERT_TAIL(&m->q->turns, m, turn);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct maild_queued *m = arg;
	struct maild_queue *q = m->q;

	(void)fd;
	(void)what;
	if (now_ms() >= m->end_ms)
		expire(m);
	else
		give_turn(m);
	pump(q);
}

/* A try that failed, with @m->error. */
static void
again(struct maild_queued *m)
{
	uint64_t now = now_ms(),
		 life = (m->head.expires_at - m->head.created_at) * 1000;

	m->tries++;
	if (now >= m->end_ms)
		expire(m);
	else
		wait_until(m,
		    maild_retry_at(&m->q->conf.retry, m->tries, now, life,
			m->end_ms, randombytes_random()));
}

/* --- under way --------------------------------------------------------------*/

static void
on_result(const struct maild_result *result, void *arg)
{
	struct maild_queued *m = arg;
	struct maild_queue *q = m->q;

	nx_assert(m->sending);
	m->sending = NULL;
	q->under_way--;
	if (result->outcome == MAILD_SENT) {
		q->stats.sent++;
		finish(m);
	} else {
		/* Not what the server said: it was told the code. */
		nx_warn("event=mail-%s mail=%s try=%u code=%ld",
		    result->outcome == MAILD_NEVER ? "refused" : "delayed",
		    m->id, m->tries + 1, result->code);
		note_error(m, result->said);
		if (result->outcome == MAILD_NEVER) {
			q->stats.failed++;
			finish(m);
		} else {
			again(m);
		}
	}
	pump(q);
}

static int
start(struct maild_queued *m, uint64_t now)
{
	struct maild_queue *q = m->q;
	struct maild_spooled head;
	struct maild_mail mail = {.from = q->conf.from};
	uint64_t timeout = q->conf.timeout_ms;
	char *text;
	int r = maild_spool_read(&q->spool, m->id, &head, &text, &mail.len);

	if (r < 0)
		return r;
	mail.to = m->head.to;
	mail.subject = m->head.subject;
	mail.text = text;
	mail.expires_at = m->head.expires_at;
	if (timeout > m->end_ms - now)
		timeout = m->end_ms - now;
	r = q->conf.sender.start(
	    q->conf.sender.ctx, &mail, timeout, on_result, m, &m->sending);
	explicit_bzero(text, mail.len);
	free(text);
	if (r == 0)
		q->under_way++;
	return r;
}

/* Its turn has come. */
static void
try_now(struct maild_queued *m)
{
	uint64_t now = now_ms();
	int r;

	end_turn(m);
	if (now >= m->end_ms) {
		expire(m);
		return;
	}
	r = start(m, now);
	if (r == 0)
		return;
	nx_warn(
	    "event=mail-not-tried mail=%s error=\"%s\"", m->id, strerror(-r));
	note_error(m, strerror(-r));
	again(m);
}

static void
pump(struct maild_queue *q)
{
	struct maild_queued *m;

	while (q->under_way < q->conf.parallel && (m = TAILQ_FIRST(&q->turns)))
		try_now(m);
}

/* --- the beginning ----------------------------------------------------------*/

/* Wall clocks are set, also back: no mail lives longer than it was given. */
static uint64_t
life_left(const struct maild_spooled *head)
{
	uint64_t now = now_s(), life = head->expires_at - head->created_at;

	if (head->expires_at <= now)
		return 0;
	return head->expires_at - now < life ? head->expires_at - now : life;
}

/* -ENOMEM, or it waits to be tried in this turn of the loop. */
static int
take_up(struct maild_queue *q, const char *id, const struct maild_spooled *head)
{
	struct maild_queued *m = calloc(1, sizeof(*m));

	if (!m || !(m->timer = evtimer_new(q->conf.base, on_timer, m))) {
		free(m);
		return -ENOMEM;
	}
	m->q = q;
	m->seq = ++q->seq;
	m->head = *head;
	memcpy(m->id, id, sizeof(m->id));
	m->end_ms = now_ms() + life_left(head) * 1000;
	TAILQ_INSERT_TAIL(&q->all, m, entry);
	q->stats.queued++;
	wait_until(m, now_ms());
	return 0;
}

/* What cannot be read is left where it is, for a person to look at. */
static int
take_up_file(const char *id, void *arg)
{
	struct maild_queue *q = arg;
	struct maild_spooled head;
	char *text;
	size_t len;
	int r = maild_spool_read(&q->spool, id, &head, &text, &len);

	if (r < 0) {
		nx_err("event=mail-unreadable mail=%s error=\"%s\"", id,
		    strerror(-r));
		return 0;
	}
	explicit_bzero(text, len);
	free(text);
	return take_up(q, id, &head);
}

int
maild_queue_new(const struct maild_queue_config *config, const char *dir,
    struct maild_queue **ret_queue, char error[256])
{
	struct maild_queue *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->conf = *config;
	TAILQ_INIT(&q->all);
	TAILQ_INIT(&q->turns);
	r = maild_spool_open(&q->spool, dir);
	if (r == 0)
		r = maild_spool_walk(&q->spool, take_up_file, q);
	if (r < 0) {
		snprintf(error, 256, "cannot use the queue %.200s/queue", dir);
		maild_queue_free(q);
		return r;
	}
	if (q->stats.queued > 0)
		nx_info(
		    "event=mails-waiting mails=%zu", (size_t)q->stats.queued);
	*ret_queue = q;
	return 0;
}

struct maild_queue *
maild_queue_free(struct maild_queue *q)
{
	struct maild_queued *m;

	if (!q)
		return NULL;
	while ((m = TAILQ_FIRST(&q->all)))
		forget(m);
	maild_spool_close(&q->spool);
	free(q);
	return NULL;
}

int
maild_queue_add(struct maild_queue *q, const struct maild_mail *mail)
{
	struct maild_spooled head = {
	    .created_at = now_s(), .expires_at = mail->expires_at};
	char id[NX_ID_LEN + 1];
	int r;

	if (q->stats.queued >= q->conf.keep)
		return -ENOSPC;
	if (head.expires_at <= head.created_at)
		return -ETIME;
	snprintf(head.to, sizeof(head.to), "%s", mail->to);
	snprintf(head.subject, sizeof(head.subject), "%s", mail->subject);
	r = maild_spool_add(&q->spool, mail, head.created_at, id);
	if (r < 0)
		return r;
	r = take_up(q, id, &head);
	if (r < 0)
		(void)maild_spool_remove(&q->spool, id);
	return r;
}

/* --- looking and meddling ---------------------------------------------------*/

const struct maild_queued *
maild_queue_after(const struct maild_queue *q, uint64_t seq)
{
	const struct maild_queued *m;

	TAILQ_FOREACH(m, &q->all, entry)
		if (m->seq > seq)
			return m;
	return NULL;
}

uint64_t
maild_queue_next_at(const struct maild_queued *m)
{
	uint64_t now = now_ms(), wait = m->next_ms > now ? m->next_ms - now : 0;

	if (m->sending || m->next_ms >= m->end_ms)
		return 0;
	return (nx_wall_us() / 1000 + wait) / 1000;
}

size_t
maild_queue_flush(struct maild_queue *q)
{
	struct maild_queued *m;
	size_t n = 0;

	TAILQ_FOREACH(m, &q->all, entry) {
		if (m->sending || m->due)
			continue;
		wait_until(m, now_ms());
		n++;
	}
	return n;
}

struct maild_queued *
maild_queue_find(struct maild_queue *q, const char *prefix, bool *ret_many)
{
	struct maild_queued *m, *found = NULL;

	*ret_many = false;
	TAILQ_FOREACH(m, &q->all, entry)
		if (strncmp(m->id, prefix, strlen(prefix)) == 0) {
			*ret_many = found != NULL;
			found = m;
			if (*ret_many)
				break;
		}
	return found;
}

int
maild_queue_drop(struct maild_queued *m)
{
	int r = maild_spool_remove(&m->q->spool, m->id);
	struct maild_queue *q = m->q;

	if (r < 0)
		return r;
	nx_info("event=mail-dropped mail=%s", m->id);
	forget(m);
	pump(q);
	return 0;
}

void
maild_queue_stats(
    const struct maild_queue *q, struct maild_queue_stats *ret_stats)
{
	const struct maild_queued *first = TAILQ_FIRST(&q->all);
	uint64_t now = now_s();

	*ret_stats = q->stats;
	if (first && now > first->head.created_at)
		ret_stats->oldest_s = now - first->head.created_at;
}
