/*
 * A whole gateway in one process for tests: its connection layer on loopback
 * TCP, its hub on socketpairs to hubs that play authd, storaged and nodemgr.
 * Storage here is a list of what was asked, and bytes in memory.
 */
#ifndef GATEWAYD_LAB_H
#define GATEWAYD_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include <sodium.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/http/conns.h"
#include "gatewayd/routes/token.h"
#include "proto/auth.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"

struct lab {
	struct event_base *base;
	struct gw gw;
	struct gw_conf conf;
	struct nx_hub *auth, *storage, *node;
	struct nx_tickets *tickets, *node_tickets;
	uint16_t port;
	/* authd */
	unsigned checks;
	bool token_dead;
	/* storaged: uploads */
	unsigned opened, finished, aborted;
	uint64_t max_size;
	Nx__Status open_status, finish_status;
	char open_name[256], open_path[4097];
	bool open_has_size;
	uint64_t open_size;
	int pipe;
	struct event *pipe_event;
	bool stop_reading;
	char *got;
	size_t got_len;
	/* storaged: everything else */
	int file; /* what downloads come from */
	uint64_t file_size;
	uint64_t window;   /* bytes a window has at most */
	unsigned windows;  /* asked for */
	uint64_t break_at; /* offset that cannot be read; 0: none */
	bool folder;       /* FS_STAT: the path is one */
	char moved_to[4097];
	unsigned pages;
};
static struct lab lab;

#define BODY(type, r) ((const type *)(const void *)(r)->body)

static void
lab_check_token(struct nx_request *r, void *ctx)
{
	Nx__CheckTokenReply reply = NX__CHECK_TOKEN_REPLY__INIT;
	struct nx_ticket t = {.user_id = 7,
	    .audience = NX_ROLE_STORAGE,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .rights = NX_RIGHT_ALL};
	struct nx_ticket n = t;

	(void)ctx;
	lab.checks++;
	if (lab.token_dead ||
	    strcmp(BODY(Nx__TokenRequest, r)->token, "good")) {
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED, "no such token");
		return;
	}
	nx_ticket_seal(nx_tickets_key(lab.tickets), &t);
	reply.user_id = 7;
	reply.username = (char[]){"ann"};
	reply.storage_ticket.data = (uint8_t *)&t;
	reply.storage_ticket.len = sizeof(t);
	n.audience = NX_ROLE_NODE;
	nx_ticket_seal(nx_tickets_key(lab.node_tickets), &n);
	reply.node_ticket.data = (uint8_t *)&n;
	reply.node_ticket.len = sizeof(n);
	reply.valid_until = nx_now_us() + 50 * 1000000ULL;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_logout(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.token_dead = true;
	nx_answer(r, NULL, NULL, 0);
}

static void
lab_on_pipe(evutil_socket_t fd, short what, void *arg)
{
	static char buf[1 << 20];
	ssize_t n;

	(void)what;
	(void)arg;
	if (lab.stop_reading)
		return;
	n = read(fd, buf, sizeof(buf));
	if (n <= 0) {
		event_del(lab.pipe_event);
		return;
	}
	lab.got = realloc(lab.got, lab.got_len + (size_t)n + 1);
	memcpy(lab.got + lab.got_len, buf, (size_t)n);
	lab.got_len += (size_t)n;
	lab.got[lab.got_len] = '\0';
}

static void
lab_close_pipe(void)
{
	if (lab.pipe_event)
		event_free(lab.pipe_event);
	lab.pipe_event = NULL;
	nx_close(&lab.pipe);
}

static void
lab_open_upload(struct nx_request *r, void *ctx)
{
	const Nx__OpenUploadRequest *m = BODY(Nx__OpenUploadRequest, r);
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	int ends[2];

	(void)ctx;
	lab.opened++;
	snprintf(lab.open_name, sizeof(lab.open_name), "%s", m->name);
	snprintf(lab.open_path, sizeof(lab.open_path), "%s", m->path);
	lab.open_has_size = m->has_size;
	lab.open_size = m->size;
	if (lab.open_status != NX__STATUS__OK) {
		nx_refuse(r, lab.open_status, "not this one");
		return;
	}
	if (m->has_size && m->size > lab.max_size) {
		nx_refuse(r, NX__STATUS__QUOTA, "too much");
		return;
	}
	lab_close_pipe();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	lab.pipe = ends[0];
	lab.got_len = 0;
	lab.pipe_event = event_new(
	    lab.base, ends[0], EV_READ | EV_PERSIST, lab_on_pipe, NULL);
	if (!lab.stop_reading)
		event_add(lab.pipe_event, NULL);
	reply.upload = 5;
	reply.max_size = lab.max_size;
	nx_answer(r, &reply.base, &ends[1], 1);
}

static void
lab_finish_upload(struct nx_request *r, void *ctx)
{
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	Nx__FileInfo file = NX__FILE_INFO__INIT;

	(void)ctx;
	lab.finished++;
	if (lab.finish_status != NX__STATUS__OK) {
		nx_refuse(r, lab.finish_status, "the disk is full");
		return;
	}
	while (lab.pipe >= 0 && event_pending(lab.pipe_event, EV_READ, NULL))
		lab_on_pipe(lab.pipe, EV_READ, NULL);
	assert_int_equal(BODY(Nx__FinishUploadRequest, r)->size, lab.got_len);
	file.id = (char[]){"0123456789abcdef0123456789abcdef"};
	file.name = lab.open_name;
	file.size = lab.got_len;
	file.chunks = 1;
	reply.file = &file;
	reply.path = lab.open_path;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_abort_upload(struct nx_request *r, void *ctx)
{
	(void)ctx;
	lab.aborted++;
	nx_answer(r, NULL, NULL, 0);
}

static void
lab_file(Nx__FileInfo *file)
{
	static char id[] = "0123456789abcdef0123456789abcdef";
	static char name[] = "a \"b\".bin", md5[] = "etag-1";

	*file = (Nx__FileInfo)NX__FILE_INFO__INIT;
	file->id = id;
	file->name = name;
	file->size = lab.file_size;
	file->md5 = md5;
}

static void
lab_file_stat(struct nx_request *r, void *ctx)
{
	Nx__FileInfo file;

	(void)ctx;
	lab_file(&file);
	nx_answer(r, &file.base, NULL, 0);
}

/* Windows of at most lab.window bytes, two segments each when they can. */
static void
lab_open_read(struct nx_request *r, void *ctx)
{
	const Nx__OpenReadRequest *m = BODY(Nx__OpenReadRequest, r);
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	Nx__ReadSegment segments[2] = {
	    NX__READ_SEGMENT__INIT, NX__READ_SEGMENT__INIT};
	Nx__ReadSegment *list[2] = {&segments[0], &segments[1]};
	uint64_t end = m->length ? m->offset + m->length : lab.file_size;
	uint64_t at = m->offset;
	Nx__FileInfo file;
	char path[64];
	int fds[2];

	(void)ctx;
	lab.windows++;
	if (lab.break_at && at >= lab.break_at) {
		nx_refuse(r, NX__STATUS__CORRUPT, "damaged");
		return;
	}
	lab_file(&file);
	reply.file = &file;
	reply.segments = list;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", lab.file);
	while (at < end && reply.n_segments < 2 &&
	    reply.n_segments < m->max_segments) {
		Nx__ReadSegment *s = list[reply.n_segments];

		s->offset = at;
		s->length = end - at < lab.window ? end - at : lab.window;
		fds[reply.n_segments] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fds[reply.n_segments++] >= 0);
		at += s->length;
	}
	reply.next = at < end ? at : 0;
	nx_answer(r, &reply.base, fds, reply.n_segments);
}

static void
lab_file_list(struct nx_request *r, void *ctx)
{
	const Nx__FileListRequest *m = BODY(Nx__FileListRequest, r);
	Nx__FileListReply reply = NX__FILE_LIST_REPLY__INIT;
	Nx__FileInfo file, *list[1] = {&file};
	unsigned page = (unsigned)atoi(m->after);
	char next[16] = "";

	(void)ctx;
	lab_file(&file);
	reply.files = list;
	reply.n_files = lab.pages > 0;
	if (page + 1 < lab.pages)
		snprintf(next, sizeof(next), "%u", page + 1);
	reply.next = next;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_fs_stat(struct nx_request *r, void *ctx)
{
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;

	(void)ctx;
	if (!lab.folder) {
		nx_refuse(r, NX__STATUS__NOT_FOUND, "no such path");
		return;
	}
	entry.folder = true;
	nx_answer(r, &entry.base, NULL, 0);
}

static void
lab_fs_move(struct nx_request *r, void *ctx)
{
	const Nx__FsMoveRequest *m = BODY(Nx__FsMoveRequest, r);
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;

	(void)ctx;
	assert_string_equal(m->from, lab.open_path);
	snprintf(lab.moved_to, sizeof(lab.moved_to), "%s", m->to);
	nx_answer(r, &entry.base, NULL, 0);
}

static void
lab_usage(struct nx_request *r, void *ctx)
{
	Nx__UsageReply reply = NX__USAGE_REPLY__INIT;

	(void)ctx;
	assert_int_equal(r->who.user_id, 7);
	reply.quota = 1000;
	nx_answer(r, &reply.base, NULL, 0);
}

/* A function that says a lot, all of which JSON has to escape. */
static void
lab_lambda(struct nx_request *r, void *ctx)
{
	static char said[4 << 20];
	Nx__LambdaRunReply reply = NX__LAMBDA_RUN_REPLY__INIT;
	int fds[2];

	(void)ctx;
	memset(said, 1, sizeof(said));
	fds[0] = nx_memfd_sealed("out", said, sizeof(said));
	fds[1] = nx_memfd_sealed("err", said, sizeof(said));
	nx_answer(r, &reply.base, fds, 2);
}

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
	assert_int_equal(conns_listen(lab.gw.conns, fd), 0);
}

static int
lab_up(void **state)
{
	static const struct nx_handler auth[] = {
	    {NX__METHOD__AUTH_CHECK_TOKEN, lab_check_token},
	    {NX__METHOD__AUTH_LOGOUT, lab_logout}};
	static const struct nx_handler storage[] = {
	    {NX__METHOD__FILE_OPEN_UPLOAD, lab_open_upload},
	    {NX__METHOD__FILE_FINISH_UPLOAD, lab_finish_upload},
	    {NX__METHOD__FILE_ABORT_UPLOAD, lab_abort_upload},
	    {NX__METHOD__FILE_STAT, lab_file_stat},
	    {NX__METHOD__FILE_OPEN_READ, lab_open_read},
	    {NX__METHOD__FILE_LIST, lab_file_list},
	    {NX__METHOD__FS_STAT, lab_fs_stat},
	    {NX__METHOD__FS_MOVE, lab_fs_move},
	    {NX__METHOD__STORAGE_USAGE, lab_usage}};
	static const struct nx_handler node[] = {
	    {NX__METHOD__LAMBDA_RUN, lab_lambda}};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_true(sodium_init() >= 0);
	lab = (struct lab){.pipe = -1,
	    .file = -1,
	    .max_size = 1ULL << 40,
	    .window = 1 << 20,
	    .conf = {.max_connections = 100,
		.max_per_address = 50,
		.header_timeout = 1,
		.idle_timeout = 1,
		.min_rate = 1,
		.drain_timeout = 1}};
	lab.base = event_base_new();
	lab.tickets = nx_tickets_new(NX_ROLE_STORAGE);
	lab.node_tickets = nx_tickets_new(NX_ROLE_NODE);
	lab.gw.base = lab.base;
	lab.gw.conf = &lab.conf;
	lab.gw.hub = lab_hub(NX_ROLE_GATEWAY, NULL, 0);
	lab.gw.tokens = tokens_new(16);
	lab.auth = lab_hub(NX_ROLE_AUTH, auth, NX_ARRAY_SIZE(auth));
	lab.storage = lab_hub(NX_ROLE_STORAGE, storage, NX_ARRAY_SIZE(storage));
	assert_int_equal(conns_new(&lab.gw), 0);
	lab_wire(lab.auth, NX_ROLE_AUTH);
	lab.node = lab_hub(NX_ROLE_NODE, node, NX_ARRAY_SIZE(node));
	lab_wire(lab.storage, NX_ROLE_STORAGE);
	lab_wire(lab.node, NX_ROLE_NODE);
	lab_listen();
	return 0;
}

static int
lab_down(void **state)
{
	(void)state;
	lab.gw.conns = conns_free(lab.gw.conns);
	lab_close_pipe();
	nx_close(&lab.file);
	lab.gw.hub = nx_hub_free(lab.gw.hub);
	lab.auth = nx_hub_free(lab.auth);
	lab.storage = nx_hub_free(lab.storage);
	lab.node = nx_hub_free(lab.node);
	lab.node_tickets = nx_tickets_free(lab.node_tickets);
	lab.tickets = nx_tickets_free(lab.tickets);
	lab.gw.tokens = tokens_free(lab.gw.tokens);
	free(lab.got);
	event_base_free(lab.base);
	return 0;
}

/* --- a client --------------------------------------------------------------*/

static void
lab_turn(unsigned ms)
{
	uint64_t end = nx_now_us() + ms * 1000ULL;

	do
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	while (nx_now_us() < end);
}

static int
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
static bool
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
static char *
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
static char *
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

#define assert_status(answer, status) \
	assert_memory_equal(answer, "HTTP/1.1 " #status, 12)
#define assert_in(answer, text)                                    \
	do {                                                       \
		if (!strstr(answer, text))                         \
			fail_msg("no '%s' in:\n%s", text, answer); \
	} while (0)

#endif
