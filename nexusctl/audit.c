/* What has happened to accounts. */
#include <inttypes.h>
#include <stdio.h>

#include "common/err.h"
#include "nexusctl/ctl.h"
#include "proto/audit.rpc.h"

static const struct ctl_column columns[] = {
    {"TIME", "at", CTL_TIME},
    {"EVENT", "event", CTL_TEXT},
    {"RESULT", "result", CTL_TEXT},
    {"USER", "username", CTL_TEXT},
    {"BY", "actor", CTL_TEXT},
    {"FROM", "client", CTL_TEXT},
    {"SESSION", "session", CTL_TEXT},
    {"DETAIL", "detail", CTL_TEXT},
};
static const struct ctl_listing entries = {
    NX__METHOD__AUDIT_LIST, "entries", "seq", columns, NX_ARRAY_SIZE(columns)};

static int
verify(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__AuditVerifyReply *m;
	int exit = ctl_ask(c, nx_ask_audit_verify(), &reply);

	if (exit != 0)
		return exit;
	m = nx_as_audit_verify_reply(reply.body);
	if (c->json)
		exit = ctl_print_json(ctl_json(&m->base));
	else if (m->broken != 0)
		printf("row %" PRIu64 ": %s\n", m->broken, m->why);
	else
		printf("%" PRIu64 " rows, from %" PRIu64 " to %" PRIu64
		       ": as they were written\n",
		    m->rows, m->first, m->last);
	return m->broken != 0 ? 9 : exit;
}

int
ctl_audit(struct ctl *c)
{
	Nx__AuditListRequest request = NX__AUDIT_LIST_REQUEST__INIT;

	if (ctl_flag(c, "verify"))
		return verify(c);
	if (ctl_option(c->args, "of")->set)
		request.username = ctl_option_text(c, "of");
	if (ctl_option(c->args, "event")->set)
		request.event = ctl_option_text(c, "event");
	if (ctl_option(c->args, "since")->set)
		request.since = ctl_option_number(c, "since");
	if (ctl_option(c->args, "until")->set)
		request.until = ctl_option_number(c, "until");
	return ctl_list(c, &entries, &request.base);
}
