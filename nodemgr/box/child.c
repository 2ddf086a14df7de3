/*
 * What every child does on its way inside, into a new box or into one that runs.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "nodemgr/box/child.h"

int
nx_signals_reset(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < _NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	return NX_SYS(sigprocmask(SIG_SETMASK, &none, NULL));
}

int
nx_rlimit_lower(int what, uint64_t soft, uint64_t hard)
{
	struct rlimit now, want;

	if (getrlimit((__rlimit_resource_t)what, &now) < 0)
		return -errno;
	want.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	want.rlim_cur = soft < want.rlim_max ? soft : want.rlim_max;
	return NX_SYS(setrlimit((__rlimit_resource_t)what, &want));
}
