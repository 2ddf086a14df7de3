/* The receive path: what must be refused is refused, and nothing stays open. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/limits.h"
#include "common/method.h"
#include "common/msg.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"

struct pair {
	int fd[2], count;
};

static int
setup(void **state)
{
	static struct pair p;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, p.fd) < 0)
		return -1;
	p.count = nx_fd_count();
	*state = &p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;
	int leaked = nx_fd_count() - p->count;

	close(p->fd[0]);
	close(p->fd[1]);
	return leaked;
}

static size_t
pack(uint8_t *buf, size_t n_fds)
{
	Nx__Envelope e = NX__ENVELOPE__INIT;
	ssize_t len;

	e.call_id = 7;
	e.method = NX__METHOD__NODE_LIST;
	len = nx_frame_pack(&e, n_fds, buf);
	assert_true(len > 0);
	return (size_t)len;
}

static void
carries_descriptors(void **state)
{
	struct pair *p = *state;
	uint8_t buf[NX_FRAME_MAX];
	size_t len = pack(buf, 2);
	int fds[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), p->fd[0]};
	struct nx_frame f;

	assert_int_equal(nx_frame_recv(p->fd[1], &f), 0);
	assert_int_equal(nx_frame_send(p->fd[0], buf, len, fds, 2), 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), 1);
	assert_int_equal(f.n_fds, 2);
	assert_int_equal(f.envelope->call_id, 7);
	assert_true(fcntl(f.fds[0], F_GETFD) & FD_CLOEXEC);
	nx_frame_fini(&f);
	close(fds[0]);
}

static void
refuses_undeclared_descriptors(void **state)
{
	struct pair *p = *state;
	uint8_t buf[NX_FRAME_MAX];
	size_t len = pack(buf, 0);
	struct nx_frame f;

	assert_int_equal(nx_frame_send(p->fd[0], buf, len, p->fd, 1), 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
}

static void
refuses_missing_descriptors(void **state)
{
	struct pair *p = *state;
	uint8_t buf[NX_FRAME_MAX];
	size_t len = pack(buf, 3);
	struct nx_frame f;

	assert_int_equal(nx_frame_send(p->fd[0], buf, len, p->fd, 2), 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
}

/* More than any method carries, more than the control buffer has room for. */
static void
refuses_too_many_descriptors(void **state)
{
	struct pair *p = *state;
	uint8_t buf[NX_FRAME_MAX];
	size_t len = pack(buf, 16), i;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 40)];
	} control = {0};
	struct iovec iov = {buf, len};
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	struct nx_frame f;
	int fds[40];

	for (i = 0; i < 40; i++)
		fds[i] = p->fd[0];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(p->fd[0], &mh, 0), (ssize_t)len);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
}

/* Out of descriptors the bytes arrive, without control data, MSG_CTRUNC set. */
static void
refuses_when_out_of_descriptors(void **state)
{
	struct pair *p = *state;
	uint8_t buf[NX_FRAME_MAX];
	size_t len = pack(buf, 1);
	struct rlimit old, none;
	struct nx_frame f;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(nx_frame_send(p->fd[0], buf, len, p->fd, 1), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void
refuses_garbage(void **state)
{
	struct pair *p = *state;
	static uint8_t big[NX_FRAME_MAX + 100];
	static const char *const junk[] = {
	    "\xff\xff\xff\xff", "hello", "\x08", "\x2a\xff\xff\xff\xff\x0f"};
	struct nx_frame f;
	size_t i;

	for (i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		assert_true(send(p->fd[0], junk[i], strlen(junk[i]), 0) > 0);
		assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
	}
	assert_true(send(p->fd[0], big, sizeof(big), 0) > 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
}

static void
refuses_another_version(void **state)
{
	struct pair *p = *state;
	Nx__Envelope e = NX__ENVELOPE__INIT;
	uint8_t buf[64];
	struct nx_frame f;
	size_t len;

	e.version = NX_PROTO_VERSION + 1;
	len = nx__envelope__pack(&e, buf);
	assert_int_equal(nx_frame_send(p->fd[0], buf, len, NULL, 0), 0);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPROTO);
}

static void
tells_a_closed_peer(void **state)
{
	struct pair *p = *state;
	struct nx_frame f;

	shutdown(p->fd[0], SHUT_RDWR);
	assert_int_equal(nx_frame_recv(p->fd[1], &f), -EPIPE);
}

/* --- written limits ---------------------------------------------------------*/

static ProtobufCMessage *
through_the_wire(const ProtobufCMessage *m, const char **field)
{
	static uint8_t buf[2 * NX_FRAME_MAX];
	size_t len = protobuf_c_message_pack(m, buf);

	return nx_message_unpack(m->descriptor, buf, len, field);
}

static bool
accepts_path(const char *path)
{
	Nx__FsPathRequest r = NX__FS_PATH_REQUEST__INIT;
	const char *field = NULL;
	ProtobufCMessage *m;

	r.path = (char *)(uintptr_t)path;
	m = through_the_wire(&r.base, &field);
	if (!m)
		assert_string_equal(field, "path");
	nx_message_free(m);
	return m != NULL;
}

static void
checks_strings(void **state)
{
	static char longest[4098];

	(void)state;
	memset(longest, 'a', 4096);
	assert_true(accepts_path(longest));
	longest[4096] = 'a';
	assert_false(accepts_path(longest));
	assert_true(
	    accepts_path("/Gr\xc3\xb6\xc3\x9f"
			 "e/\xe6\x97\xa5\xe6\x9c\xac/\xf0\x9f\x98\x80"));
	assert_false(accepts_path("/\xc0\xaf"));         /* overlong */
	assert_false(accepts_path("/\xed\xa0\x80"));     /* surrogate */
	assert_false(accepts_path("/\xf4\x90\x80\x80")); /* past U+10FFFF */
	assert_false(accepts_path("/\xc3"));             /* cut short */
	assert_false(accepts_path("/a\x01"));
	assert_false(accepts_path("/a\x7f"));
	assert_true(accepts_path(""));
}

static void
checks_counts(void **state)
{
	static char *words[65];
	Nx__NodeCreateRequest r = NX__NODE_CREATE_REQUEST__INIT;
	ProtobufCMessage *m;
	size_t i;

	(void)state;
	for (i = 0; i < 65; i++)
		words[i] = (char *)(uintptr_t) "x";
	r.command = words;
	r.n_command = 64;
	m = through_the_wire(&r.base, NULL);
	assert_non_null(m);
	nx_message_free(m);
	r.n_command = 65;
	assert_null(through_the_wire(&r.base, NULL));
}

static void
refuses_unknown_fields(void **state)
{
	/* field 15, varint 1: MkdirRequest has none */
	static const uint8_t bytes[] = {0x0a, 1, '/', 0x78, 1};

	(void)state;
	assert_null(nx_message_unpack(
	    &nx__mkdir_request__descriptor, bytes, sizeof(bytes), NULL));
}

/* What the check goes by: a message within another is found from its field. */
static void
limits_lead_to_limits(void **state)
{
	size_t links = 0;

	(void)state;
	for (size_t i = 0; i < nx_limits_count; i++) {
		const struct nx_message_limits *l = &nx_limits[i];
		const ProtobufCMessageDescriptor *d = l->descriptor;

		for (size_t k = 1; k < l->n; k++)
			assert_true(l->fields[k - 1].tag < l->fields[k].tag);
		for (unsigned f = 0; f < d->n_fields; f++) {
			size_t k = 0;

			if (d->fields[f].type != PROTOBUF_C_TYPE_MESSAGE)
				continue;
			while (k < l->n && l->fields[k].tag != d->fields[f].id)
				k++;
			assert_true(k < l->n && l->fields[k].message);
			assert_ptr_equal(l->fields[k].message->descriptor,
			    d->fields[f].descriptor);
			links++;
		}
	}
	assert_true(links > 10);
}

/* Two bytes on the wire each, a hundred in memory: bounded. */
static void
bounds_memory(void **state)
{
	static uint8_t bytes[60000];
	size_t i;

	(void)state;
	for (i = 0; i + 1 < sizeof(bytes); i += 2) {
		bytes[i] = 0x0a;
		bytes[i + 1] = 0;
	}
	assert_null(nx_message_unpack(
	    &nx__file_list_reply__descriptor, bytes, sizeof(bytes), NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(carries_descriptors),
	    T(refuses_undeclared_descriptors),
	    T(refuses_missing_descriptors),
	    T(refuses_too_many_descriptors),
	    T(refuses_when_out_of_descriptors),
	    T(refuses_garbage),
	    T(refuses_another_version),
	    T(tells_a_closed_peer),
	    cmocka_unit_test(checks_strings),
	    cmocka_unit_test(checks_counts),
	    cmocka_unit_test(limits_lead_to_limits),
	    cmocka_unit_test(refuses_unknown_fields),
	    cmocka_unit_test(bounds_memory),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
