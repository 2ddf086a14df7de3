/*
 * /api/lambda/run: the code goes to nodemgr as a sealed memfd, what it printed
 * comes back as two.
 */
#include <errno.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/utf8.h"
#include "gatewayd/routes/route.h"
#include "proto/node.rpc.h"

#define CODE_MAX   (1024U * 1024U)
#define OUTPUT_MAX (4U * 1024U * 1024U)
#define MIB        (1024ULL * 1024)
#define QUEUE_S    30U /* on top of the function's own time */

struct wanted {
	char *code, *runtime;
	uint64_t timeout_ms, memory_mb;
};
#define FIELD(n, type, required, min, max)                                  \
	{                                                                   \
#n, JSON_##type, required, offsetof(struct wanted, n), min, \
		    max                                                     \
	}
static const struct json_field fields[] = {
    FIELD(code, STRING, true, 0, 0),
    FIELD(runtime, STRING, false, 0, 0),
    FIELD(timeout_ms, UINT, false, 1, 900000),
    FIELD(memory_mb, UINT, false, 1, 1 << 20),
};

/* A call under way. nodemgr is told when nobody waits for it any more: it
 * would hold one of few places for as long as its function likes to take. */
struct run {
	struct nx_hub *hub;
	uint64_t number;
	bool answered;
};

static void
run_free(void *state)
{
	Nx__LambdaCancelRequest m = NX__LAMBDA_CANCEL_REQUEST__INIT;
	struct run *run = state;

	m.number = run->number;
	if (!run->answered)
		nx_notify(nx_hub_peer(run->hub, NX_ROLE_NODE),
		    nx_ask_lambda_cancel(&m));
	free(run);
}

static const struct req_ops run_ops = {.free = run_free};

static struct run *
run_of(struct req *r)
{
	static uint64_t last;
	struct run *run = r->state;

	if (run)
		return run; /* asked again, with another ticket */
	run = calloc(1, sizeof(*run));
	if (!run)
		return NULL;
	run->hub = r->gw->hub;
	run->number = ++last;
	r->state = run;
	r->ops = &run_ops;
	return run;
}

/* What is no UTF-8 is also there as it was. */
static int
json_exact(struct buf *b, const char *name, const char *data, size_t len)
{
	size_t size =
	    sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	nx_cleanup_free char *text = NULL;
	char member[32];

	if (nx_utf8_valid(data, len))
		return 0;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	sodium_bin2base64(text, size, (const unsigned char *)data, len,
	    sodium_base64_VARIANT_ORIGINAL);
	snprintf(member, sizeof(member), "%s_base64", name);
	json_bytes(b, member, text, size - 1);
	return 0;
}

/* A member with what is in the memfd @fd. */
static int
json_memfd(struct buf *b, const char *name, int fd)
{
	nx_cleanup_free char *data = NULL;
	size_t size, at = 0;
	ssize_t n;
	int result = nx_memfd_check(fd, OUTPUT_MAX, &size);

	if (result < 0)
		return result;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	while (at < size) {
		n = pread(fd, data + at, size - at, (off_t)at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	json_bytes(b, name, data, at);
	return json_exact(b, name, data, at);
}

static void
on_run(struct req *r, const struct nx_reply *reply)
{
	const Nx__LambdaRunReply *m = nx_as_lambda_run_reply(reply->body);
	struct run *run = r->state;
	struct buf b = {0};

	run->answered = true;
	json_open(&b, NULL, '{');
	if (reply->n_fds != 2 || json_memfd(&b, "stdout", reply->fds[0]) < 0 ||
	    json_memfd(&b, "stderr", reply->fds[1]) < 0) {
		buf_fini(&b);
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The function's output could not be read.");
		return;
	}
	json_int(&b, "exit_code", m->exit_code);
	json_uint(&b, "execution_time_ms", (m->execution_us + 500) / 1000);
	json_uint(&b, "execution_us", m->execution_us);
	json_uint(&b, "start_us", m->start_us);
	json_string(&b, "reason", m->reason);
	json_bool(&b, "stdout_cut", m->stdout_cut);
	json_bool(&b, "stderr_cut", m->stderr_cut);
	json_uint(&b, "peak_memory", m->peak_memory);
	json_bool(&b, "limits_enforced", m->limits_enforced);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
lambda_run(struct req *r)
{
	Nx__LambdaRunRequest m = NX__LAMBDA_RUN_REQUEST__INIT;
	struct wanted w = {.runtime = (char[]){"python3"}};
	struct req_call_opts opts = {0};
	nx_cleanup_fd int fd = -1;
	struct run *run;

	if (!req_take(r, fields, NX_ARRAY_SIZE(fields), &w))
		return;
	if (strlen(w.code) > CODE_MAX) {
		req_fail(r, 413, "too-large", "The code is larger than 1 MiB.");
		return;
	}
	fd = nx_memfd_sealed("nexus-code", w.code, strlen(w.code));
	run = fd < 0 ? NULL : run_of(r);
	if (!run) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	m.number = run->number;
	m.runtime = w.runtime;
	m.timeout_ms = (uint32_t)w.timeout_ms;
	m.memory = w.memory_mb * MIB;
	opts.fds = &fd;
	opts.n_fds = 1;
	opts.timeout_s =
	    QUEUE_S + (w.timeout_ms ? w.timeout_ms / 1000 + 1 : 10);
	req_call(r, nx_ask_lambda_run(&m), &opts, on_run);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/lambda/run", ROUTE_JSON, ROUTE_CODE, ROUTE_TOKEN,
	lambda_run, NULL},
};
const struct route_table lambda_routes = {rows, NX_ARRAY_SIZE(rows)};
