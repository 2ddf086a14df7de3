/*
 * Calling functions in a world of its own: as a user would, and what came of it.
 */
#ifndef NODEMGR_FUNCTION_LAB_H
#define NODEMGR_FUNCTION_LAB_H

#include "nodemgr/calls/call.h"
#include "tests/unit/nodemgr_world.h"

#define USER 7

struct result {
	Nx__Status status;
	char error[512], reason[40], *out, *err;
	size_t out_len;
	int code;
	uint64_t start_us, execution_us, peak;
	bool cut;
};

static inline char *
slurp(int fd, size_t *ret_len)
{
	struct stat st;
	char *text;

	assert_int_equal(nx_memfd_check(fd, 2 << 20, ret_len), 0);
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, *ret_len + 1);
	assert_int_equal(pread(fd, text, *ret_len, 0), (ssize_t)*ret_len);
	return text;
}

static inline void
call_async(
    struct answer *a, const char *code, uint32_t timeout_ms, uint64_t memory)
{
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	int fd = nx_memfd_sealed("code", code, strlen(code));

	q.runtime = (char *)(uintptr_t) "python3";
	q.timeout_ms = timeout_ms;
	q.memory = memory;
	ask_async(
	    a, world.admin, NX__METHOD__LAMBDA_RUN, &q.base, USER, &fd, 1);
	nx_close(&fd);
}

static inline void
take_result(struct answer *a, struct result *r)
{
	const Nx__LambdaRunReply *reply = (const Nx__LambdaRunReply *)a->body;
	size_t len;

	memset(r, 0, sizeof(*r));
	r->status = a->status;
	snprintf(r->error, sizeof(r->error), "%s", a->error);
	if (a->status != 0) {
		print_message("# %s\n", a->error);
		forget_answer(a);
		return;
	}
	r->code = reply->exit_code;
	snprintf(r->reason, sizeof(r->reason), "%s", reply->reason);
	r->start_us = reply->start_us;
	r->execution_us = reply->execution_us;
	r->peak = reply->peak_memory;
	r->cut = reply->stdout_cut;
	r->out = slurp(a->fds[0], &r->out_len);
	r->err = slurp(a->fds[1], &len);
	forget_answer(a);
}

static inline struct result *
call(const char *code, uint32_t timeout_ms, uint64_t memory)
{
	static struct result r;
	struct answer a;

	free(r.out);
	free(r.err);
	call_async(&a, code, timeout_ms, memory);
	settle(&a);
	take_result(&a, &r);
	return &r;
}

#endif
