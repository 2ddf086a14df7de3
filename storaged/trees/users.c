/*
 * Accounts: what a user has stored, what of it counts, how much may. The user
 * is the ticket's; quotas are set by the operator, whom the kernel vouched for.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/quota.h"
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
	reply.history = usage.history;
	reply.held = usage.held;
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
