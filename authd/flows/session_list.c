/*
 * Where somebody is signed in, as they see it, and as they end it. Whoever ends
 * another session than their own has proved shortly before who they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/caller.h"
#include "authd/flows/flows.h"
#include "authd/flows/revoke.h"
#include "common/err.h"
#include "common/utf8.h"
#include "proto/serve_authd.h"

#define PAGE 50

static bool
read_id(const char *text, uint8_t ret_id[NX_SESSION_LEN])
{
	size_t len;

	return sodium_hex2bin(ret_id, NX_SESSION_LEN, text, strlen(text), NULL,
		   &len, NULL) == 0 &&
	    len == NX_SESSION_LEN;
}

/* --- seeing -----------------------------------------------------------------*/

struct shown {
	Nx__SessionInfo info;
	char id[2 * NX_SESSION_LEN + 1];
};

static void
show(const struct auth_session *s, const struct auth_caller *c,
    struct shown *ret)
{
	Nx__SessionInfo *i = &ret->info;

	nx__session_info__init(i);
	i->id = sodium_bin2hex(ret->id, sizeof(ret->id), s->id, sizeof(s->id));
	i->name = (char *)(uintptr_t)s->name;
	i->agent = (char *)(uintptr_t)s->agent;
	i->address = (char *)(uintptr_t)s->address;
	i->created_at = (uint64_t)s->created_at;
	i->seen_at = (uint64_t)s->seen_at;
	i->expires_at = (uint64_t)s->expires_at;
	i->current =
	    !c->operator&& memcmp(s->id, c->session.id, sizeof(s->id)) == 0;
}

/* Safe to grant: people see their own, an administrator anybody's. */
void
serve_session_list(
    struct nx_request *r, const Nx__SessionListRequest *q, struct authd *a)
{
	static struct auth_session sessions[PAGE + 1];
	static struct shown shown[PAGE];
	static Nx__SessionInfo *list[PAGE];
	Nx__SessionListReply reply = NX__SESSION_LIST_REPLY__INIT;
	struct auth_caller c;
	struct auth_user owner;
	int n;

	if (!auth_caller(a, r, q->token, 0, &c) ||
	    !auth_caller_owner(a, r, &c, q->username, &owner))
		return;
	n = auth_session_rows(
	    a->db, owner.id, auth_now(a), q->after, sessions, PAGE + 1);
	if (n < 0) {
		nx_refuse_errno(r, n, "The sessions could not be read");
		return;
	}
	for (int i = 0; i < n && i < PAGE; i++) {
		show(&sessions[i], &c, &shown[i]);
		list[i] = &shown[i].info;
		reply.n_sessions++;
	}
	reply.sessions = list;
	reply.next = n > PAGE ? q->after + PAGE : 0;
	nx_answer_session_list(r, &reply);
}

/* --- changing ---------------------------------------------------------------*/

enum { GONE = 1 }; /* an outcome beside 0 and -errno */

struct change {
	struct authd *a;
	struct nx_request *r;
	struct auth_caller caller;
	struct auth_user owner;
	uint8_t id[NX_SESSION_LEN];
	bool all;
	char name[AUTH_SESSION_NAME + 1];
	char client[AUTH_ADDRESS_MAX + 1];
	int64_t notice;
};

static int
write_name(struct nx_db *db, void *arg)
{
	struct change *c = arg;
	int r = auth_session_rename(db, c->id, c->owner.id, c->name);

	return r < 0 ? r : r == 0 ? GONE : 0;
}

static int
write_end(struct nx_db *db, void *arg)
{
	struct change *c = arg;
	struct auth_event e = {.event = "session-ended",
	    .actor = auth_caller_actor(&c->caller),
	    .user_id = c->owner.id,
	    .username = c->owner.username,
	    .client = c->client,
	    .session = c->all ? NULL : c->id,
	    .detail = c->all ? "all others" : NULL};
	int r;

	c->notice = 0;
	if (c->all)
		r = auth_sessions_end(c->a, db, c->owner.id,
		    c->caller.operator? NULL : c->caller.session.id,
		    &c->notice);
	else {
		r = auth_session_delete(db, c->id, c->owner.id);
		if (r == 0)
			return GONE;
		r = r < 0 ? r
			  : auth_notice_put(db, AUTH_NOTICE_REVOKE, c->owner.id,
				c->id, auth_now(c->a), &c->notice);
	}
	return r < 0 ? r : auth_audit(c->a, db, &e);
}

static void
on_changed(int result, void *arg)
{
	struct change *c = arg;

	auth_notice_pump(c->a);
	if (result == GONE)
		nx_refuse(c->r, NX__STATUS__NOT_FOUND,
		    "There is no such session: GET /api/account/sessions "
		    "lists them.");
	else if (result < 0)
		nx_refuse_errno(
		    c->r, result, "The session could not be changed");
	else if (c->notice)
		auth_notice_answer(c->a, c->r, c->notice, NULL);
	else
		nx_answer_session_end(c->r);
	free(c);
}

static struct change *
change_new(struct authd *a, struct nx_request *r, const char *token,
    const char *username, const char *id)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_refuse_errno(r, -ENOMEM, "changing the session");
		return NULL;
	}
	c->a = a;
	c->r = r;
	c->all = *id == '\0';
	if (!auth_caller(a, r, token, 0, &c->caller) ||
	    !auth_caller_owner(a, r, &c->caller, username, &c->owner)) {
		free(c);
		return NULL;
	}
	if (c->all || read_id(id, c->id))
		return c;
	nx_refuse(r, NX__STATUS__NOT_FOUND,
	    "There is no such session: a session's id has 32 digits.");
	free(c);
	return NULL;
}

static bool
is_own(const struct change *c)
{
	return !c->caller.operator&& !c->all &&
		memcmp(c->id, c->caller.session.id, sizeof(c->id)) == 0;
}

void
serve_session_rename(
    struct nx_request *r, const Nx__SessionRenameRequest *q, struct authd *a)
{
	struct change *c;

	if (!nx_text_clean(q->name, strlen(q->name), "") || *q->id == '\0') {
		nx_refuse(r, NX__STATUS__INVALID,
		    "A session's name has at most 64 bytes, and no control "
		    "characters.");
		return;
	}
	c = change_new(a, r, q->token, "", q->id);
	if (!c)
		return;
	(void)snprintf(c->name, sizeof(c->name), "%s", q->name);
	nx_db_write(a->db, write_name, on_changed, c);
}

/* Safe to grant: it takes and gives nothing. */
void
serve_session_end(
    struct nx_request *r, const Nx__SessionEndRequest *q, struct authd *a)
{
	struct change *c = change_new(a, r, q->token, q->username, q->id);

	if (!c)
		return;
	if (!is_own(c) &&
	    !auth_caller(a, r, q->token, AUTH_NEED_FRESH, &c->caller)) {
		free(c);
		return;
	}
	(void)snprintf(c->client, sizeof(c->client), "%s", q->client);
	nx_db_write(a->db, write_end, on_changed, c);
}
