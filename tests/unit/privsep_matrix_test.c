/*
 * Who may say what to whom: every method and every role, every pair of roles.
 * The tables here are the documented matrix, written down a second time by
 * hand; what common/ holds has to agree with them, and so has what a real hub
 * does with a real frame.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/hub.h"
#include "common/id.h"
#include "common/log.h"
#include "common/msg.h"

/* g gateway, s storage, n node, t net, a auth, m mail, A admin, x switch */
static const char role_letters[NX_ROLE_MAX] = {
    [NX_ROLE_SWITCH] = 'x',
    [NX_ROLE_GATEWAY] = 'g',
    [NX_ROLE_STORAGE] = 's',
    [NX_ROLE_NODE] = 'n',
    [NX_ROLE_NET] = 't',
    [NX_ROLE_AUTH] = 'a',
    [NX_ROLE_MAIL] = 'm',
    [NX_ROLE_ADMIN] = 'A',
};

/* Lower case first: every pair of roles that may have an edge. */
static const char *const edges[] = {"ga", "gs", "gn", "ns", "nt", "as", "an",
    "am", "Aa", "An", "As", "At", "Am"};

static const struct {
	const char *name;
	const char *callers;
	const char *callees;
	bool ticket;
} matrix[] = {
    {"SWITCH_HELLO", "gsntamA", "x", false},
    {"SWITCH_ATTACH", "x", "gsntamA", false},
    {"SWITCH_EDGE_LOST", "gsntamA", "x", false},
    {"SWITCH_STATUS", "A", "x", false},
    {"AUTH_REGISTER_INIT", "g", "a", false},
    {"AUTH_REGISTER_VERIFY", "g", "a", false},
    {"AUTH_LOGIN_INIT", "g", "a", false},
    {"AUTH_LOGIN_VERIFY", "g", "a", false},
    {"AUTH_LOGOUT", "g", "a", false},
    {"AUTH_CHECK_TOKEN", "g", "a", false},
    {"AUTH_TICKET_KEY", "sn", "a", false},
    {"AUTH_REFRESH", "g", "a", false},
    {"AUTH_JWKS", "g", "a", false},
    {"AUTH_ROTATE_KEYS", "A", "a", false},
    {"AUTH_SIGNING_KEYS", "A", "a", false},
    {"AUTH_USER_LIST", "A", "a", false},
    {"AUTH_USER_GET", "A", "a", false},
    {"AUTH_USER_SET_DISABLED", "A", "a", false},
    {"AUTH_USER_DELETE", "A", "a", false},
    {"AUTH_USER_CREATE", "A", "a", false},
    {"ACCOUNT_CHANGE_PASSWORD", "g", "a", false},
    {"ACCOUNT_RESET_INIT", "g", "a", false},
    {"ACCOUNT_RESET_VERIFY", "g", "a", false},
    {"ACCOUNT_REAUTH", "g", "a", false},
    {"SESSION_LIST", "gA", "a", false},
    {"SESSION_RENAME", "g", "a", false},
    {"SESSION_END", "gA", "a", false},
    {"AUDIT_LIST", "gA", "a", false},
    {"AUDIT_VERIFY", "A", "a", false},
    {"AUTH_STATUS", "A", "a", false},
    {"KEY_MAKE", "gA", "a", false},
    {"KEY_LIST", "gA", "a", false},
    {"KEY_REVOKE", "gA", "a", false},
    {"AUTH_CHECK_KEY", "g", "a", false},
    {"ACCOUNT_SET_FACTORS", "g", "a", false},
    {"TOTP_BEGIN", "g", "a", false},
    {"TOTP_CONFIRM", "g", "a", false},
    {"TOTP_REMOVE", "g", "a", false},
    {"RECOVERY_MAKE", "g", "a", false},
    {"FACTOR_STATE", "g", "a", false},
    {"PASSKEY_BEGIN", "g", "a", false},
    {"PASSKEY_REGISTER", "g", "a", false},
    {"PASSKEY_LOGIN", "g", "a", false},
    {"PASSKEY_LIST", "g", "a", false},
    {"PASSKEY_RENAME", "g", "a", false},
    {"PASSKEY_REMOVE", "g", "a", false},
    {"AUTH_REVOKE", "a", "sn", false},
    {"AUTH_USER_DELETED", "a", "sn", false},
    {"MAIL_SEND", "a", "m", false},
    {"MAIL_TEST", "A", "m", false},
    {"MAIL_QUEUE", "A", "m", false},
    {"MAIL_QUEUE_FLUSH", "A", "m", false},
    {"MAIL_QUEUE_DROP", "A", "m", false},
    {"MAIL_STATUS", "A", "m", false},
    {"FILE_OPEN_UPLOAD", "gA", "s", true},
    {"FILE_FINISH_UPLOAD", "gA", "s", true},
    {"FILE_ABORT_UPLOAD", "gA", "s", true},
    {"FILE_LIST", "gA", "s", true},
    {"FILE_STAT", "gA", "s", true},
    {"FILE_DELETE", "gA", "s", true},
    {"FILE_OPEN_READ", "gA", "s", true},
    {"FILE_PUT", "gA", "s", true},
    {"FS_MKDIR", "gA", "s", true},
    {"FS_LIST", "gA", "s", true},
    {"FS_STAT", "gA", "s", true},
    {"FS_DELETE", "gA", "s", true},
    {"FS_MOVE", "gA", "s", true},
    {"FS_COPY", "gA", "s", true},
    {"FS_FIND", "gA", "s", true},
    {"FS_VERSIONS", "gA", "s", true},
    {"FS_RESTORE", "gA", "s", true},
    {"FS_PURGE", "gA", "s", true},
    {"FS_HISTORY", "gA", "s", true},
    {"FS_SET_HISTORY", "gA", "s", true},
    {"FS_POLICY", "gA", "s", true},
    {"FS_SET_POLICY", "gA", "s", true},
    {"SNAPSHOT_MAKE", "gA", "s", true},
    {"SNAPSHOT_LIST", "gA", "s", true},
    {"SNAPSHOT_DELETE", "gA", "s", true},
    {"SNAPSHOT_ENTRIES", "gA", "s", true},
    {"FS_EVENTS", "gA", "s", true},
    {"FS_LOCK", "gA", "s", true},
    {"FS_LOCK_LIST", "gA", "s", true},
    {"STORAGE_USAGE", "gA", "s", true},
    {"STORAGE_SET_QUOTA", "A", "s", false},
    {"STORAGE_STATUS", "A", "s", false},
    {"STORAGE_PLACEMENT", "A", "s", false},
    {"STORAGE_SCRUB", "A", "s", false},
    {"STORAGE_SCRUB_STATUS", "A", "s", false},
    {"STORAGE_CHECK", "A", "s", false},
    {"STORAGE_CHECK_STATUS", "A", "s", false},
    {"STORAGE_REBUILD", "A", "s", false},
    {"STORAGE_REBUILD_STATUS", "A", "s", false},
    {"VOLUME_CREATE", "n", "s", false},
    {"VOLUME_ATTACH", "n", "s", false},
    {"VOLUME_SET_ACTIVE", "n", "s", false},
    {"VOLUME_DELETE", "n", "s", false},
    {"VOLUME_LIST", "nA", "s", false},
    {"VOLUME_TRUST", "A", "s", false},
    {"VOLUME_EMPTY", "A", "s", false},
    {"DISK_ADD", "A", "s", false},
    {"DISK_REMOVE", "A", "s", false},
    {"DISK_LIST", "A", "s", false},
    {"BUCKET_MAKE", "gA", "s", true},
    {"BUCKET_LIST", "gA", "s", true},
    {"BUCKET_STAT", "gA", "s", true},
    {"BUCKET_SET", "gA", "s", true},
    {"BUCKET_DELETE", "gA", "s", true},
    {"OBJECT_LIST", "gA", "s", true},
    {"OBJECT_STAT", "gA", "s", true},
    {"OBJECT_DELETE", "gA", "s", true},
    {"OBJECT_DELETE_MANY", "gA", "s", true},
    {"OBJECT_SET_LOCK", "gA", "s", true},
    {"OBJECT_OPEN_UPLOAD", "gA", "s", true},
    {"OBJECT_COPY", "gA", "s", true},
    {"MULTIPART_OPEN", "gA", "s", true},
    {"MULTIPART_LIST", "gA", "s", true},
    {"PART_LIST", "gA", "s", true},
    {"PART_OPEN_UPLOAD", "gA", "s", true},
    {"MULTIPART_COMPLETE", "gA", "s", true},
    {"UPLOAD_DROP", "gA", "s", true},
    {"RESUMABLE_OPEN", "gA", "s", true},
    {"RESUMABLE_STAT", "gA", "s", true},
    {"RESUMABLE_APPEND", "gA", "s", true},
    {"RESUMABLE_FINISH", "gA", "s", true},
    {"RESUMABLE_LIST", "gA", "s", true},
    {"NODE_CREATE", "gA", "n", true},
    {"NODE_LIST", "gA", "n", true},
    {"NODE_GET", "gA", "n", true},
    {"NODE_START", "gA", "n", true},
    {"NODE_STOP", "gA", "n", true},
    {"NODE_DELETE", "gA", "n", true},
    {"NODE_METRICS", "gA", "n", true},
    {"NODE_EXEC", "A", "n", true},
    {"NODE_STATUS", "A", "n", false},
    {"NODE_LOGS", "A", "n", true},
    {"NODE_EXEC_WAIT", "A", "n", true},
    {"LAMBDA_RUN", "gA", "n", true},
    {"LAMBDA_CANCEL", "gA", "n", false},
    {"NET_ATTACH", "n", "t", false},
    {"NET_DETACH", "n", "t", false},
    {"NET_STATUS", "A", "t", false},
};

static bool
may_call(size_t row, enum nx_role role)
{
	return role_letters[role] &&
	    strchr(matrix[row].callers, role_letters[role]);
}

static bool
serves(size_t row, enum nx_role role)
{
	return role_letters[role] &&
	    strchr(matrix[row].callees, role_letters[role]);
}

static size_t
row_of(const struct nx_method *m)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(matrix); i++)
		if (strcmp(matrix[i].name, m->name) == 0)
			return i;
	fail_msg("%s is not in the documented matrix", m->name);
	return 0;
}

static void
edges_are_the_documented_ones(void **state)
{
	enum nx_role a, b;
	char pair[3] = "", other[3] = "";
	size_t i;
	bool documented;

	(void)state;
	assert_int_equal(NX_ARRAY_SIZE(edges), nx_edges_count);
	for (a = NX_ROLE_NONE; a < NX_ROLE_MAX; a++)
		for (b = NX_ROLE_NONE; b < NX_ROLE_MAX; b++) {
			pair[0] = other[1] = role_letters[a];
			pair[1] = other[0] = role_letters[b];
			documented = false;
			for (i = 0; i < NX_ARRAY_SIZE(edges); i++)
				documented |= strcmp(edges[i], pair) == 0 ||
				    strcmp(edges[i], other) == 0;
			if (nx_role_edge(a, b) != documented)
				fail_msg("edge %s - %s", nx_role_name(a),
				    nx_role_name(b));
		}
}

static void
methods_are_the_documented_ones(void **state)
{
	enum nx_role role;
	size_t i, row;
	bool allowed;

	(void)state;
	assert_int_equal(NX_ARRAY_SIZE(matrix), nx_methods_count);
	for (i = 0; i < nx_methods_count; i++) {
		const struct nx_method *m = &nx_methods[i];

		row = row_of(m);
		assert_ptr_equal(m, nx_method_find((uint32_t)m->method));
		assert_true(
		    (m->ticket == NX_NEEDS_TICKET) == matrix[row].ticket);
		/* A right without a ticket would never be looked at. */
		assert_true((m->rights != 0) == matrix[row].ticket);
		for (role = NX_ROLE_NONE; role < NX_ROLE_MAX; role++) {
			allowed = (m->callers & NX_ROLE_BIT(role)) != 0;
			if (allowed != may_call(row, role))
				fail_msg(
				    "%s by %s", m->name, nx_role_name(role));
			allowed = (m->callees & NX_ROLE_BIT(role)) != 0;
			if (allowed != serves(row, role))
				fail_msg(
				    "%s on %s", m->name, nx_role_name(role));
		}
	}
}

/* A method whose callers have no edge to its callee could never be called; a
 * method that travels against the matrix must not exist. */
static void
every_method_travels_on_an_edge(void **state)
{
	enum nx_role from, to;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(matrix); i++)
		for (from = NX_ROLE_GATEWAY; from < NX_ROLE_MAX; from++)
			for (to = NX_ROLE_GATEWAY; to < NX_ROLE_MAX; to++)
				if (may_call(i, from) &&
				    strchr(
					matrix[i].callees, role_letters[to]) &&
				    !nx_role_edge(from, to))
					fail_msg("%s: %s - %s", matrix[i].name,
					    nx_role_name(from),
					    nx_role_name(to));
}

/* --- what a hub really does --------------------------------------------------*/

static struct nx_handler handlers[256];
static unsigned handled;

static void
on_any(struct nx_request *r, void *ctx)
{
	(void)ctx;
	handled++;
	nx_refuse(r, NX__STATUS__CONFLICT, "reached");
}

/* Sends an empty request of @method to a hub as @role; its answer. */
static Nx__Status
ask(enum nx_role role, const struct nx_method *m, uint64_t as_user)
{
	struct nx_hub_config config = {
	    .handlers = handlers, .n_handlers = nx_methods_count};
	Nx__Envelope e = NX__ENVELOPE__INIT;
	static uint8_t buf[NX_FRAME_MAX];
	struct nx_frame frame = {0};
	struct nx_hub *hub;
	Nx__Status status;
	ssize_t len;
	int pair[2], i;

	/* Whoever it is: the hub's own role does not weaken the check. */
	config.self = nx_method_callee(m);
	config.base = event_base_new();
	assert_int_equal(0, nx_hub_new(&config, &hub));
	assert_int_equal(0,
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair));
	assert_int_equal(0, nx_hub_attach(hub, role, 0, 1, pair[0]));
	e.call_id = 7;
	e.method = m->method;
	e.as_user = as_user;
	e.deadline_us = nx_now_us() + 10000000;
	len = nx_frame_pack(&e, 0, buf);
	assert_true(len > 0);
	assert_int_equal(0, nx_frame_send(pair[1], buf, (size_t)len, NULL, 0));
	for (i = 0; i < 8; i++)
		event_base_loop(config.base, EVLOOP_NONBLOCK);
	assert_int_equal(1, nx_frame_recv(pair[1], &frame));
	assert_true(frame.envelope->reply);
	assert_int_equal(7, frame.envelope->call_id);
	status = frame.envelope->status;
	nx_frame_fini(&frame);
	nx_hub_free(hub);
	event_base_free(config.base);
	close(pair[1]);
	return status;
}

/* With every method served: only the role decides, then the ticket. */
static void
a_hub_lets_in_whom_the_matrix_names(void **state)
{
	enum nx_role role;
	Nx__Status status;
	size_t i, row;

	(void)state;
	for (i = 0; i < nx_methods_count; i++)
		handlers[i] = (struct nx_handler){nx_methods[i].method, on_any};
	for (i = 0; i < nx_methods_count; i++)
		for (role = NX_ROLE_SWITCH; role < NX_ROLE_MAX; role++) {
			const struct nx_method *m = &nx_methods[i];

			row = row_of(m);
			handled = 0;
			status = ask(role, m, 0);
			if (!may_call(row, role)) {
				assert_int_equal(NX__STATUS__DENIED, status);
				assert_int_equal(0, handled);
			} else if (m->fds_min > 0) {
				assert_int_equal(NX__STATUS__INVALID, status);
				assert_int_equal(0, handled);
			} else if (matrix[row].ticket &&
			    role != NX_ROLE_ADMIN) {
				assert_int_equal(
				    NX__STATUS__UNAUTHENTICATED, status);
				assert_int_equal(0, handled);
			} else {
				assert_int_equal(NX__STATUS__CONFLICT, status);
				assert_int_equal(1, handled);
			}
		}
}

static void
only_an_admin_acts_for_others(void **state)
{
	enum nx_role role;
	Nx__Status status;
	size_t i;

	(void)state;
	for (i = 0; i < nx_methods_count; i++)
		for (role = NX_ROLE_SWITCH; role < NX_ROLE_MAX; role++) {
			if (nx_methods[i].fds_min > 0)
				continue;
			handled = 0;
			status = ask(role, &nx_methods[i], 42);
			if (role == NX_ROLE_ADMIN &&
			    may_call(row_of(&nx_methods[i]), role))
				assert_int_equal(1, handled);
			else
				assert_int_equal(NX__STATUS__DENIED, status);
		}
}

/* Default deny: no handler, no service, whoever asks. */
static void
a_hub_without_a_handler_refuses(void **state)
{
	size_t i;

	(void)state;
	memset(handlers, 0, sizeof(handlers));
	for (i = 0; i < nx_methods_count; i++)
		handlers[i] =
		    (struct nx_handler){NX__METHOD__SWITCH_STATUS, on_any};
	assert_int_equal(NX__STATUS__DENIED,
	    ask(NX_ROLE_ADMIN, nx_method_find(NX__METHOD__STORAGE_STATUS), 0));
	assert_int_equal(NX__STATUS__DENIED,
	    ask(NX_ROLE_AUTH, nx_method_find(NX__METHOD__MAIL_SEND), 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(edges_are_the_documented_ones),
	    cmocka_unit_test(methods_are_the_documented_ones),
	    cmocka_unit_test(every_method_travels_on_an_edge),
	    cmocka_unit_test(a_hub_lets_in_whom_the_matrix_names),
	    cmocka_unit_test(only_an_admin_acts_for_others),
	    cmocka_unit_test(a_hub_without_a_handler_refuses),
	};

	nx_log_open("test", false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
