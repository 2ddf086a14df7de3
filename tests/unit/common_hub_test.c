/* Calls, answers, deadlines, generations, and the checks between a request and
 * its handler. */
#include "tests/unit/common_hub_lab.h"

static void
answers(void **state)
{
	struct nx_ticket t;
	struct result r;

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	seal(&t);
	r = usage_as((uint8_t *)&t, 0);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_int_equal(r.number, 42);
	assert_int_equal(seen.user_id, 17);
	assert_false(seen.admin);
}

static void
needs_a_ticket(void **state)
{
	struct nx_ticket t;
	struct result r;

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	assert_int_equal(usage_as(NULL, 0).status, NX__STATUS__UNAUTHENTICATED);
	seal(&t);
	t.user_id = 18; /* somebody else's */
	r = usage_as((uint8_t *)&t, 0);
	assert_int_equal(r.status, NX__STATUS__UNAUTHENTICATED);
	assert_non_null(strstr(r.error, "forged"));
	seal(&t);
	assert_int_equal(usage_as((uint8_t *)&t, 1).status, NX__STATUS__DENIED);
	nx_tickets_revoke(tickets, 17, NULL);
	r = usage_as((uint8_t *)&t, 0);
	assert_non_null(strstr(r.error, "revoked"));
	assert_int_equal(handled, 0);
}

static void
wants_the_right(void **state)
{
	Nx__OpenUploadRequest up = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct nx_ticket t;
	struct nx_call_opts opts = {.ticket = (uint8_t *)&t};

	(void)state;
	join(NX_ROLE_GATEWAY, 1);
	seal(&t);
	t.rights = NX_RIGHT_READ;
	nx_ticket_seal(nx_tickets_key(tickets), &t);
	assert_int_equal(
	    call_with(NX__METHOD__FILE_OPEN_UPLOAD, &up.base, &opts).status,
	    NX__STATUS__DENIED);
	assert_int_equal(handled, 0);
}

static void
believes_an_admin(void **state)
{
	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_int_equal(usage_as(NULL, 5).status, NX__STATUS__OK);
	assert_true(seen.admin);
	assert_int_equal(seen.user_id, 5);
}

static void
denies_other_roles(void **state)
{
	Nx__Empty empty = NX__EMPTY__INIT;

	(void)state;
	join(NX_ROLE_AUTH, 1);
	assert_int_equal(usage_as(NULL, 0).status, NX__STATUS__DENIED);
	assert_int_equal(
	    call_with(NX__METHOD__STORAGE_STATUS, &empty.base, NULL).status,
	    NX__STATUS__DENIED);
	/* a method nobody serves here */
	assert_int_equal(
	    call_with(NX__METHOD__NET_STATUS, &empty.base, NULL).status,
	    NX__STATUS__DENIED);
	assert_int_equal(handled, 0);
}

static void
passes_descriptors(void **state)
{
	Nx__OpenUploadRequest up = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	r = call_with(NX__METHOD__FILE_OPEN_UPLOAD, &up.base, NULL);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_true(nx_fd_is(r.fd, NX_FD_PIPE_WRITE));
	nx_close(&r.fd);
}

static void
refuses_surplus_descriptors(void **state)
{
	Nx__Empty empty = NX__EMPTY__INIT;
	int fd = STDIN_FILENO;
	struct nx_call_opts opts = {.fds = &fd, .n_fds = 1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_int_equal(
	    call_with(NX__METHOD__STORAGE_USAGE, &empty.base, &opts).status,
	    NX__STATUS__INVALID);
	assert_int_equal(handled, 0);
}

static void
carries_refusals(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	m.path = (char *)(uintptr_t) "/a";
	r = call_with(NX__METHOD__FS_MKDIR, &m.base, NULL);
	assert_int_equal(r.status, NX__STATUS__EXISTS);
	assert_string_equal(r.error, "/a is there already");
}

static void
keeps_the_deadline(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct nx_call_opts opts = {.timeout_us = 50000};
	struct result r;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	r = call_with(NX__METHOD__FS_STAT, &m.base, &opts);
	assert_int_equal(r.status, NX__STATUS__DEADLINE);
	assert_non_null(parked);
	/* The late answer goes nowhere, without harm. */
	nx_refuse(parked, NX__STATUS__NOT_FOUND, "late");
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
fails_at_once_without_a_peer(void **state)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;

	(void)state;
	assert_int_equal(call_with(NX__METHOD__FS_MKDIR, &m.base, NULL).status,
	    NX__STATUS__UNAVAILABLE);
}

static void
sends_again_on_a_new_generation(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	Nx__FsEntry entry = NX__FS_ENTRY__INIT;
	struct result r = {.fd = -1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &m.base},
	    NULL, on_result, &r));
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_hub_drop(server, nx_hub_peer(server, NX_ROLE_ADMIN));
	assert_int_equal(peers_down, 1);
	assert_null(parked->peer);
	nx_refuse(parked, NX__STATUS__INTERNAL, "into the void");
	parked = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(r.came);
	join(NX_ROLE_ADMIN, 2);
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_answer(parked, &entry.base, NULL, 0);
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.status, NX__STATUS__OK);
	assert_int_equal(nx_hub_stats(client).resent, 1);
}

static void
does_not_repeat_what_is_not_idempotent(void **state)
{
	Nx__FileRequest m = NX__FILE_REQUEST__INIT;
	struct result r = {.fd = -1};

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	m.id = (char *)(uintptr_t) "abcd";
	assert_non_null(nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FILE_DELETE, &m.base},
	    NULL, on_result, &r));
	nx_hub_drop(server, nx_hub_peer(server, NX_ROLE_ADMIN));
	while (!r.came)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.status, NX__STATUS__UNAVAILABLE);
}

static void
refuses_an_old_generation(void **state)
{
	int pair[2];

	(void)state;
	join(NX_ROLE_ADMIN, 5);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
	    nx_hub_attach(client, NX_ROLE_STORAGE, 0, 4, pair[0]), -ESTALE);
	close(pair[1]);
}

static void
disconnects_a_malformed_peer(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair),
	    0);
	assert_int_equal(
	    nx_hub_attach(server, NX_ROLE_GATEWAY, 3, 1, pair[1]), 0);
	assert_int_equal(send(pair[0], "junk", 4, 0), 4);
	while (!peers_down)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(nx_hub_stats(server).malformed, 1);
	assert_int_equal(recv(pair[0], &byte, 1, 0), 0);
	close(pair[0]);
}

static void
can_be_cancelled(void **state)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct result r = {.fd = -1};
	struct nx_call *c;

	(void)state;
	join(NX_ROLE_ADMIN, 1);
	c = nx_call(client,
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &m.base},
	    NULL, on_result, &r);
	nx_call_cancel(c);
	while (!parked)
		event_base_loop(base, EVLOOP_ONCE);
	nx_refuse(parked, NX__STATUS__NOT_FOUND, "nobody waits");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(r.came);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(answers),
	    T(needs_a_ticket),
	    T(wants_the_right),
	    T(believes_an_admin),
	    T(denies_other_roles),
	    T(passes_descriptors),
	    T(refuses_surplus_descriptors),
	    T(carries_refusals),
	    T(keeps_the_deadline),
	    T(fails_at_once_without_a_peer),
	    T(sends_again_on_a_new_generation),
	    T(does_not_repeat_what_is_not_idempotent),
	    T(refuses_an_old_generation),
	    T(disconnects_a_malformed_peer),
	    T(can_be_cancelled),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
