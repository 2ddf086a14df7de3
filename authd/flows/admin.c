/*
 * What an administrator asks: the kernel vouched for the caller, and still no
 * secret leaves by these.
 *
 * A change is one transaction: the user's row and the notices that tell of it
 * are there together or not at all. It is answered when the daemons that are
 * here know (auth_notice_answer), or at once when it takes nothing from anybody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "authd/state.h"
#include "authd/flows/admin.h"
#include "authd/flows/audit.h"
#include "authd/flows/notice.h"
#include "authd/flows/revoke.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

#define PAGE 100

static void
fill(Nx__UserInfo *info, const struct auth_user *user)
{
	nx__user_info__init(info);
	info->id = user->id;
	info->username = (char *)(uintptr_t)user->username;
	info->email = (char *)(uintptr_t)user->email;
	info->disabled = user->disabled;
	info->created_at = (uint64_t)user->created_at;
}

void
auth_answer_user(struct nx_request *r, const struct auth_user *user)
{
	Nx__UserInfo info;

	fill(&info, user);
	nx_answer_auth_user_get(r, &info);
}

static void
no_such_user(struct nx_request *r, const char *name)
{
	nx_refuse(r, NX__STATUS__NOT_FOUND, "There is no user %s.",
	    nx_log_safe(name));
}

void
serve_auth_user_get(
    struct nx_request *r, const Nx__UserGetRequest *q, struct authd *a)
{
	struct auth_user user;
	int found = auth_user_by_name(a->db, q->username, &user);

	if (found < 0)
		nx_refuse_errno(r, found, "The users could not be read");
	else if (found == 0)
		no_such_user(r, q->username);
	else
		auth_answer_user(r, &user);
}

/* One page; the reply borrows from arrays that live until it is sent. */
void
serve_auth_user_list(
    struct nx_request *r, const Nx__UserListRequest *q, struct authd *a)
{
	static struct auth_user users[PAGE + 1];
	static Nx__UserInfo infos[PAGE];
	static Nx__UserInfo *list[PAGE];
	Nx__UserListReply reply = NX__USER_LIST_REPLY__INIT;
	size_t limit = q->limit && q->limit < PAGE ? q->limit : PAGE;
	int n = auth_user_list(a->db, q->after, users, limit + 1);

	nx_assert(n <= (int)limit + 1);
	if (n < 0) {
		nx_refuse_errno(r, n, "The users could not be read");
		return;
	}
	for (; reply.n_users < (size_t)n && reply.n_users < limit;
	     reply.n_users++) {
		fill(&infos[reply.n_users], &users[reply.n_users]);
		list[reply.n_users] = &infos[reply.n_users];
	}
	reply.users = list;
	if ((size_t)n > limit)
		reply.next = users[limit - 1].id;
	nx_answer_auth_user_list(r, &reply);
}

void
serve_auth_status(struct nx_request *r, struct authd *a)
{
	Nx__AuthStatusReply reply = NX__AUTH_STATUS_REPLY__INIT;
	int error =
	    auth_store_count(a->db, auth_now(a), &reply.users, &reply.sessions);

	if (error < 0) {
		nx_refuse_errno(r, error, "The database could not be read");
		return;
	}
	reply.mails_failed = a->mails_failed;
	reply.registration = a->conf->registration;
	nx_answer_auth_status(r, &reply);
}

/* --- changes ----------------------------------------------------------------*/

struct change {
	struct authd *a;
	struct nx_request *r;
	struct auth_user user;
	int64_t notice; /* 0: nothing was revoked */
};

/* The whole user: whoever holds tickets of theirs, now or within a minute. */
static int
revoke_user(struct nx_db *db, struct change *c)
{
	return auth_notice_put(db, AUTH_NOTICE_REVOKE, c->user.id, NULL,
	    auth_now(c->a), &c->notice);
}

static int
tell(struct nx_db *db, struct change *c, const char *event)
{
	struct auth_event e = {.event = event,
	    .actor = "admin",
	    .user_id = c->user.id,
	    .username = c->user.username};

	return auth_audit(c->a, db, &e);
}

/* The body of the request is read here, where the user is: nothing decided before
 * the transaction can be old. 1: there is no such user. */
static int
write_disabled(struct nx_db *db, void *arg)
{
	struct change *c = arg;
	const Nx__UserSetDisabledRequest *q =
	    nx_as_user_set_disabled_request(c->r->body);
	int r = auth_user_by_name(db, q->username, &c->user);

	if (r <= 0)
		return r < 0 ? r : 1;
	c->user.disabled = q->disabled;
	r = auth_user_set_disabled(db, c->user.id, q->disabled);
	if (r == 0 && q->disabled)
		r = auth_code_drop(db, AUTH_CODE_LOGIN, c->user.email);
	if (r == 0 && q->disabled)
		r = auth_sessions_end(c->a, db, c->user.id, NULL, &c->notice);
	return r < 0
	    ? r
	    : tell(db, c, q->disabled ? "user-disabled" : "user-enabled");
}

/* Revoked first, so that what is answered for is the revocation, which is quick;
 * the deletion of what they own has its own notice and takes as long as it takes.
 * 1: there is no such user. */
static int
write_deleted(struct nx_db *db, void *arg)
{
	struct change *c = arg;
	const Nx__UserGetRequest *q = nx_as_user_get_request(c->r->body);
	int64_t later;
	int r = auth_user_by_name(db, q->username, &c->user);

	if (r <= 0)
		return r < 0 ? r : 1;
	r = revoke_user(db, c);
	if (r == 0)
		r = tell(db, c, "user-deleted");
	if (r == 0)
		r = auth_user_delete(db, c->user.id);
	if (r == 0)
		r = auth_notice_put(db, AUTH_NOTICE_DELETED, c->user.id, NULL,
		    auth_now(c->a), &later);
	return r;
}

static void
on_changed(int result, void *arg)
{
	struct change *c = arg;

	nx_assert(result <= 1 && (result != 0 || c->user.id != 0));
	if (result == 1)
		nx_refuse(c->r, NX__STATUS__NOT_FOUND,
		    "There is no user of this name.");
	else if (result < 0)
		nx_refuse_errno(c->r, result, "The user could not be changed");
	else {
		nx_info(
		    "event=%s user=%" PRIu64, c->r->method->name, c->user.id);
		auth_notice_pump(c->a);
		if (c->notice)
			auth_notice_answer(c->a, c->r, c->notice, &c->user);
		else
			auth_answer_user(c->r, &c->user);
	}
	free(c);
}

static void
change(struct authd *a, struct nx_request *r,
    int (*write)(struct nx_db *db, void *arg))
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "Memory is short; try again in a few seconds.");
		return;
	}
	c->a = a;
	c->r = r;
	nx_db_write(a->db, write, on_changed, c);
}

/* Safe to grant to an administrator: it gives nobody access, it takes it. */
void
serve_auth_user_set_disabled(
    struct nx_request *r, const Nx__UserSetDisabledRequest *q, struct authd *a)
{
	(void)q; /* looked at again where the user is */
	change(a, r, write_disabled);
}

/* Deletes the account at once; storaged and nodemgr delete what is the user's
 * as soon as they hear of it, see notice.h. The id is never used again. */
void
serve_auth_user_delete(
    struct nx_request *r, const Nx__UserGetRequest *q, struct authd *a)
{
	(void)q;
	change(a, r, write_deleted);
}
