/* Accounts, totals, and what authd tells about users. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/collector.h"
#include "storaged/care/reserve.h"
#include "storaged/trees/quota.h"
#include "storaged/trees/refuse.h"
#include "storaged/storaged.h"
#include "storaged/uploads/upload.h"
#include "storaged/volumes/volumes.h"
#include "proto/serve_storaged.h"

static void
answer_usage(struct nx_request *r, struct storaged *s, uint64_t user)
{
	Nx__UsageReply reply = NX__USAGE_REPLY__INIT;
	struct catalog_usage usage;
	int e = catalog_usage(s->catalog, user, &usage);

	if (e == 0)
		e = quota_limit(s, user, &reply.quota);
	if (e < 0) {
		nx_refuse_errno(r, e, "reading the account");
		return;
	}
	reply.used = usage.used;
	reply.files = usage.files;
	reply.folders = usage.folders;
	reply.counted = usage.charged;
	reply.entries = quota_entries(s, user);
	reply.reserved = quota_promised(s, user);
	nx_answer_storage_usage(r, &reply);
}

void
serve_storage_usage(struct nx_request *r, struct storaged *s)
{
	answer_usage(r, s, r->who.user_id);
}

struct quota_op {
	struct catalog_set_quota set;
	struct storaged *s;
	struct nx_request *request;
};

static void
quota_set(int result, void *arg)
{
	struct quota_op *op = arg;

	if (result < 0)
		nx_refuse_errno(op->request, result, "setting the quota");
	else
		answer_usage(op->request, op->s, op->set.user);
	free(op);
}

void
serve_storage_set_quota(
    struct nx_request *r, const Nx__SetQuotaRequest *q, struct storaged *s)
{
	struct quota_op *op;

	if (q->quota > INT64_MAX || q->user_id > INT64_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "a quota is at most 8 EiB");
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op) {
		nx_refuse_errno(r, -ENOMEM, "setting the quota");
		return;
	}
	op->s = s;
	op->request = r;
	op->set = (struct catalog_set_quota){.user = q->user_id,
	    .quota = q->quota,
	    .done = quota_set,
	    .arg = op};
	catalog_set_quota(s->catalog, &op->set);
}

void
serve_storage_status(struct nx_request *r, struct storaged *s)
{
	Nx__StorageStatusReply reply = NX__STORAGE_STATUS_REPLY__INIT;
	struct collector_status care;
	struct catalog_totals totals;
	const struct volume *v;
	int e = catalog_totals(s->catalog, &totals);

	if (e < 0) {
		nx_refuse_errno(r, e, "counting");
		return;
	}
	TAILQ_FOREACH(v, &s->volumes->list, entry) {
		reply.volumes++;
		reply.active += v->active;
		reply.base_volumes += v->base;
		reply.suspect += v->suspect;
		reply.away += volume_away(v);
		/* Beside those that lack one in the catalogue. */
		reply.degraded_files += v->away_files;
	}
	reply.files = totals.files;
	reply.chunks = totals.chunks;
	reply.bytes = totals.bytes;
	reply.degraded_files += totals.degraded;
	reply.base_note = s->volumes->base_note;
	reply.uploads = uploads_count(s->uploads);
	reply.repaired = s->repaired;
	reply.corrupt = s->corrupt;
	collector_status(s->collector, &care);
	reply.removing = care.busy;
	reply.set_aside = care.set_aside;
	reply.orphans_refused = care.refused;
	reply.disk_full = !reserve_held(s->reserve);
	nx_answer_storage_status(r, &reply);
}

/* --- authd ------------------------------------------------------------------*/

static void
key_given(const struct nx_reply *reply, void *arg)
{
	struct storaged *s = arg;

	if (reply->status == NX__STATUS__OK)
		nx_debug("event=ticket-key-given");
	else
		nx_warn(
		    "event=ticket-key-not-given reason=\"%s\"", reply->error);
	(void)s;
}

/* authd can make tickets for us only with our key: on every new edge to it,
 * and whenever the key has changed. */
static void
give_key(struct storaged *s)
{
	const struct nx_ticket_key *key = nx_tickets_key(s->tickets);
	Nx__TicketKey message = NX__TICKET_KEY__INIT;
	uint8_t copy[NX_TICKET_KEY_LEN];

	memcpy(copy, key->key, sizeof(copy));
	message.epoch = key->epoch;
	message.key.data = copy;
	message.key.len = sizeof(copy);
	(void)nx_call(
	    s->hub, nx_ask_auth_ticket_key(&message), NULL, key_given, s);
	explicit_bzero(copy, sizeof(copy));
}

void
storaged_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct storaged *s = ctx;

	if (!up)
		uploads_peer_gone(s->uploads, peer);
	else if (peer->role == NX_ROLE_AUTH)
		give_key(s);
}

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct storaged *s)
{
	if (q->session.len != 0 && q->session.len != NX_SESSION_LEN) {
		nx_refuse(r, NX__STATUS__INVALID, "a session has %d bytes",
		    NX_SESSION_LEN);
		return;
	}
	if (nx_tickets_revoke(s->tickets, q->user_id,
		q->session.len ? q->session.data : NULL))
		give_key(s);
	nx_answer_auth_revoke(r);
}

struct drop_op {
	struct catalog_drop_user drop;
	struct storaged *s;
	struct nx_request *request;
};

static void
dropped(int result, void *arg)
{
	struct drop_op *op = arg;

	if (result != 0)
		refuse_catalog(op->request, result, "the user's files");
	else {
		nx_info("event=user-dropped user=%" PRIu64, op->drop.user);
		nx_answer_auth_user_deleted(op->request);
		collector_kick(op->s->collector);
	}
	free(op);
}

/*
 * Safe to grant: ids are never used again, so what is dropped can be nobody
 * else's. authd repeats it until we have answered. User 0 is the operator and
 * cannot be deleted.
 */
void
serve_auth_user_deleted(
    struct nx_request *r, const Nx__UserDeleted *q, struct storaged *s)
{
	struct drop_op *op;

	if (q->user_id == 0) {
		nx_refuse(r, NX__STATUS__INVALID, "a user has an id");
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op) {
		nx_refuse_errno(r, -ENOMEM, "deleting the user's files");
		return;
	}
	if (nx_tickets_revoke(s->tickets, q->user_id, NULL))
		give_key(s);
	uploads_user_gone(s->uploads, q->user_id);
	op->s = s;
	op->request = r;
	op->drop.user = q->user_id;
	op->drop.done = dropped;
	op->drop.arg = op;
	catalog_drop_user(s->catalog, &op->drop);
}
