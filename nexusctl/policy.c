/* How often what comes into a folder is to be there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "proto/storage.rpc.h"

static int
done(struct ctl *c, const char *path, const struct ctl_reply *reply)
{
	const Nx__FsPolicyReply *a = nx_as_fs_policy_reply(reply->body);

	if (a->from[0] == '\0' || strcmp(a->from, path) == 0)
		return ctl_done(c, reply->body, "policy",
		    "what comes into %s is kept with %s", path, a->policy);
	return ctl_done(c, reply->body, "policy",
	    "what comes into %s is kept with %s, as %s wants it", path,
	    a->policy, a->from);
}

static int
show(struct ctl *c, char *path)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.path = path;
	exit = ctl_ask(c, nx_ask_fs_policy(&request), &reply);
	return exit ? exit : done(c, path, &reply);
}

/* False: it is neither of the three. */
static bool
read_policy(struct ctl *c, char *policy, Nx__FsSetPolicyRequest *request)
{
	const struct ctl_value *given = ctl_hole(c->args, "NUMBER");
	const char *number = given->set ? given->text : NULL;
	bool replicas = strcmp(policy, "replicas") == 0;

	request->inherit = strcmp(policy, "inherit") == 0;
	if (replicas != (number != NULL))
		return false;
	if (!replicas && !request->inherit)
		request->erasure = policy;
	if (!replicas)
		return true;
	if (strlen(number) != 1 || number[0] < '1' || number[0] > '9')
		return false;
	request->replicas = (uint32_t)(number[0] - '0');
	return true;
}

int
ctl_fs_policy(struct ctl *c)
{
	Nx__FsSetPolicyRequest request = NX__FS_SET_POLICY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	char *policy = ctl_text(c, "POLICY");
	int exit;

	if (!ctl_hole(c->args, "POLICY")->set)
		return show(c, path);
	if (!read_policy(c, policy, &request))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "the policy is parity as in 2+1, replicas with their "
		    "number, or inherit");
	request.path = path;
	exit = ctl_ask(c, nx_ask_fs_set_policy(&request), &reply);
	return exit ? exit : done(c, path, &reply);
}
