/* Paths that are locked until a time. */
#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "proto/lock.rpc.h"

static const struct ctl_column columns[] = {
    {"UNTIL", "until", CTL_TIME},
    {"PATH", "path", CTL_TEXT},
};
static const struct ctl_listing locks = {
    NX__METHOD__FS_LOCK_LIST, "locks", "path", columns, NX_ARRAY_SIZE(columns)};

int
ctl_fs_lock(struct ctl *c)
{
	Nx__FsLockRequest request = NX__FS_LOCK_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	char until[CTL_TIME_SIZE];
	int exit;

	if (!ctl_option(c->args, "until")->set)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "say how long: --until TIME, such as 2030-12-31 or +90d");
	request.path = path;
	request.until = ctl_option_number(c, "until");
	exit = ctl_ask(c, nx_ask_fs_lock(&request), &reply);
	ctl_time_format(request.until, until);
	return exit ? exit
		    : ctl_done(c, reply.body, "path", "%s is locked until %s",
			  path, until);
}

int
ctl_fs_locks(struct ctl *c)
{
	Nx__FsLockListRequest request = NX__FS_LOCK_LIST_REQUEST__INIT;

	return ctl_list(c, &locks, &request.base);
}
