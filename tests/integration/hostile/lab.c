/* The attacker's tools; what they are for is in lab.h. */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/err.h"
#include "common/id.h"
#include "common/status.h"
#include "proto/auth.pb-c.h"
#include "proto/switch.pb-c.h"
#include "tests/integration/hostile/lab.h"

const char *socket_name, *ada_token, *bob_token, *ada_file, *ada_node;
unsigned tests, failures;

/* --- TAP -------------------------------------------------------------------*/

void __attribute__((format(printf, 2, 3))) ok(bool good, const char *fmt, ...)
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

const char *
status_name(int status)
{
	return status == GONE ? "hung up" : nx_status_name((Nx__Status)status);
}

void __attribute__((format(printf, 3, 4)))
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

bool
readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

int
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

int
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

int
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

void
gateway_close(struct gateway *g)
{
	int i;

	for (i = 0; i < NX_ROLE_MAX; i++)
		nx_close(&g->edge[i]);
}

/* How many edges were handed out. */
int
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

int
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

int
list_files(struct gateway *g, const void *ticket, size_t len)
{
	struct args a = {.ticket = ticket, .ticket_len = len};

	return call(g, NX_ROLE_STORAGE, NX__METHOD__FILE_LIST, NULL, &a, NULL);
}

int
list_nodes(struct gateway *g, const void *ticket, size_t len)
{
	struct args a = {.ticket = ticket, .ticket_len = len};

	return call(g, NX_ROLE_NODE, NX__METHOD__NODE_LIST, NULL, &a, NULL);
}
