/*
 * A whole gateway in one process for tests: its connection layer on loopback
 * TCP, its hub on socketpairs to the daemons of gatewayd_daemons.h, and a
 * client that lets the gateway run while it talks.
 */
#ifndef GATEWAYD_LAB_H
#define GATEWAYD_LAB_H

#include "tests/unit/gatewayd_daemons.h"

static struct nx_hub *
lab_hub(enum nx_role self, const struct nx_handler *handlers, size_t n)
{
	struct nx_hub_config config = {.base = lab.base,
	    .self = self,
	    .tickets = self == NX_ROLE_NODE ? lab.node_tickets : lab.tickets};
	struct nx_hub *hub;
	size_t i;

	assert_int_equal(nx_hub_new(&config, &hub), 0);
	for (i = 0; i < n; i++)
		nx_hub_handle(hub, handlers[i].method, handlers[i].fn, NULL);
	return hub;
}

/* A new generation of the edge between the gateway and @hub. */
static void
lab_wire(struct nx_hub *hub, enum nx_role role)
{
	static uint64_t generation;
	int ends[2];

	generation++;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends),
	    0);
	assert_int_equal(
	    nx_hub_attach(lab.gw.hub, role, 0, generation, ends[0]), 0);
	assert_int_equal(
	    nx_hub_attach(hub, NX_ROLE_GATEWAY, 0, generation, ends[1]), 0);
}

static void
lab_listen(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	lab.port = ntohs(in.sin_port);
	assert_int_equal(http_server_listen(lab.gw.server, fd), 0);
}

static void
lab_on_drained(void *ctx)
{
	(void)ctx;
	lab.drained = true;
}

static void
lab_up_as(bool proxy_protocol)
{
	static const struct nx_handler auth[] = {
	    {NX__METHOD__AUTH_CHECK_TOKEN, lab_check_token},
	    {NX__METHOD__AUTH_LOGIN_INIT, lab_login},
	    {NX__METHOD__AUTH_LOGOUT, lab_logout}};
	static const struct nx_handler storage[] = {
	    {NX__METHOD__FILE_OPEN_UPLOAD, lab_open_upload},
	    {NX__METHOD__FILE_FINISH_UPLOAD, lab_finish_upload},
	    {NX__METHOD__FILE_ABORT_UPLOAD, lab_abort_upload},
	    {NX__METHOD__FILE_PUT, lab_put},
	    {NX__METHOD__FILE_STAT, lab_file_stat},
	    {NX__METHOD__FILE_OPEN_READ, lab_open_read},
	    {NX__METHOD__FILE_LIST, lab_file_list},
	    {NX__METHOD__FS_STAT, lab_fs_other},
	    {NX__METHOD__FS_MOVE, lab_fs_other},
	    {NX__METHOD__STORAGE_USAGE, lab_usage}};
	static const struct nx_handler node[] = {
	    {NX__METHOD__LAMBDA_RUN, lab_lambda},
	    {NX__METHOD__LAMBDA_CANCEL, lab_cancel}};

	signal(SIGPIPE, SIG_IGN);
	assert_true(sodium_init() >= 0);
	lab = (struct lab){.pipe = -1,
	    .file = -1,
	    .max_size = 1ULL << 40,
	    .window = 1 << 20,
	    .conf.http = {.max_connections = 100,
		.max_per_address = 50,
		.header_timeout = 1,
		.idle_timeout = 1,
		.min_rate = 1},
	    .conf.max_uploads = 256};
	lab.base = event_base_new();
	lab.tickets = nx_tickets_new(NX_ROLE_STORAGE);
	lab.node_tickets = nx_tickets_new(NX_ROLE_NODE);
	lab.gw.base = lab.base;
	lab.gw.conf = &lab.conf;
	lab.gw.hub = lab_hub(NX_ROLE_GATEWAY, NULL, 0);
	lab.gw.tokens = tokens_new(16);
	lab.auth = lab_hub(NX_ROLE_AUTH, auth, NX_ARRAY_SIZE(auth));
	lab.storage = lab_hub(NX_ROLE_STORAGE, storage, NX_ARRAY_SIZE(storage));
	lab.gw.routes = gw_routes;
	lab.gw.shares = shares_new();
	lab.http = (struct http_config){.base = lab.base,
	    .limits = &lab.conf.http,
	    .ops = &req_exchange_ops,
	    .ctx = &lab.gw,
	    .shares = lab.gw.shares,
	    .proxies = &lab.proxies,
	    .proxy_protocol = proxy_protocol,
	    .on_drained = lab_on_drained};
	assert_int_equal(http_server_new(&lab.http, &lab.gw.server), 0);
	lab_wire(lab.auth, NX_ROLE_AUTH);
	lab.node = lab_hub(NX_ROLE_NODE, node, NX_ARRAY_SIZE(node));
	lab_wire(lab.storage, NX_ROLE_STORAGE);
	lab_wire(lab.node, NX_ROLE_NODE);
	lab_listen();
}

static int
lab_up(void **state)
{
	(void)state;
	lab_up_as(false);
	return 0;
}

/* Nothing is gathered: others have all the memory, what is small goes through
 * the pipe too. */
static inline int
lab_up_pipe(void **state)
{
	(void)lab_up(state);
	lab.hog = shares_get(lab.gw.shares, SHARE_USER, 1ULL << 60);
	share_take(lab.gw.shares, lab.hog, SHARE_GATHERED, SMALL_ALL);
	return 0;
}

static int
lab_down(void **state)
{
	(void)state;
	lab.gw.server = http_server_free(lab.gw.server);
	if (lab.held)
		nx_refuse(lab.held, NX__STATUS__INTERNAL, "it is over");
	lab_close_pipe();
	nx_close(&lab.file);
	lab.gw.hub = nx_hub_free(lab.gw.hub);
	lab.auth = nx_hub_free(lab.auth);
	lab.storage = nx_hub_free(lab.storage);
	lab.node = nx_hub_free(lab.node);
	lab.node_tickets = nx_tickets_free(lab.node_tickets);
	lab.tickets = nx_tickets_free(lab.tickets);
	lab.gw.tokens = tokens_free(lab.gw.tokens);
	if (lab.hog) {
		share_give(lab.gw.shares, lab.hog, SHARE_GATHERED, SMALL_ALL);
		shares_put(lab.gw.shares, lab.hog);
	}
	lab.gw.shares = shares_free(lab.gw.shares);
	free(lab.got);
	event_base_free(lab.base);
	return 0;
}

/* --- a client --------------------------------------------------------------*/

static inline void
lab_turn(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(lab.base, &tv);
	event_base_loop(lab.base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static inline int
client(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(lab.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(nx_fd_nonblock(fd, true), 0);
	return fd;
}

/* Sends all of it, letting the gateway run; false when it hung up. */
static inline bool
say(int fd, const char *data, size_t len, size_t step)
{
	size_t at = 0;
	ssize_t n;
	int i;

	for (i = 0; at < len && i < 2000000; i++) {
		n = send(fd, data + at, len - at < step ? len - at : step,
		    MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		at += n > 0 ? (size_t)n : 0;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	}
	return at == len;
}

/* What comes back until @until is seen in it, or the end, or two seconds. */
static inline char *
hear(int fd, const char *until, size_t *ret_len)
{
	uint64_t end = nx_now_us() + 2000000;
	size_t len = 0, cap = 1 << 16;
	char *data = malloc(cap);
	ssize_t n;

	do {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		if (cap - len < 65536)
			data = realloc(data, cap *= 2);
		n = recv(fd, data + len, cap - len - 1, 0);
		if (n > 0)
			len += (size_t)n;
		data[len] = '\0';
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
	} while (nx_now_us() < end && !(until && strstr(data, until)));
	if (ret_len)
		*ret_len = len;
	return data;
}

/* One request on a connection of its own, which it closes. */
static inline char *
ask(const char *head, const char *body, size_t *ret_len)
{
	char text[2048];
	char *answer;
	int fd = client();
	int n = snprintf(text, sizeof(text),
	    "%s\r\nHost: n\r\nConnection: close\r\n"
	    "Authorization: Bearer good\r\n",
	    head);

	if (body)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "Content-Length: %zu\r\n", strlen(body));
	n += snprintf(
	    text + n, sizeof(text) - (size_t)n, "\r\n%s", body ? body : "");
	say(fd, text, (size_t)n, 100000);
	answer = hear(fd, NULL, ret_len);
	close(fd);
	lab_turn(2);
	return answer;
}

#define AUTH "Host: n\r\nAuthorization: Bearer good\r\n"

/* @n bytes that repeat nowhere. */
static inline char *
big(size_t n)
{
	char *data = malloc(n);
	size_t i;
	uint32_t x = 1;

	for (i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
	return data;
}

/* Sends @head and @n bytes in pieces of @step; the answer. */
static inline char *
send_body(const char *head, const char *data, size_t n, size_t step)
{
	int fd = client();
	char *a;

	assert_true(say(fd, head, strlen(head), step));
	say(fd, data, n, step);
	a = hear(fd, "\r\n\r\n", NULL);
	close(fd);
	lab_turn(2);
	return a;
}

#define assert_status(answer, status) \
	assert_memory_equal(answer, "HTTP/1.1 " #status, 12)
#define assert_in(answer, text)                                    \
	do {                                                       \
		if (!strstr(answer, text))                         \
			fail_msg("no '%s' in:\n%s", text, answer); \
	} while (0)

#endif
