/* The audit as it is read: page by page, and along the chain. */
#include <errno.h>
#include <stdlib.h>

#include "authd/flows/audit.h"
#include "authd/flows/caller.h"
#include "common/err.h"
#include "proto/serve_authd.h"

#define PAGE 20

static void
show(const struct auth_audit_row *w, Nx__AuditEntry *e)
{
	nx__audit_entry__init(e);
	e->seq = w->seq;
	e->at = (uint64_t)w->at;
	e->source = (char *)(uintptr_t)w->word[AUTH_AUDIT_SOURCE];
	e->event = (char *)(uintptr_t)w->word[AUTH_AUDIT_EVENT];
	e->actor = (char *)(uintptr_t)w->word[AUTH_AUDIT_ACTOR];
	e->username = (char *)(uintptr_t)w->word[AUTH_AUDIT_USERNAME];
	e->client = (char *)(uintptr_t)w->word[AUTH_AUDIT_CLIENT];
	e->session = (char *)(uintptr_t)w->word[AUTH_AUDIT_SESSION];
	e->result = (char *)(uintptr_t)w->word[AUTH_AUDIT_RESULT];
	e->detail = (char *)(uintptr_t)w->word[AUTH_AUDIT_DETAIL];
}

/* Whose rows: an administrator's choice, else the caller's own. False: refused. */
static bool
find_whom(struct authd *a, struct nx_request *r, const Nx__AuditListRequest *q,
    struct auth_audit_filter *f)
{
	struct auth_caller c;
	struct auth_user user;
	int found;

	if (!auth_caller(a, r, q->token, 0, &c))
		return false;
	f->user_id = c.user.id;
	if (!c.operator|| q->username[0] == '\0')
		return true;
	found = auth_user_by_name(a->db, q->username, &user);
	if (found < 0)
		nx_refuse_errno(r, found, "The users could not be read");
	else if (found == 0)
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "There is no user of this name.");
	f->user_id = user.id;
	return found == 1;
}

/* Safe to grant: nobody reads but what concerns them, an administrator all. */
void
serve_audit_list(
    struct nx_request *r, const Nx__AuditListRequest *q, struct authd *a)
{
	static struct auth_audit_row rows[PAGE];
	static Nx__AuditEntry entries[PAGE];
	static Nx__AuditEntry *list[PAGE];
	Nx__AuditListReply reply = NX__AUDIT_LIST_REPLY__INIT;
	struct auth_audit_filter f = {.event = q->event,
	    .since = (int64_t)(q->since & INT64_MAX),
	    .until = (int64_t)(q->until & INT64_MAX)};
	size_t limit = q->limit && q->limit < PAGE ? q->limit : PAGE;
	uint64_t after = q->after;
	bool end;
	int n;

	if (!find_whom(a, r, q, &f))
		return;
	n = auth_audit_list(a->db, &f, &after, rows, limit, &end);
	if (n < 0) {
		nx_refuse_errno(r, n, "The audit could not be read");
		return;
	}
	for (int i = 0; i < n; i++) {
		show(&rows[i], &entries[i]);
		list[i] = &entries[i];
	}
	reply.entries = list;
	reply.n_entries = (size_t)n;
	reply.next = end ? 0 : after;
	nx_answer_audit_list(r, &reply);
}

/* --- the chain --------------------------------------------------------------*/

struct verifying {
	struct authd *a;
	struct nx_request *r;
	struct auth_audit_walk walk;
};

static void
answer(struct verifying *v)
{
	Nx__AuditVerifyReply reply = NX__AUDIT_VERIFY_REPLY__INIT;

	reply.rows = v->walk.rows;
	reply.first = v->walk.first;
	reply.last = v->walk.last;
	reply.broken = v->walk.broken;
	reply.why = (char *)(uintptr_t)(v->walk.why ? v->walk.why : "");
	nx_answer_audit_verify(v->r, &reply);
}

/* Others have the loop between two steps. */
static void
step(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = {.tv_usec = 1000};
	struct verifying *v = arg;
	int r = v->a->closing
	    ? -ECANCELED
	    : auth_audit_step(v->a->db, v->a->keys.audit, &v->walk);

	(void)fd;
	(void)what;
	if (r == 1)
		r = event_base_once(
			v->a->base, -1, EV_TIMEOUT, step, v, &soon) < 0
		    ? -ENOMEM
		    : 1;
	if (r == 1)
		return;
	if (r < 0)
		nx_refuse_errno(v->r, r, "The audit could not be read");
	else
		answer(v);
	free(v);
}

/* Safe to grant to an administrator: it tells whether, and not what. */
void
serve_audit_verify(struct nx_request *r, struct authd *a)
{
	struct verifying *v = calloc(1, sizeof(*v));

	if (!v) {
		nx_refuse_errno(r, -ENOMEM, "looking at the audit");
		return;
	}
	v->a = a;
	v->r = r;
	step(-1, 0, v);
}
