/*
 * How often what comes is to be there: as who sends it asks, else as the folder it
 * comes to wants it, else the default. Refused where there are not as many
 * volumes.
 */
#include <stdio.h>

#include "common/status.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/uploads.h"
#include "storaged/volumes/volumes.h"

#define DEFAULT_REPLICAS 2U

static bool
decide_code(
    struct nx_request *r, struct storaged *s, struct upload_policy *policy)
{
	struct erasure e = catalog_erasure(policy->code);
	unsigned active = volumes_active(s->volumes);

	if (active >= e.data + e.parity) {
		policy->want = e.parity + 1;
		return true;
	}
	nx_refuse(r, NX__STATUS__CONFLICT,
	    "%u+%u needs %u active volumes, one for each part; there are %u: "
	    "add a disk, create a node, or ask for replicas instead",
	    e.data, e.parity, e.data + e.parity, active);
	return false;
}

static bool
decide_replicas(
    struct nx_request *r, struct storaged *s, struct upload_policy *policy)
{
	unsigned active = volumes_active(s->volumes), asked = policy->replicas;

	if (asked > REPLICAS_MAX || asked > active) {
		nx_refuse(r,
		    asked > REPLICAS_MAX ? NX__STATUS__INVALID
					 : NX__STATUS__CONFLICT,
		    "%u replicas need %u active nodes; there are %u, and %u "
		    "replicas at most",
		    asked, asked, active, REPLICAS_MAX);
		return false;
	}
	policy->want = asked;
	if (asked == 0)
		policy->want =
		    active < DEFAULT_REPLICAS ? active : DEFAULT_REPLICAS;
	return true;
}

/* False: @r has been refused. */
static bool
read_asked(struct nx_request *r, struct upload_policy *policy)
{
	const char *wrong =
	    policy_read(policy->erasure, policy->replicas, &policy->code);

	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	return !wrong;
}

static bool
read_wanted(struct nx_request *r, struct storaged *s, uint64_t owner,
    const struct path *path, struct upload_policy *policy)
{
	struct catalog_policy wanted;
	int e;

	if (policy->code || policy->replicas || !path)
		return true;
	e = catalog_policy(s->catalog, owner, path, false, &wanted);
	if (e < 0) {
		nx_refuse_errno(r, e, "reading what the folder wants");
		return false;
	}
	policy->code = wanted.code;
	policy->replicas = wanted.replicas;
	return true;
}

bool
uploads_decide_policy(struct nx_request *r, struct storaged *s, uint64_t owner,
    const struct path *path, struct upload_policy *policy)
{
	policy->code = 0;
	if (volumes_active(s->volumes) == 0) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "no active node: create one first");
		return false;
	}
	if (!read_asked(r, policy) || !read_wanted(r, s, owner, path, policy))
		return false;
	return policy->code ? decide_code(r, s, policy)
			    : decide_replicas(r, s, policy);
}
