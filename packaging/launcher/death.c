/*
 * Why a process ended, in words.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <seccomp.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "packaging/launcher/death.h"

#define SYSLOG_READ_ALL 3
#define KERNEL_LOG_MAX  (256 << 10)

/* The call in the kernel's last audit record (type 1326: seccomp) of @pid. */
static int
killed_by_call(pid_t pid)
{
	nx_cleanup_free char *log = malloc(KERNEL_LOG_MAX + 1);
	const char *at, *last = NULL;
	char needle[32];
	int n, call;

	if (!log || (n = klogctl(SYSLOG_READ_ALL, log, KERNEL_LOG_MAX)) <= 0)
		return -1;
	log[n] = '\0';
	snprintf(needle, sizeof(needle), " pid=%d ", (int)pid);
	for (at = log; (at = strstr(at, "type=1326 ")); at++) {
		const char *end = strchrnul(at, '\n');
		const char *p = strstr(at, needle);

		if (p && p < end)
			last = p;
	}
	if (!last || !(last = strstr(last, " syscall=")) ||
	    sscanf(last, " syscall=%d", &call) != 1)
		return -1;
	return call;
}

static void
describe_filter(pid_t pid, char *out, size_t size)
{
	int call = -1;
	char *name;

	/* The record goes through a kernel thread. */
	for (int tries = 5; call < 0 && tries > 0; tries--) {
		call = killed_by_call(pid);
		if (call < 0)
			usleep(20000);
	}
	if (call < 0) {
		snprintf(out, size,
		    "was killed by its system call filter (which call: see "
		    "the kernel's log)");
		return;
	}
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
	snprintf(out, size,
	    "was killed by its system call filter: it called %s (%d)",
	    name ? name : "an unknown one", call);
	free(name);
}

void
up_death_describe(pid_t pid, int status, char *out, size_t size)
{
	if (WIFEXITED(status))
		snprintf(
		    out, size, "ended with status %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGSYS)
		describe_filter(pid, out, size);
	else
		snprintf(out, size, "was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
}
