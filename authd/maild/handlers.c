/*
 * What an administrator asks of maild. Safe to grant: the kernel vouched for the
 * uid; nothing here shows the text of a mail, or lets anybody write one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/maild.h"
#include "authd/maild/message.h"
#include "authd/maild/queue.h"
#include "common/err.h"
#include "common/id.h"
#include "common/status.h"
#include "proto/serve_maild.h"

#define PAGE      50
#define TEST_LIFE 300 /* seconds */

static struct maild_queue *
queue_of(const struct maild *m)
{
	return m->method->queue ? m->method->queue(m->state) : NULL;
}

static const char *
server_of(const struct maild *m)
{
	return m->method->server ? m->method->server(m->state) : "the outbox";
}

/* --- mail test --------------------------------------------------------------*/

struct test {
	struct maild *m;
	struct nx_request *r;
	uint64_t since_us;
};

static void
answer_test(struct test *t, const char *said)
{
	Nx__MailTestReply reply = NX__MAIL_TEST_REPLY__INIT;
	char server[301], words[256];

	snprintf(server, sizeof(server), "%s", server_of(t->m));
	snprintf(words, sizeof(words), "%s", said);
	reply.server = server;
	reply.said = words;
	reply.ms = (nx_now_us() - t->since_us) / 1000;
	nx_answer_mail_test(t->r, &reply);
}

static void
on_tested(const struct maild_result *result, void *arg)
{
	struct test *t = arg;

	if (result->outcome == MAILD_SENT)
		answer_test(t, result->said);
	else
		nx_refuse(t->r, NX__STATUS__UNAVAILABLE,
		    "The mail was not taken by %.200s. %s", server_of(t->m),
		    result->said);
	free(t);
}

static void
on_kept(int result, void *arg)
{
	struct test *t = arg;

	if (result < 0)
		nx_refuse_errno(t->r, result, "The mail was not written");
	else
		answer_test(t, "kept as a file; [maild] deliver = smtp sends");
	free(t);
}

static void
send_test(struct test *t, const struct maild_mail *mail)
{
	struct maild *m = t->m;
	int r;

	if (!m->method->test) {
		m->method->deliver(m->state, mail, on_kept, t);
		return;
	}
	r = m->method->test(m->state, mail, on_tested, t);
	if (r == 0)
		return;
	nx_refuse(t->r, r == -EBUSY ? NX__STATUS__LIMIT : nx_status_of_errno(r),
	    r == -EBUSY ? "Other tests are under way: wait for them"
			: "The mail was not sent: out of memory");
	free(t);
}

void
serve_mail_test(
    struct nx_request *r, const Nx__MailTestRequest *q, struct maild *m)
{
	static const char subject[] = "A test of Nexus",
			  text[] = "This mail was sent by \"nexusctl mail "
				   "test\": mails of Nexus arrive.\n";
	uint64_t now = nx_wall_us() / 1000000;
	struct maild_mail mail = {.from = m->conf->from,
	    .to = q->to,
	    .subject = subject,
	    .expires_at = now + TEST_LIFE};
	struct test *t;
	char *message;

	if (maild_message_check(q->to, subject, text)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "The address must be a plain one, as in ada@example.org");
		return;
	}
	t = malloc(sizeof(*t));
	message = maild_message_compose(
	    m->conf->from, q->to, subject, text, (int64_t)now, &mail.len);
	if (t && message) {
		*t = (struct test){m, r, nx_now_us()};
		mail.text = message;
		send_test(t, &mail);
	} else {
		nx_refuse_errno(r, -ENOMEM, "The mail was not written");
		free(t);
	}
	free(message);
}

/* --- the queue --------------------------------------------------------------*/

/* Points into @m, which is gone when it is dropped: answer before. */
static void
describe(const struct maild_queued *m, Nx__MailQueued *out)
{
	nx__mail_queued__init(out);
	out->id = (char *)(uintptr_t)m->id;
	out->to = (char *)(uintptr_t)m->head.to;
	out->subject = (char *)(uintptr_t)m->head.subject;
	out->created_at = m->head.created_at;
	out->expires_at = m->head.expires_at;
	out->next_at = maild_queue_next_at(m);
	out->tries = m->tries;
	out->error = (char *)(uintptr_t)m->error;
}

void
serve_mail_queue(
    struct nx_request *r, const Nx__MailQueueRequest *q, struct maild *m)
{
	Nx__MailQueueReply reply = NX__MAIL_QUEUE_REPLY__INIT;
	Nx__MailQueued rows[PAGE], *list[PAGE];
	struct maild_queue *queue = queue_of(m);
	const struct maild_queued *mail;
	size_t n = 0;

	mail = queue ? maild_queue_after(queue, q->after) : NULL;
	for (; mail && n < PAGE; mail = TAILQ_NEXT(mail, entry)) {
		describe(mail, &rows[n]);
		list[n] = &rows[n];
		reply.next = mail->seq;
		n++;
	}
	if (!mail)
		reply.next = 0;
	reply.mails = list;
	reply.n_mails = n;
	nx_answer_mail_queue(r, &reply);
}

void
serve_mail_queue_flush(struct nx_request *r, struct maild *m)
{
	Nx__MailQueueFlushReply reply = NX__MAIL_QUEUE_FLUSH_REPLY__INIT;
	struct maild_queue *queue = queue_of(m);

	if (queue)
		reply.mails = (uint32_t)maild_queue_flush(queue);
	nx_answer_mail_queue_flush(r, &reply);
}

void
serve_mail_queue_drop(
    struct nx_request *r, const Nx__MailQueueDropRequest *q, struct maild *m)
{
	Nx__MailQueued reply;
	struct maild_queue *queue = queue_of(m);
	struct maild_queued *mail = NULL, copy;
	bool many = false;
	int error;

	if (!nx_id_prefix_valid(q->id)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "An id of a mail is at least its first 4 digits of those "
		    "that `mail queue` lists");
		return;
	}
	if (queue)
		mail = maild_queue_find(queue, q->id, &many);
	if (!mail || many) {
		nx_refuse(r,
		    many ? NX__STATUS__CONFLICT : NX__STATUS__NOT_FOUND,
		    many ? "More than one mail has an id that begins so: give "
			   "more of it"
			 : "No such mail is in the queue");
		return;
	}
	copy = *mail;
	error = maild_queue_drop(mail);
	if (error < 0) {
		nx_refuse_errno(r, error, "The mail stays in the queue");
		return;
	}
	copy.sending = NULL;
	describe(&copy, &reply);
	nx_answer_mail_queue_drop(r, &reply);
}

void
serve_mail_status(struct nx_request *r, struct maild *m)
{
	Nx__MailStatusReply reply = NX__MAIL_STATUS_REPLY__INIT;
	struct maild_queue_stats stats = {.sent = m->sent};
	struct maild_queue *queue = queue_of(m);
	char method[17], server[301];

	if (queue)
		maild_queue_stats(queue, &stats);
	snprintf(method, sizeof(method), "%s", m->method->name);
	snprintf(server, sizeof(server), "%s", server_of(m));
	reply.deliver = method;
	reply.server = server;
	reply.sent = stats.sent;
	reply.failed = stats.failed;
	reply.expired = stats.expired;
	reply.refused = m->failed;
	reply.queued = stats.queued;
	reply.oldest_s = stats.oldest_s;
	reply.last_error = stats.last_error;
	reply.last_error_at = stats.last_error_at;
	nx_answer_mail_status(r, &reply);
}
