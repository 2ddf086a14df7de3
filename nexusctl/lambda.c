/*
 * Functions: code from here, what it says to here. On a terminal or into a file
 * as it is; as JSON whole as well, whatever bytes it is made of.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/utf8.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/node.rpc.h"

#define CODE_MAX (16U << 20)

/* The code of a function as a sealed memfd. */
static int
load_code(const char *path, int *ret_fd)
{
	nx_cleanup_free char *code = NULL;
	size_t len = 0, n;
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int error = 0;

	if (!f)
		return -errno;
	code = malloc(CODE_MAX + 1);
	while (code && len <= CODE_MAX &&
	    (n = fread(code + len, 1, CODE_MAX + 1 - len, f)) > 0)
		len += n;
	if (!code)
		error = -ENOMEM;
	else if (ferror(f))
		error = -EIO;
	else if (len > CODE_MAX)
		error = -EFBIG;
	if (f != stdin)
		fclose(f);
	if (error == 0) {
		*ret_fd = nx_memfd_sealed("nexus-code", code, len);
		error = *ret_fd < 0 ? *ret_fd : 0;
	}
	return error;
}

/* @data as a JSON string: what is no UTF-8 becomes U+FFFD, NUL and all other
 * control characters are escaped, so that nothing is cut. NULL: out of memory.
 */
static char *
json_string(const unsigned char *data, size_t len)
{
	char *text = malloc(len * 6 + 3), *to = text;
	char piece[NX_JSON_PIECE];

	if (!text)
		return NULL;
	*to++ = '"';
	for (size_t i = 0; i < len;) {
		i += nx_json_piece(data + i, len - i, piece);
		to = stpcpy(to, piece);
	}
	strcpy(to, "\"");
	return text;
}

static void
add_exact(cJSON *json, const char *name, const unsigned char *data, size_t len)
{
	size_t size =
	    sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	nx_cleanup_free char *text = malloc(size);

	if (!text)
		return;
	sodium_bin2base64(
	    text, size, data, len, sodium_base64_VARIANT_ORIGINAL);
	cJSON_AddStringToObject(json, name, text);
}

/* The member @name with what is in the memfd @fd; if that is no UTF-8, also
 * @exact with all of its bytes. */
static void
add_output(cJSON *json, const char *name, const char *exact, int fd)
{
	nx_cleanup_free unsigned char *data = NULL;
	nx_cleanup_free char *text = NULL;
	size_t size = 0;

	if (nx_memfd_check(fd, SIZE_MAX >> 4, &size) == 0)
		data = malloc(size + 1);
	if (data && pread(fd, data, size, 0) == (ssize_t)size)
		text = json_string(data, size);
	if (!text) {
		cJSON_AddNullToObject(json, name);
		return;
	}
	cJSON_AddRawToObject(json, name, text);
	if (!nx_utf8_valid(data, size))
		add_exact(json, exact, data, size);
}

/* The same object as POST /api/lambda/run answers. */
static int
lambda_json(struct ctl_reply *reply)
{
	const Nx__LambdaRunReply *run = nx_as_lambda_run_reply(reply->body);
	cJSON *json = cJSON_CreateObject();

	add_output(json, "stdout", "stdout_base64", reply->fds[0]);
	add_output(json, "stderr", "stderr_base64", reply->fds[1]);
	cJSON_AddNumberToObject(json, "exit_code", run->exit_code);
	cJSON_AddNumberToObject(
	    json, "execution_time_ms", (double)run->execution_us / 1000);
	cJSON_AddStringToObject(json, "reason", run->reason);
	cJSON_AddNumberToObject(json, "peak_memory", (double)run->peak_memory);
	cJSON_AddBoolToObject(json, "stdout_cut", run->stdout_cut);
	cJSON_AddBoolToObject(json, "stderr_cut", run->stderr_cut);
	cJSON_AddBoolToObject(json, "limits_enforced", run->limits_enforced);
	ctl_print_json(json);
	return run->exit_code & 0xff;
}

static int
lambda_output(struct ctl *c, struct ctl_reply *reply)
{
	const Nx__LambdaRunReply *run = nx_as_lambda_run_reply(reply->body);

	if (reply->n_fds != 2)
		return ctl_failf(
		    c, NX__STATUS__INTERNAL, "nodemgr sent no output");
	if (c->json)
		return lambda_json(reply);
	(void)ctl_print_memfd(c, reply->fds[0], stdout, false);
	(void)ctl_print_memfd(c, reply->fds[1], stderr, false);
	if (run->stdout_cut || run->stderr_cut)
		fprintf(stderr, "nexusctl: the output was cut at its limit\n");
	if (strcmp(run->reason, "exit") != 0)
		ctl_say(stderr, "nexusctl: the function ended by %s\n",
		    run->reason);
	return run->exit_code & 0xff;
}

int
ctl_lambda_run(struct ctl *c)
{
	Nx__LambdaRunRequest request = NX__LAMBDA_RUN_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const char *path = ctl_text(c, "LOCAL");
	nx_cleanup_fd int code = -1;
	Nx__Status status;
	int error;

	error = load_code(path, &code);
	if (error < 0)
		return ctl_failf(c, nx_status_of_errno(error), "%s: %s", path,
		    strerror(-error));
	request.runtime = ctl_option_text(c, "runtime");
	request.timeout_ms = (uint32_t)ctl_option_number(c, "timeout") * 1000;
	request.memory = ctl_option_number(c, "mem");
	status = ctl_call(c, nx_ask_lambda_run(&request), &code, 1,
	    request.timeout_ms * 1000ULL + CTL_QUICK_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	return lambda_output(c, &reply);
}
