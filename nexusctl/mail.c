/* Mails on their way, as maild knows them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/ctl.h"
#include "proto/mail.rpc.h"

static const struct ctl_column queue_columns[] = {
    {"ID", "id", CTL_SHORT},
    {"TO", "to", CTL_TEXT},
    {"SUBJECT", "subject", CTL_TEXT},
    {"SINCE", "created_at", CTL_TIME},
    {"UNTIL", "expires_at", CTL_TIME},
    {"TRIES", "tries", CTL_TEXT},
    {"NEXT", "next_at", CTL_TIME},
    {"LAST ERROR", "error", CTL_TEXT},
};
static const struct ctl_listing queue_listing = {NX__METHOD__MAIL_QUEUE,
    "mails", "id", queue_columns, NX_ARRAY_SIZE(queue_columns)};

static int
flush(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = ctl_ask(c, nx_ask_mail_queue_flush(), &reply);

	return exit ? exit
		    : ctl_done(c, reply.body, "mails",
			  "%u mails are tried now; nexusctl mail queue shows "
			  "what stays",
			  ((Nx__MailQueueFlushReply *)reply.body)->mails);
}

static int
drop(struct ctl *c, char *id)
{
	Nx__MailQueueDropRequest request = NX__MAIL_QUEUE_DROP_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.id = id;
	exit = ctl_ask(c, nx_ask_mail_queue_drop(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "id",
			  "The mail to %s is dropped: it will not arrive",
			  ((Nx__MailQueued *)reply.body)->to);
}

int
ctl_mail_queue(struct ctl *c)
{
	Nx__MailQueueRequest request = NX__MAIL_QUEUE_REQUEST__INIT;
	char *id = ctl_option_text(c, "drop");

	if (id[0] && ctl_flag(c, "flush"))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "mail queue: give --flush or --drop, not both");
	if (id[0])
		return drop(c, id);
	return ctl_flag(c, "flush")
	    ? flush(c)
	    : ctl_list(c, &queue_listing, &request.base);
}

int
ctl_mail_test(struct ctl *c)
{
	Nx__MailTestRequest request = NX__MAIL_TEST_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__MailTestReply *said;
	Nx__Status status;

	request.to = ctl_text(c, "ADDRESS");
	/* As long as a server may take; nexus.conf says how long that is. */
	status = ctl_call(
	    c, nx_ask_mail_test(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	said = (Nx__MailTestReply *)reply.body;
	return ctl_done(c, reply.body, "said",
	    "%s took the mail in %" PRIu64 " ms: %s", said->server, said->ms,
	    said->said);
}
