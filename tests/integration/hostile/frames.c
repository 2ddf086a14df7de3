/*
 * Frames that are none, and descriptors that do not belong: whatever bytes and
 * objects a captured gateway pushes into its edges, at most its own edge is cut.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/err.h"
#include "proto/node.pb-c.h"
#include "tests/integration/hostile/lab.h"

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

void
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

void
frames_that_are_none(const struct tickets *t)
{
	static const enum nx_role roles[] = {
	    NX_ROLE_SWITCH, NX_ROLE_AUTH, NX_ROLE_STORAGE, NX_ROLE_NODE};
	static uint8_t buf[sizeof(noise)];
	struct gateway g = {.call_id = 0};
	size_t i, k, len, n_fds;
	unsigned wrong;

	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		nx_fatal(-errno, "getrandom");
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
