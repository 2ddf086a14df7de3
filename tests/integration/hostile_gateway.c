/*
 * A gateway under an attacker's control: same uid, same edges, none of the
 * manners. Started as root by hostile_gateway.sh, it becomes nexus-gateway,
 * connects beside the real one and tries to be somebody it is not.
 *
 *	hostile_gateway SOCKET ADA_TOKEN BOB_TOKEN ADA_FILE ADA_NODE
 *
 * Prints TAP. What it holds is what such an attacker would hold: the tokens of
 * two users who are signed in meanwhile, and the ids of what is Ada's.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/method.h"
#include "common/msg.h"
#include "common/role.h"
#include "common/status.h"
#include "common/ticket.h"
#include "proto/auth.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"
#include "proto/switch.pb-c.h"

#define PATIENCE_MS 20000
#define GONE        99 /* beside the statuses: it hung up */

static const char *socket_name, *ada_token, *bob_token, *ada_file, *ada_node;
static unsigned tests, failures;

/* --- TAP -------------------------------------------------------------------*/

static void __attribute__((format(printf, 2, 3)))
ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%s %u - ", good ? "ok" : "not ok", ++tests);
	failures += !good;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static const char *
status_name(int status)
{
	return status == GONE ? "hung up" : nx_status_name((Nx__Status)status);
}

static void __attribute__((format(printf, 3, 4)))
is(int got, int wanted, const char *fmt, ...)
{
	char name[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	ok(got == wanted, "%s", name);
	if (got != wanted)
		printf("#   got:    %s\n#   wanted: %s\n", status_name(got),
		    status_name(wanted));
}

/* --- frames -----------------------------------------------------------------*/

/* This program's ends: [NX_ROLE_SWITCH] to nexusd, the others as introduced. */
struct gateway {
	int edge[NX_ROLE_MAX];
	uint64_t call_id;
};

static bool
readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

static int
send_frame(int fd, Nx__Envelope *e, const int *fds, size_t n_fds)
{
	static uint8_t buf[NX_FRAME_MAX];
	ssize_t len = nx_frame_pack(e, n_fds, buf);

	return len < 0 ? (int)len
		       : nx_frame_send(fd, buf, (size_t)len, fds, n_fds);
}

/* One call, whatever may be wrong with it. Its status, or GONE. */
static int
raw_call(struct gateway *g, int edge, Nx__Envelope *e, const int *fds,
    size_t n_fds, struct nx_frame *ret_frame)
{
	struct nx_frame frame = {0};
	int status = GONE;

	e->call_id = ++g->call_id;
	e->deadline_us = nx_now_us() + PATIENCE_MS * 1000ULL;
	if (send_frame(edge, e, fds, n_fds) < 0)
		return GONE;
	while (readable(edge, PATIENCE_MS)) {
		if (nx_frame_recv(edge, &frame) != 1)
			return GONE;
		if (frame.envelope->reply &&
		    frame.envelope->call_id == e->call_id) {
			status = (int)frame.envelope->status;
			break;
		}
		nx_frame_fini(&frame);
	}
	if (ret_frame && status == 0)
		*ret_frame = frame;
	else if (status != GONE)
		nx_frame_fini(&frame);
	return status;
}

struct args {
	const uint8_t *ticket;
	size_t ticket_len;
	uint64_t as_user;
	const int *fds;
	size_t n_fds;
};

static int
call(struct gateway *g, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *m, const struct args *a, struct nx_frame *ret_frame)
{
	static uint8_t body[NX_BODY_MAX];
	Nx__Envelope e = NX__ENVELOPE__INIT;

	e.method = method;
	if (m) {
		e.body.data = body;
		e.body.len = protobuf_c_message_pack(m, body);
	}
	if (a && a->ticket) {
		e.ticket.data = (uint8_t *)(uintptr_t)a->ticket;
		e.ticket.len = a->ticket_len;
	}
	e.as_user = a ? a->as_user : 0;
	return raw_call(g, g->edge[role], &e, a ? a->fds : NULL,
	    a ? a->n_fds : 0, ret_frame);
}

/* --- being introduced --------------------------------------------------------*/

static int
connect_socket(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	/* Relative: the way there may be root's alone. */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_name);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		nx_fatal(-errno, "connect to %s", socket_name);
	nx_fd_nonblock(fd, true);
	return fd;
}

/* Takes what nexusd hands out, and says so. */
static void
take_edge(struct gateway *g, struct nx_frame *frame)
{
	Nx__Envelope answer = NX__ENVELOPE__INIT;
	Nx__Attach *attach =
	    (Nx__Attach *)nx_message_unpack(&nx__attach__descriptor,
		frame->envelope->body.data, frame->envelope->body.len, NULL);

	if (attach && attach->peer_role < NX_ROLE_MAX && frame->n_fds == 1) {
		nx_close(&g->edge[attach->peer_role]);
		g->edge[attach->peer_role] = nx_take_fd(&frame->fds[0]);
	}
	nx_message_free((ProtobufCMessage *)attach);
	answer.reply = true;
	answer.method = NX__METHOD__SWITCH_ATTACH;
	answer.call_id = frame->envelope->call_id;
	send_frame(g->edge[NX_ROLE_SWITCH], &answer, NULL, 0);
}

static void
gateway_close(struct gateway *g)
{
	int i;

	for (i = 0; i < NX_ROLE_MAX; i++)
		nx_close(&g->edge[i]);
}

/* How many edges were handed out. */
static int
gateway_open(struct gateway *g)
{
	Nx__Hello hello = NX__HELLO__INIT;
	struct nx_frame frame = {0};
	int i, fd, n = 0, wait = PATIENCE_MS;

	for (i = 0; i < NX_ROLE_MAX; i++)
		g->edge[i] = -1;
	fd = g->edge[NX_ROLE_SWITCH] = connect_socket();
	hello.version = NX_PROTO_VERSION;
	if (call(g, NX_ROLE_SWITCH, NX__METHOD__SWITCH_HELLO, &hello.base, NULL,
		NULL) != 0)
		nx_fatal(0, "nexusd does not take the hello of a gateway");
	while (readable(fd, wait)) {
		if (nx_frame_recv(fd, &frame) != 1)
			break;
		if (frame.envelope->method == NX__METHOD__SWITCH_ATTACH) {
			take_edge(g, &frame);
			n++;
		}
		nx_frame_fini(&frame);
		/* After the three there should be none; not long to wait. */
		wait = n < 3 ? PATIENCE_MS : 300;
	}
	return n;
}

/* --- what it has -------------------------------------------------------------*/

struct tickets {
	uint64_t user_id;
	uint8_t storage[NX_TICKET_LEN], node[NX_TICKET_LEN];
};

static int
check_token(struct gateway *g, const char *token, struct tickets *ret)
{
	Nx__TokenRequest request = NX__TOKEN_REQUEST__INIT;
	struct nx_frame frame = {0};
	Nx__CheckTokenReply *reply;
	int status;

	request.token = (char *)(uintptr_t)token;
	status = call(g, NX_ROLE_AUTH, NX__METHOD__AUTH_CHECK_TOKEN,
	    &request.base, NULL, &frame);
	if (status != 0 || !ret)
		return status;
	reply = (Nx__CheckTokenReply *)nx_message_unpack(
	    &nx__check_token_reply__descriptor, frame.envelope->body.data,
	    frame.envelope->body.len, NULL);
	if (!reply || reply->storage_ticket.len != NX_TICKET_LEN ||
	    reply->node_ticket.len != NX_TICKET_LEN)
		nx_fatal(0, "authd's tickets have the wrong size");
	ret->user_id = reply->user_id;
	memcpy(ret->storage, reply->storage_ticket.data, NX_TICKET_LEN);
	memcpy(ret->node, reply->node_ticket.data, NX_TICKET_LEN);
	nx_message_free((ProtobufCMessage *)reply);
	nx_frame_fini(&frame);
	return 0;
}

static int
list_files(struct gateway *g, const void *ticket, size_t len)
{
	struct args a = {.ticket = ticket, .ticket_len = len};

	return call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_LIST, NULL, &a, NULL);
}

static int
list_nodes(struct gateway *g, const void *ticket, size_t len)
{
	struct args a = {.ticket = ticket, .ticket_len = len};

	return call(g, NX_ROLE_NODE, NX__METHOD__NODE_LIST, NULL, &a, NULL);
}

/* --- the attempts ------------------------------------------------------------*/

static void
without_a_ticket(struct gateway *g)
{
	is(list_files(g, NULL, 0), NX__STATUS__UNAUTHENTICATED,
	    "no ticket, no files");
	is(list_nodes(g, NULL, 0), NX__STATUS__UNAUTHENTICATED,
	    "no ticket, no nodes");
	is(check_token(g, "eyJhbGciOiJub25lIn0.e30.", NULL),
	    NX__STATUS__UNAUTHENTICATED, "no ticket for a made-up token");
}

/* Every byte of a real ticket, changed. */
static void
forged(struct gateway *g, const struct tickets *t)
{
	uint8_t copy[NX_TICKET_LEN];
	unsigned wrong = 0;
	size_t i;

	for (i = 0; i < NX_TICKET_LEN; i++) {
		memcpy(copy, t->storage, sizeof(copy));
		copy[i] ^= (uint8_t)(1U << (i % 8));
		wrong += list_files(g, copy, sizeof(copy)) !=
		    NX__STATUS__UNAUTHENTICATED;
		memcpy(copy, t->node, sizeof(copy));
		copy[i] ^= (uint8_t)(1U << (i % 8));
		wrong += list_nodes(g, copy, sizeof(copy)) !=
		    NX__STATUS__UNAUTHENTICATED;
	}
	ok(wrong == 0, "a ticket with any one bit changed is none");
	wrong = 0;
	for (i = 0; i < NX_TICKET_LEN; i++)
		wrong +=
		    list_files(g, t->storage, i) != NX__STATUS__UNAUTHENTICATED;
	ok(wrong == 0, "nor is one that is cut short");
}

static void
made_up(struct gateway *g, const struct tickets *t, uint64_t victim)
{
	struct nx_ticket ticket;
	struct nx_ticket_key key = {0};

	memcpy(&ticket, t->storage, sizeof(ticket));
	ticket.user_id = victim;
	is(list_files(g, &ticket, sizeof(ticket)), NX__STATUS__UNAUTHENTICATED,
	    "another user's id in one's own ticket");
	memcpy(&ticket, t->storage, sizeof(ticket));
	ticket.expiry_us += 3600 * 1000000ULL;
	is(list_files(g, &ticket, sizeof(ticket)), NX__STATUS__UNAUTHENTICATED,
	    "a ticket made to live longer");
	memcpy(&ticket, t->storage, sizeof(ticket));
	ticket.epoch--;
	is(list_files(g, &ticket, sizeof(ticket)), NX__STATUS__UNAUTHENTICATED,
	    "a ticket of another epoch");
	/* Sealed with a key of one's own. */
	memcpy(&ticket, t->storage, sizeof(ticket));
	key.epoch = ticket.epoch;
	ticket.user_id = victim;
	nx_ticket_seal(&key, &ticket);
	is(list_files(g, &ticket, sizeof(ticket)), NX__STATUS__UNAUTHENTICATED,
	    "a ticket sealed with a key of one's own");
	is(list_nodes(g, t->storage, NX_TICKET_LEN),
	    NX__STATUS__UNAUTHENTICATED, "storaged's ticket shown to nodemgr");
	is(list_files(g, t->node, NX_TICKET_LEN), NX__STATUS__UNAUTHENTICATED,
	    "nodemgr's ticket shown to storaged");
}

static void
somebody_elses(struct gateway *g, const struct tickets *bob)
{
	Nx__FileRequest file = NX__FILE_REQUEST__INIT;
	Nx__OpenReadRequest open_read = NX__OPEN_READ_REQUEST__INIT;
	Nx__NodeRequest node = NX__NODE_REQUEST__INIT;
	Nx__NodeStopRequest stop = NX__NODE_STOP_REQUEST__INIT;
	Nx__NodeDeleteRequest del = NX__NODE_DELETE_REQUEST__INIT;
	const struct {
		enum nx_role role;
		Nx__Method method;
		const ProtobufCMessage *m;
	} calls[] = {
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_STAT, &file.base},
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_DELETE, &file.base},
	    {NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_READ, &open_read.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_GET, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_START, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_METRICS, &node.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_STOP, &stop.base},
	    {NX_ROLE_NODE, NX__METHOD__NODE_DELETE, &del.base},
	};
	struct args a = {.ticket_len = NX_TICKET_LEN};
	size_t i;

	file.id = open_read.id = (char *)(uintptr_t)ada_file;
	open_read.max_segments = 1;
	node.node = stop.node = del.node = (char *)(uintptr_t)ada_node;
	del.force = true;
	for (i = 0; i < NX_ARRAY_SIZE(calls); i++) {
		a.ticket =
		    calls[i].role == NX_ROLE_STORAGE ? bob->storage : bob->node;
		is(call(
		       g, calls[i].role, calls[i].method, calls[i].m, &a, NULL),
		    NX__STATUS__NOT_FOUND, "%s of what is somebody else's",
		    nx_method_find((uint32_t)calls[i].method)->name);
	}
	stop.node = (char *)(uintptr_t) "";
	stop.all = true;
	a.ticket = bob->node;
	i = (size_t)call(
	    g, NX_ROLE_NODE, NX__METHOD__NODE_STOP, &stop.base, &a, NULL);
	ok(i == NX__STATUS__DENIED || i == NX__STATUS__INVALID,
	    "a user does not stop all nodes (%s)", status_name((int)i));
}

static void
for_others(struct gateway *g, const struct tickets *t, uint64_t victim)
{
	struct args a = {.ticket = t->storage,
	    .ticket_len = NX_TICKET_LEN,
	    .as_user = victim};

	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_LIST, NULL, &a, NULL),
	    NX__STATUS__DENIED, "a gateway acts for nobody without a ticket");
}

/* An upload belongs to whom it was opened for. */
static void
hijack(struct gateway *g, const struct tickets *ada, const struct tickets *bob)
{
	Nx__OpenUploadRequest open_upload = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest finish = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__AbortUploadRequest abort_upload = NX__ABORT_UPLOAD_REQUEST__INIT;
	struct args a = {.ticket = ada->storage, .ticket_len = NX_TICKET_LEN};
	struct nx_frame frame = {0};
	Nx__OpenUploadReply *reply;

	open_upload.name = (char *)(uintptr_t) "hijacked";
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_UPLOAD,
	       &open_upload.base, &a, &frame),
	    NX__STATUS__OK, "an upload is opened");
	if (!frame.envelope)
		return;
	reply = (Nx__OpenUploadReply *)nx_message_unpack(
	    &nx__open_upload_reply__descriptor, frame.envelope->body.data,
	    frame.envelope->body.len, NULL);
	finish.upload = abort_upload.upload = reply ? reply->upload : 0;
	a.ticket = bob->storage;
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_FINISH_UPLOAD,
	       &finish.base, &a, NULL),
	    NX__STATUS__NOT_FOUND, "somebody else does not finish it");
	ok(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_ABORT_UPLOAD,
	       &abort_upload.base, &a, NULL) != GONE,
	    "nor, saying abort, break the edge");
	a.ticket = ada->storage;
	finish.upload += 1000000;
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_FINISH_UPLOAD,
	       &finish.base, &a, NULL),
	    NX__STATUS__UNAVAILABLE, "one that does not exist is not there");
	nx_close(&frame.fds[0]);
	call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_ABORT_UPLOAD,
	    &abort_upload.base, &a, NULL);
	nx_message_free((ProtobufCMessage *)reply);
	nx_frame_fini(&frame);
}

/* Every method a gateway has no business with, on every edge it has. */
static void
not_its_own(struct gateway *g, const struct tickets *t)
{
	static const enum nx_role roles[] = {
	    NX_ROLE_SWITCH, NX_ROLE_AUTH, NX_ROLE_STORAGE, NX_ROLE_NODE};
	struct args a = {.ticket_len = NX_TICKET_LEN};
	unsigned wrong = 0, n = 0;
	size_t i, k;
	int status;

	for (i = 0; i < NX_ARRAY_SIZE(roles); i++)
		for (k = 0; k < nx_methods_count; k++) {
			const struct nx_method *m = &nx_methods[k];

			if ((m->callers & NX_ROLE_BIT(NX_ROLE_GATEWAY)) &&
			    (m->callees & NX_ROLE_BIT(roles[i])))
				continue;
			if (m->method == NX__METHOD__SWITCH_HELLO)
				continue; /* that is said to anyone */
			a.ticket =
			    roles[i] == NX_ROLE_NODE ? t->node : t->storage;
			status = call(g, roles[i], m->method, NULL, &a, NULL);
			n++;
			if (status == NX__STATUS__DENIED)
				continue;
			wrong++;
			printf("# %s on the edge to %s: %s\n", m->name,
			    nx_role_name(roles[i]), status_name(status));
			if (status == GONE)
				break;
		}
	ok(wrong == 0, "%u calls of methods that are not its own are denied",
	    n);
}

/* --- frames that are none ----------------------------------------------------*/

static int
pipe_end(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		nx_fatal(-errno, "pipe");
	nx_close(&fds[1]);
	return fds[0];
}

static void
wrong_kinds(struct gateway *g, const struct tickets *t)
{
	Nx__LambdaRunRequest run = NX__LAMBDA_RUN_REQUEST__INIT;
	struct args a = {.ticket = t->node, .ticket_len = NX_TICKET_LEN};
	int fds[NX_FRAME_FDS];
	size_t i;
	const struct {
		const char *what;
		int fd;
	} kinds[] = {
	    {"a pipe", pipe_end()},
	    {"/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC)},
	    {"a directory", open("/", O_PATH | O_CLOEXEC)},
	    {"a memfd that is not sealed", memfd_create("x", MFD_CLOEXEC)},
	    {"a socket", connect_socket()},
	};

	run.runtime = (char *)(uintptr_t) "python3";
	for (i = 0; i < NX_ARRAY_SIZE(kinds); i++) {
		a.fds = &kinds[i].fd;
		a.n_fds = 1;
		is(call(g, NX_ROLE_NODE, NX__METHOD__LAMBDA_RUN, &run.base, &a,
		       NULL),
		    NX__STATUS__INVALID, "%s for the code of a function",
		    kinds[i].what);
	}
	a.n_fds = 0;
	is(call(g, NX_ROLE_NODE, NX__METHOD__LAMBDA_RUN, &run.base, &a, NULL),
	    NX__STATUS__INVALID, "no code for a function");
	for (i = 0; i < NX_FRAME_FDS; i++)
		fds[i] = kinds[1].fd;
	a.fds = fds;
	a.n_fds = NX_FRAME_FDS;
	is(call(g, NX_ROLE_NODE, NX__METHOD__LAMBDA_RUN, &run.base, &a, NULL),
	    NX__STATUS__INVALID, "sixteen descriptors where one belongs");
	a.ticket = t->storage;
	is(call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_LIST, NULL, &a, NULL),
	    NX__STATUS__INVALID, "and where none belongs");
	for (i = 0; i < NX_ARRAY_SIZE(kinds); i++)
		close(kinds[i].fd);
}

static uint8_t noise[70000];

static size_t
an_envelope(uint8_t *buf, size_t n_fds, uint32_t version)
{
	Nx__Envelope e = NX__ENVELOPE__INIT;

	e.version = version;
	e.method = NX__METHOD__FILE_LIST;
	e.call_id = 1;
	e.n_fds = (uint32_t)n_fds;
	return nx__envelope__pack(&e, buf);
}

/* Each makes a datagram; returns its length, *ret_fds how many to send along. */
static size_t
garbage(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 0;
	memcpy(buf, noise, NX_FRAME_MAX);
	return NX_FRAME_MAX;
}
static size_t
too_long(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 0;
	memcpy(buf, noise, sizeof(noise));
	return sizeof(noise);
}
static size_t
cut_short(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 0;
	return an_envelope(buf, 0, NX_PROTO_VERSION) - 1;
}
static size_t
fewer_fds(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 0;
	return an_envelope(buf, 3, NX_PROTO_VERSION);
}
static size_t
more_fds(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 5;
	return an_envelope(buf, 0, NX_PROTO_VERSION);
}
static size_t
too_many_fds(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 60;
	return an_envelope(buf, 60, NX_PROTO_VERSION);
}
static size_t
other_version(uint8_t *buf, size_t *ret_fds)
{
	*ret_fds = 0;
	return an_envelope(buf, 0, NX_PROTO_VERSION + 1);
}
static size_t
no_such_method(uint8_t *buf, size_t *ret_fds)
{
	Nx__Envelope e = NX__ENVELOPE__INIT;

	*ret_fds = 0;
	e.version = NX_PROTO_VERSION;
	e.method = (Nx__Method)9999;
	return nx__envelope__pack(&e, buf);
}
static size_t
long_ticket(uint8_t *buf, size_t *ret_fds)
{
	Nx__Envelope e = NX__ENVELOPE__INIT;

	*ret_fds = 0;
	e.version = NX_PROTO_VERSION;
	e.method = NX__METHOD__FILE_LIST;
	e.ticket.data = noise;
	e.ticket.len = 4096;
	return nx__envelope__pack(&e, buf);
}

static const struct {
	const char *what;
	size_t (*make)(uint8_t *buf, size_t *ret_fds);
} malformed[] = {
    {"64 KiB of noise", garbage},
    {"more than 64 KiB", too_long},
    {"an envelope cut short", cut_short},
    {"fewer descriptors than declared", fewer_fds},
    {"more descriptors than declared", more_fds},
    {"more descriptors than fit", too_many_fds},
    {"another version of the protocol", other_version},
    {"a method that does not exist", no_such_method},
    {"a ticket beyond its limit", long_ticket},
};

static int
send_raw(int edge, const uint8_t *data, size_t len, size_t n_fds)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	size_t i;

	if (n_fds > 0) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){1},
			    sizeof(int));
	}
	return sendmsg(edge, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Has the other side hung up? Answers that come before do not matter. */
static bool
hangs_up(int edge)
{
	struct nx_frame frame = {0};
	int r;

	while (readable(edge, PATIENCE_MS)) {
		r = nx_frame_recv(edge, &frame);
		if (r != 1)
			return r == -EPIPE || r == -ECONNRESET;
		nx_frame_fini(&frame);
	}
	return false;
}

static void
frames_that_are_none(const struct tickets *t)
{
	static const enum nx_role roles[] = {
	    NX_ROLE_SWITCH, NX_ROLE_AUTH, NX_ROLE_STORAGE, NX_ROLE_NODE};
	static uint8_t buf[sizeof(noise)];
	struct gateway g = {.call_id = 0};
	size_t i, k, len, n_fds;
	unsigned wrong;

	for (i = 0; i < NX_ARRAY_SIZE(malformed); i++) {
		wrong = 0;
		for (k = 0; k < NX_ARRAY_SIZE(roles); k++) {
			gateway_open(&g);
			len = malformed[i].make(buf, &n_fds);
			if (send_raw(g.edge[roles[k]], buf, len, n_fds) < 0 ||
			    !hangs_up(g.edge[roles[k]])) {
				printf("# %s stays\n", nx_role_name(roles[k]));
				wrong++;
			}
			gateway_close(&g);
		}
		ok(wrong == 0, "%s: everybody hangs up", malformed[i].what);
	}
	gateway_open(&g);
	is(list_files(&g, t->storage, NX_TICKET_LEN), NX__STATUS__OK,
	    "storaged serves on");
	is(list_nodes(&g, t->node, NX_TICKET_LEN), NX__STATUS__OK,
	    "nodemgr serves on");
	is(check_token(&g, bob_token, NULL), NX__STATUS__OK, "authd serves on");
	gateway_close(&g);
}

/* Asks and never listens; opens and never closes. */
static void
greedy(const struct tickets *t)
{
	Nx__OpenUploadRequest open_upload = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct args a = {.ticket = t->storage, .ticket_len = NX_TICKET_LEN};
	Nx__Envelope e = NX__ENVELOPE__INIT;
	struct gateway g = {.call_id = 0};
	struct nx_frame frames[600] = {0};
	size_t i, n = 0;
	int status = 0;

	gateway_open(&g);
	e.method = NX__METHOD__FILE_LIST;
	e.ticket.data = (uint8_t *)(uintptr_t)t->storage;
	e.ticket.len = NX_TICKET_LEN;
	for (i = 0; i < 20000; i++) {
		e.call_id = i + 1;
		if (send_frame(g.edge[NX_ROLE_STORAGE], &e, NULL, 0) == -EPIPE)
			break;
	}
	gateway_close(&g);
	ok(true, "asked %zu times without listening", i);
	gateway_open(&g);
	open_upload.name = (char *)(uintptr_t) "greedy";
	for (n = 0; n < NX_ARRAY_SIZE(frames) && status == 0; n++)
		status = call(&g, NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_UPLOAD,
		    &open_upload.base, &a, &frames[n]);
	ok(status == NX__STATUS__LIMIT || status == NX__STATUS__QUOTA,
	    "uploads under way are limited (after %zu: %s)", n,
	    status_name(status));
	for (i = 0; i < n; i++)
		nx_frame_fini(&frames[i]);
	is(list_files(&g, t->storage, NX_TICKET_LEN), NX__STATUS__OK,
	    "and others are served meanwhile");
	gateway_close(&g);
}

/* After signing out, what was handed out before is worth nothing: at once, not
 * when it would have expired. */
static void
replayed(struct gateway *g, const struct tickets *t)
{
	Nx__TokenRequest request = NX__TOKEN_REQUEST__INIT;
	uint64_t began;
	int files, nodes;

	request.token = (char *)(uintptr_t)ada_token;
	is(list_files(g, t->storage, NX_TICKET_LEN), NX__STATUS__OK,
	    "a ticket is good before its owner signs out");
	is(call(g, NX_ROLE_AUTH, NX__METHOD__AUTH_LOGOUT, &request.base, NULL,
	       NULL),
	    NX__STATUS__OK, "she signs out");
	began = nx_now_us();
	do {
		files = list_files(g, t->storage, NX_TICKET_LEN);
		nodes = list_nodes(g, t->node, NX_TICKET_LEN);
		if (files != 0 && nodes != 0)
			break;
		usleep(20000);
	} while (nx_now_us() - began < NX_TICKET_LIFE_US / 3);
	is(files, NX__STATUS__UNAUTHENTICATED, "storaged wants it no more");
	is(nodes, NX__STATUS__UNAUTHENTICATED, "nor does nodemgr");
	is(check_token(g, ada_token, NULL), NX__STATUS__UNAUTHENTICATED,
	    "and there are no new ones for that token");
}

static void
become_gateway(const char *path)
{
	static char copy[4096];
	const struct passwd *pw = getpwnam(nx_role_user(NX_ROLE_GATEWAY));

	snprintf(copy, sizeof(copy), "%s", path);
	if (!pw || chdir(dirname(copy)) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		nx_fatal(-errno, "become nexus-gateway");
	socket_name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

int
main(int argc, char **argv)
{
	struct gateway g = {.call_id = 0};
	struct tickets ada, bob;

	nx_log_open("hostile", false);
	if (argc != 6)
		nx_fatal(0, "see the head of hostile_gateway.c");
	ada_token = argv[2];
	bob_token = argv[3];
	ada_file = argv[4];
	ada_node = argv[5];
	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		nx_fatal(-errno, "getrandom");
	become_gateway(argv[1]);
	ok(gateway_open(&g) == 3 && g.edge[NX_ROLE_AUTH] >= 0 &&
		g.edge[NX_ROLE_STORAGE] >= 0 && g.edge[NX_ROLE_NODE] >= 0,
	    "a gateway is introduced to authd, storaged, nodemgr, nobody else");
	is(check_token(&g, ada_token, &ada), 0, "Ada's token gives tickets");
	is(check_token(&g, bob_token, &bob), 0, "so does Bob's");
	is(list_files(&g, ada.storage, NX_TICKET_LEN), 0, "which are good");
	without_a_ticket(&g);
	forged(&g, &ada);
	made_up(&g, &bob, ada.user_id);
	somebody_elses(&g, &bob);
	for_others(&g, &bob, ada.user_id);
	hijack(&g, &ada, &bob);
	not_its_own(&g, &bob);
	wrong_kinds(&g, &bob);
	frames_that_are_none(&bob);
	greedy(&bob);
	replayed(&g, &ada);
	gateway_close(&g);
	printf("1..%u\n", tests);
	return failures > 0;
}
