/*
 * Accounts that an administrator makes, whether registration is open or not. They
 * have no password: whoever has the address chooses one, as who forgot theirs
 * does (reset.c), so that no secret goes by way of the administrator.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/admin.h"
#include "authd/flows/audit.h"
#include "authd/flows/mail.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

struct creation {
	struct authd *a;
	struct nx_request *r;
	struct auth_user user;
};

static int
write_user(struct nx_db *db, void *arg)
{
	struct creation *c = arg;
	struct auth_event e = {.event = "user-created",
	    .actor = "admin",
	    .username = c->user.username};
	int r = auth_user_insert(db, &c->user);

	if (r == -EEXIST)
		return 1;
	e.user_id = c->user.id;
	return r < 0 ? r : auth_audit(c->a, db, &e);
}

static void
on_written(int result, void *arg)
{
	struct creation *c = arg;

	if (result == 1)
		nx_refuse(c->r, NX__STATUS__EXISTS,
		    "There is an account of this name or address: nexusctl "
		    "user ls lists them.");
	else if (result < 0)
		nx_refuse_errno(c->r, result, "The account could not be made");
	else {
		nx_info("event=user-created user=%" PRIu64, c->user.id);
		(void)auth_mail_send(
		    c->a, AUTH_MAIL_CREATED, c->user.email, "", NULL, NULL);
		auth_answer_user(c->r, &c->user);
	}
	free(c);
}

/* Safe to grant to an administrator: it opens an account that only the owner of
 * its address can sign in to. */
void
serve_auth_user_create(
    struct nx_request *r, const Nx__UserCreateRequest *q, struct authd *a)
{
	const char *wrong = auth_rule_username(q->username);
	struct creation *c;

	if (!wrong)
		wrong = auth_rule_email(q->email);
	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		nx_refuse_errno(r, -ENOMEM, "making the account");
		return;
	}
	c->a = a;
	c->r = r;
	(void)snprintf(
	    c->user.username, sizeof(c->user.username), "%s", q->username);
	(void)snprintf(c->user.email, sizeof(c->user.email), "%s", q->email);
	(void)snprintf(
	    c->user.password, sizeof(c->user.password), "%s", AUTH_NO_PASSWORD);
	c->user.created_at = auth_now(a);
	nx_db_write(a->db, write_user, on_written, c);
}
