/*
 * How a call went, for whoever asked. What is said comes from nexus-init's
 * status pipe, the cgroup and our own watches; nothing of it from the function
 * itself but its output, which is handed on as it is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "nodemgr/calls/call.h"
#include "proto/node.rpc.h"

/* What init wrote: "exit 3", "signal 11"; nothing when it was killed itself. */
static void
read_status(const struct call *c, Nx__LambdaRunReply *reply)
{
	static char exited[] = "exit", signaled[] = "signal";
	char text[32] = "", word[16] = "";
	int value = 0;
	ssize_t n = read(c->status, text, sizeof(text) - 1);

	if (n <= 0 || sscanf(text, "%15s %d", word, &value) != 2) {
		snprintf(word, sizeof(word), "signal");
		value = SIGKILL;
	}
	reply->reason = exited;
	reply->exit_code = value;
	if (!strcmp(word, "signal")) {
		reply->reason = signaled;
		reply->exit_code = 128 + value;
	}
}

/* What it was ended for, or how it ended. */
static void
describe_end(const struct call *c, const struct nx_cgroup_stat *stat,
    Nx__LambdaRunReply *reply)
{
	static char memory[] = "out-of-memory", output[] = "output-limit",
		    timeout[] = "timeout";
	static const struct {
		char *reason;
		int code;
	} ends[] = {
	    [CALL_OVERSIZED] = {memory, 128 + SIGKILL},
	    [CALL_FLOODED] = {output, 128 + SIGKILL},
	    [CALL_LATE] = {timeout, 124 /* as timeout(1) */},
	};
	enum call_end end = c->end;

	if (end == CALL_BY_ITSELF && stat->oom_kills > 0)
		end = CALL_OVERSIZED;
	if (end == CALL_BY_ITSELF) {
		read_status(c, reply);
		return;
	}
	reply->reason = ends[end].reason;
	reply->exit_code = ends[end].code;
}

void
call_answer(struct call *c, const struct rusage *usage)
{
	Nx__LambdaRunReply reply = NX__LAMBDA_RUN_REPLY__INIT;
	struct nx_request *r = nx_take_ptr(c->r);
	struct nx_cgroup_stat stat = {0};
	int fds[2];

	(void)nx_cgroup_read(c->warden.cgroup, &stat);
	describe_end(c, &stat, &reply);
	reply.execution_us = nx_now_us() - c->exec_us;
	reply.start_us = c->exec_us - c->begun_us;
	reply.peak_memory = stat.memory_peak ? stat.memory_peak
					     : (uint64_t)usage->ru_maxrss << 10;
	reply.limits_enforced = c->m->cgroups.controllers;
	reply.stdout_cut = c->out.dropped > 0;
	reply.stderr_cut = c->err.dropped > 0;
	fds[0] = nx_memfd_sealed("stdout", c->out.data, c->out.len);
	fds[1] = nx_memfd_sealed("stderr", c->err.data, c->err.len);
	nx_info("event=function runtime=%s user=%llu reason=%s start_us=%llu "
		"execution_us=%llu",
	    c->runtime->name, (unsigned long long)c->user, reply.reason,
	    (unsigned long long)reply.start_us,
	    (unsigned long long)reply.execution_us);
	if (fds[0] >= 0 && fds[1] >= 0) {
		nx_answer_lambda_run(r, &reply, fds, 2);
		return;
	}
	nx_close(&fds[0]);
	nx_close(&fds[1]);
	nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
}

void
call_refuse_fault(struct call *c)
{
	nx_refuse(nx_take_ptr(c->r), NX__STATUS__INTERNAL,
	    "the function did not start: %s: %s", c->fault.step,
	    strerror(-c->fault.error));
}
