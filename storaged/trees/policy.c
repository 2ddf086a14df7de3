/* See policy.h, and what folders want. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/info.h"
#include "storaged/trees/policy.h"
#include "storaged/trees/refuse.h"
#include "storaged/volumes/volumes.h"

const char *
policy_read(const char *erasure, uint32_t replicas, uint32_t *ret_code)
{
	struct erasure e;

	*ret_code = 0;
	if (!erasure || erasure[0] == '\0')
		return NULL;
	if (replicas > 0)
		return "say either how many replicas, or parity as in 4+2";
	if (!erasure_parse(erasure, &e) || e.parity > POLICY_PARITY_MAX)
		return "parity is written as in 2+1 or 4+2: 2 to 8 parts of "
		       "data, and 1 to 3 of parity";
	*ret_code = catalog_code(e);
	return NULL;
}

/* --- what is wanted ---------------------------------------------------------*/

/* The first @depth names of @path. */
static void
cut(const struct path *path, unsigned depth, char *ret_text, size_t size)
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		int n = snprintf(
		    ret_text + len, size - len, "/%s", path_name(path, i));

		nx_assert(n > 0 && (size_t)n < size - len);
		len += (size_t)n;
	}
	if (depth == 0)
		(void)snprintf(ret_text, size, "/");
}

static void
say(const struct catalog_policy *policy, char *ret_text, size_t size)
{
	struct erasure e = catalog_erasure(policy->code);

	if (policy->code)
		(void)snprintf(ret_text, size, "%u+%u", e.data, e.parity);
	else if (policy->replicas)
		(void)snprintf(ret_text, size, "%u replica%s", policy->replicas,
		    policy->replicas == 1 ? "" : "s");
	else
		(void)snprintf(ret_text, size, "the default");
}

static void
answer(struct nx_request *r, struct storaged *s, const struct path *path)
{
	Nx__FsPolicyReply reply = NX__FS_POLICY_REPLY__INIT;
	char from[PATH_BYTES_MAX + 2], text[32];
	struct catalog_policy policy;
	int e = catalog_policy(s->catalog, r->who.user_id, path, true, &policy);

	if (e < 0) {
		nx_refuse_errno(r, e, "reading what the folder wants");
		return;
	}
	say(&policy, text, sizeof(text));
	reply.policy = text;
	reply.replicas = policy.replicas;
	if (policy.code)
		reply.erasure = text;
	if (policy.code || policy.replicas) {
		cut(path, policy.depth, from, sizeof(from));
		reply.from = from;
	}
	nx_answer(r, &reply.base, NULL, 0);
}

void
serve_fs_policy(
    struct nx_request *r, const Nx__FsPathRequest *q, struct storaged *s)
{
	struct catalog_entry entry;
	struct path path;
	int result;

	if (!path_or_refuse(r, q->path, &path))
		return;
	result = catalog_stat(s->catalog, r->who.user_id, &path, &entry);
	if (result == 0 && !entry.folder)
		result = CATALOG_NOT_FOLDER;
	if (result != 0)
		refuse_catalog(r, result, path.text);
	else
		answer(r, s, &path);
}

/* --- wanting ----------------------------------------------------------------*/

struct set_request {
	struct catalog_policy_op op;
	struct storaged *s;
	struct nx_request *request;
};

static void
on_set(int result, void *arg)
{
	struct set_request *q = arg;

	if (result != 0)
		refuse_catalog(q->request, result, q->op.path.text);
	else
		answer(q->request, q->s, &q->op.path);
	free(q);
}

/* What could not be kept now is not promised. */
static bool
check_volumes(struct nx_request *r, struct storaged *s,
    const struct catalog_policy *policy)
{
	struct erasure e = catalog_erasure(policy->code);
	unsigned active = volumes_active(s->volumes);
	unsigned need = policy->code ? e.data + e.parity : policy->replicas;

	if (policy->replicas > REPLICAS_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "%u replicas are the most",
		    REPLICAS_MAX);
		return false;
	}
	if (need <= active)
		return true;
	nx_refuse(r, NX__STATUS__CONFLICT,
	    "that needs %u active volumes; there are %u: add a disk or create "
	    "a node first",
	    need, active);
	return false;
}

void
serve_fs_set_policy(
    struct nx_request *r, const Nx__FsSetPolicyRequest *q, struct storaged *s)
{
	struct set_request *set = calloc(1, sizeof(*set));
	struct catalog_policy *policy;
	const char *wrong;

	if (!set) {
		nx_refuse_errno(r, -ENOMEM, "remembering what is wanted");
		return;
	}
	policy = &set->op.policy;
	policy->replicas = q->replicas;
	wrong = policy_read(q->erasure, q->replicas, &policy->code);
	if (!wrong && !q->inherit == !(policy->code || policy->replicas))
		wrong =
		    "say one of parity as in 4+2, a number of replicas, and "
		    "inherit";
	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	if (wrong || !path_or_refuse(r, q->path, &set->op.path) ||
	    !check_volumes(r, s, policy)) {
		free(set);
		return;
	}
	set->s = s;
	set->request = r;
	set->op.owner = r->who.user_id;
	set->op.done = on_set;
	set->op.arg = set;
	catalog_policy_set(s->catalog, &set->op);
}
