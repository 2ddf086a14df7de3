/*
 * What authd asks for. It is believed to mean well and not to be right: addresses
 * and texts are checked again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/address.h"
#include "authd/maild/maild.h"
#include "authd/maild/message.h"
#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/serve_maild.h"

int
maild_open(
    struct maild *m, struct event_base *base, const char *dir, char error[256])
{
	m->method = maild_method_find(m->conf->deliver);
	if (!m->method) {
		snprintf(error, 256, "[maild] deliver = %.64s is unknown",
		    m->conf->deliver);
		return -EINVAL;
	}
	if (!maild_address_valid(m->conf->from)) {
		snprintf(error, 256, "[maild] from = %.64s is not an address",
		    m->conf->from);
		return -EINVAL;
	}
	return m->method->open(m->conf, base, dir, &m->state, error);
}

void
maild_close(struct maild *m)
{
	if (m->method && m->state)
		m->method->close(m->state);
	m->state = NULL;
}

struct sending {
	struct maild *m;
	struct nx_request *r;
};

static void
on_delivered(int result, void *arg)
{
	struct sending *s = arg;

	if (result < 0) {
		s->m->failed++;
		nx_warn("event=mail-not-taken error=\"%s\"", strerror(-result));
		nx_refuse_errno(s->r, result, "The mail was not delivered");
	} else {
		s->m->sent++;
		nx_answer_mail_send(s->r);
	}
	free(s);
}

/* Until when a mail is of use; an end that authd names is believed as far as it
 * shortens its life. */
static uint64_t
end_of(const struct maild *m, const Nx__MailSendRequest *q, uint64_t now)
{
	uint64_t end = now + m->conf->queue_life;

	return q->expires_at > 0 && q->expires_at < end ? q->expires_at : end;
}

/*
 * Delivers one mail. Safe to grant: only authd may call it, what it says is
 * checked again, and all it can cause is a mail of plain text.
 */
void
serve_mail_send(
    struct nx_request *r, const Nx__MailSendRequest *q, struct maild *m)
{
	const char *wrong = maild_message_check(q->to, q->subject, q->text);
	uint64_t now = nx_wall_us() / 1000000;
	struct maild_mail mail = {.from = m->conf->from,
	    .to = q->to,
	    .subject = q->subject,
	    .expires_at = end_of(m, q, now)};
	struct sending *s;
	char *text;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "The mail cannot be sent: %s is not acceptable.", wrong);
		m->failed++;
		return;
	}
	s = calloc(1, sizeof(*s));
	text = maild_message_compose(
	    m->conf->from, q->to, q->subject, q->text, (int64_t)now, &mail.len);
	if (!s || !text) {
		nx_refuse_errno(r, -ENOMEM, "The mail was not written");
		free(s);
		free(text);
		return;
	}
	*s = (struct sending){m, r};
	mail.text = text;
	m->method->deliver(m->state, &mail, on_delivered, s);
	explicit_bzero(text, mail.len);
	free(text);
}
