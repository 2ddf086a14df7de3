/*
 * The one handler. authd is believed to mean well and not to be right: addresses
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

const struct nx_conf_key maild_conf_keys[] = {
    {"maild", "from", NX_CONF_STRING, offsetof(struct maild_conf, from),
	"nexus@localhost", 0, 0},
    {"maild", "deliver", NX_CONF_STRING, offsetof(struct maild_conf, deliver),
	"outbox", 0, 0},
    {"maild", "outbox_keep", NX_CONF_UINT, offsetof(struct maild_conf, keep),
	"10000", 10, 1000000},
};
const size_t maild_conf_count = NX_ARRAY_SIZE(maild_conf_keys);

int
maild_open(struct maild *m, const char *dir, char error[256])
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
	return m->method->open(m->conf, dir, &m->state, error);
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
		nx_warn(
		    "event=delivery-failed error=\"%s\"", strerror(-result));
		nx_refuse_errno(s->r, result, "The mail was not delivered");
	} else {
		s->m->sent++;
		nx_answer_mail_send(s->r);
	}
	free(s);
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
	struct maild_mail mail = {.from = m->conf->from, .to = q->to};
	struct sending *s;
	char *text;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "The mail cannot be sent: %s is not acceptable.", wrong);
		return;
	}
	s = calloc(1, sizeof(*s));
	text = maild_message_compose(m->conf->from, q->to, q->subject, q->text,
	    (int64_t)(nx_wall_us() / 1000000), &mail.len);
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
