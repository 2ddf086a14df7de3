/*
 * Notices, from the table that keeps them to who has to confirm. What is in memory
 * is a copy: a restart begins again from the table.
 *
 * A lane (role, kind) is free (id 0) or busy with one notice. It is taken in
 * pump_lane(), for the oldest row, when the role is here; then
 *
 *	called		call is set; on_reply gets the answer
 *	confirmed	call is NULL; the row is being deleted
 *	-> free		on_confirmed; the next row is looked at
 *	-> free		the call failed, or the row stayed: the same row is sent
 *			again, when the daemon comes back or at the next tick
 *
 * Both kinds bear repetition, so a row is only ever deleted after an answer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/admin.h"
#include "authd/flows/notice.h"
#include "common/err.h"
#include "common/log.h"
#include "common/status.h"
#include "proto/auth.rpc.h"

#define PATIENCE_SEC 2
/* Deleting a user's nodes and files takes its time. */
#define DELETE_TIMEOUT_US (60ULL * 1000000)
#define REVOKE_TIMEOUT_US (5ULL * 1000000)

static const enum nx_role roles[] = {NX_ROLE_STORAGE, NX_ROLE_NODE};

struct auth_waiter {
	LIST_ENTRY(auth_waiter) entry;
	struct authd *a;
	struct nx_request *r;
	int64_t id;
	bool has_user;
	struct auth_user user;
	struct event *patience;
};

/* The notice in flight on one lane. */
struct lane {
	struct authd *a;
	enum nx_role role;
	enum auth_notice_kind kind;
	int64_t id;
};

/* --- who waits --------------------------------------------------------------*/

/* Whatever became of it: the change itself is on disk since before. Once, and
 * the waiter is gone. */
static void
answer(struct auth_waiter *w)
{
	nx_assert(w->r && w->id > 0);
	LIST_REMOVE(w, entry);
	if (w->has_user)
		auth_answer_user(w->r, &w->user);
	else
		nx_answer_auth_logout(w->r);
	if (w->patience)
		event_free(w->patience);
	free(w);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer(arg);
}

/* Has every role that is here confirmed the revocations up to @id? One that is
 * away answers no gateway either. */
static bool
confirmed(struct authd *a, int64_t id)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(roles); i++)
		if (nx_hub_peer(a->hub, roles[i]) &&
		    auth_notice_pending(a->db, roles[i], id) != 0)
			return false;
	return true;
}

static void
answer_confirmed(struct authd *a)
{
	struct auth_waiter *w, *next;

	for (w = LIST_FIRST(&a->waiters); w; w = next) {
		next = LIST_NEXT(w, entry);
		if (confirmed(a, w->id))
			answer(w);
	}
}

void
auth_notice_answer(struct authd *a, struct nx_request *r, int64_t id,
    const struct auth_user *user)
{
	static const struct timeval patience = {.tv_sec = PATIENCE_SEC};
	struct auth_waiter *w = calloc(1, sizeof(*w));

	if (!w) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "It is done, but memory is short; look again.");
		return;
	}
	w->a = a;
	w->r = r;
	w->id = id;
	if (user) {
		w->has_user = true;
		w->user = *user;
	}
	LIST_INSERT_HEAD(&a->waiters, w, entry);
	w->patience = evtimer_new(a->base, on_patience, w);
	if (!w->patience || evtimer_add(w->patience, &patience) < 0 ||
	    confirmed(a, id))
		answer(w);
}

/* --- sending ----------------------------------------------------------------*/

static int
write_confirmed(struct nx_db *db, void *arg)
{
	struct lane *lane = arg;

	return auth_notice_delete(db, lane->id);
}

static void
on_confirmed(int result, void *arg)
{
	struct lane *lane = arg;
	struct authd *a = lane->a;

	nx_assert(a->lanes[lane->role][lane->kind].id == lane->id);
	nx_assert(!a->lanes[lane->role][lane->kind].call);
	a->lanes[lane->role][lane->kind].id = 0;
	free(lane);
	if (result < 0) {
		/* It stays, and is sent again: both kinds bear repetition. */
		nx_warn("event=notice-kept error=%d", result);
		return;
	}
	answer_confirmed(a);
	auth_notice_pump(a);
}

static void
on_reply(const struct nx_reply *reply, void *arg)
{
	struct lane *lane = arg;
	struct authd *a = lane->a;

	nx_assert(a->lanes[lane->role][lane->kind].id == lane->id);
	a->lanes[lane->role][lane->kind].call = NULL;
	/* Who does not know the user has nothing of theirs. */
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND) {
		nx_db_write(a->db, write_confirmed, on_confirmed, lane);
		return;
	}
	nx_warn("event=notice-failed role=%s kind=%d status=%s",
	    nx_role_name(lane->role), (int)lane->kind,
	    nx_status_name(reply->status));
	a->lanes[lane->role][lane->kind].id = 0;
	free(lane);
}

static struct nx_call *
send_notice(struct authd *a, struct lane *lane, struct auth_notice *n)
{
	Nx__Revoke revoke = NX__REVOKE__INIT;
	Nx__UserDeleted deleted = NX__USER_DELETED__INIT;
	struct nx_call_opts opts = {.timeout_us = REVOKE_TIMEOUT_US};

	if (n->kind == AUTH_NOTICE_DELETED) {
		opts.timeout_us = DELETE_TIMEOUT_US;
		deleted.user_id = n->user_id;
		return nx_call(a->hub,
		    nx_ask_auth_user_deleted(n->role, &deleted), &opts,
		    on_reply, lane);
	}
	revoke.user_id = n->user_id;
	if (n->has_session)
		revoke.session =
		    (ProtobufCBinaryData){sizeof(n->session), n->session};
	return nx_call(a->hub, nx_ask_auth_revoke(n->role, &revoke), &opts,
	    on_reply, lane);
}

/* One notice at a time and lane, or revocations would wait behind the deletion of
 * a user's files; the oldest first, or an id's order would mean nothing. */
static void
pump_lane(struct authd *a, enum nx_role role, enum auth_notice_kind kind)
{
	struct auth_notice n;
	struct lane *lane;

	if (a->lanes[role][kind].id != 0 || !nx_hub_peer(a->hub, role) ||
	    auth_notice_next(a->db, role, kind, &n) != 1)
		return;
	nx_assert(n.id > 0 && !a->lanes[role][kind].call);
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return;
	*lane = (struct lane){a, role, kind, n.id};
	a->lanes[role][kind].id = n.id;
	a->lanes[role][kind].call = send_notice(a, lane, &n);
	a->lanes[role][kind].arg = lane;
	if (!a->lanes[role][kind].call) {
		a->lanes[role][kind].id = 0;
		free(lane);
	}
}

void
auth_notice_pump(struct authd *a)
{
	size_t i;

	if (!a->hub || a->closing)
		return;
	for (i = 0; i < NX_ARRAY_SIZE(roles); i++) {
		pump_lane(a, roles[i], AUTH_NOTICE_REVOKE);
		pump_lane(a, roles[i], AUTH_NOTICE_DELETED);
	}
}

void
auth_notice_stop(struct authd *a)
{
	struct auth_waiter *w;
	size_t i, k;

	while ((w = LIST_FIRST(&a->waiters)))
		answer(w);
	for (i = 0; i < NX_ROLE_MAX; i++)
		for (k = 0; k < 2; k++)
			if (a->lanes[i][k].call) {
				nx_call_cancel(a->lanes[i][k].call);
				free(a->lanes[i][k].arg);
				a->lanes[i][k].call = NULL;
			}
}
