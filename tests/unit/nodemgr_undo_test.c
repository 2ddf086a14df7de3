/*
 * What goes wrong with nodes, and what is refused: nothing is left over, nothing
 * is lost, and what has to be done some time is done.
 */
#include "tests/unit/nodemgr_commands.h"

/* --- what fails ------------------------------------------------------------------- */

static void
test_failed_creation_leaves_nothing(void **state)
{
	static const Nx__Method methods[] = {NX__METHOD__VOLUME_CREATE,
	    NX__METHOD__VOLUME_ATTACH, NX__METHOD__NET_ATTACH,
	    NX__METHOD__NONE /* a volume that is no mount */};
	struct answer a;
	int before, init, tries;
	size_t i;

	(void)state;
	before = nx_fd_count();
	for (i = 0; i < NX_ARRAY_SIZE(methods); i++) {
		world.fail = methods[i];
		world.bogus_volume = methods[i] == NX__METHOD__NONE;
		assert_int_not_equal(create_node(&a, USER, "f", NULL), 0);
		print_message("# %s\n", a.error);
		forget_answer(&a);
		world.fail = NX__METHOD__NONE;
		world.bogus_volume = false;
		assert_null(world.m.nodes);
		assert_int_equal(world.volumes, 0);
		assert_int_equal(count_cgroups(), 0);
		assert_int_equal(nx_fd_count(), before);
		/* killed before the answer, reaped a moment later */
		for (tries = 0; tries < 50 && has_children(); tries++)
			turn();
		assert_false(has_children());
	}
	/* the child's own steps: an init that is none */
	init = world.m.init;
	world.m.init = world.m.images;
	assert_int_not_equal(create_node(&a, USER, "f", NULL), 0);
	print_message("# %s\n", a.error);
	forget_answer(&a);
	world.m.init = init;
	assert_null(world.m.nodes);
	assert_int_equal(count_cgroups(), 0);
	assert_int_equal(nx_fd_count(), before);
	/* and it works again, with the lowest address */
	assert_int_equal(create_node(&a, USER, "f", NULL), 0);
	assert_string_equal(((const Nx__NodeInfo *)a.body)->ip, "10.0.42.2");
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "f", true), 0);
	assert_int_equal(nx_fd_count(), before);
}

static void
test_addresses_run_out(void **state)
{
	struct answer a;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 5; i++) { /* a /29 without the gateway */
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(create_node(&a, USER, name, NULL), 0);
		forget_answer(&a);
	}
	assert_int_equal(create_node(&a, USER, "n5", NULL), NX__STATUS__FULL);
	print_message("# %s\n", a.error);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "n2", true), 0);
	assert_int_equal(create_node(&a, USER, "n5", NULL), 0);
	assert_string_equal(((const Nx__NodeInfo *)a.body)->ip, "10.0.42.4");
	forget_answer(&a);
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(delete_node(USER, name, true),
		    i == 2 ? NX__STATUS__NOT_FOUND : 0);
	}
}

/* --- restarts ----------------------------------------------------------------------- */

static void
test_survives_restart(void **state)
{
	struct answer a;
	char reason[64];
	uint32_t pid;

	(void)state;
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	pid = ((const Nx__NodeInfo *)a.body)->pid;
	forget_answer(&a);
	assert_int_equal(create_node(&a, USER, "b", "sleep 1; exit 4"), 0);
	forget_answer(&a);
	world_close_nodemgr();
	usleep(1500000); /* b ends while nobody looks */
	world_open_nodemgr();
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_GET, "a"), 0);
	assert_string_equal(((const Nx__NodeInfo *)a.body)->status, "Running");
	assert_int_equal(((const Nx__NodeInfo *)a.body)->pid, pid);
	forget_answer(&a);
	assert_true(becomes(USER, "b", "Failed", reason));
	assert_string_equal(reason, "exit 4");
	assert_int_equal(run_in("a", "true", NULL, 0), 0);
	assert_int_equal(stop_node(USER, "a"), 0);
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "a"), 0);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "a", true), 0);
	assert_int_equal(delete_node(USER, "b", false), 0);
}

static void
test_keep_starts_again(void **state)
{
	Nx__NodeStopRequest q = NX__NODE_STOP_REQUEST__INIT;
	struct answer a;

	(void)state;
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	forget_answer(&a);
	assert_int_equal(create_node(&a, USER, "b", NULL), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "b"), 0);
	q.all = q.keep = true;
	assert_int_equal(ask_as(&a, USER, NX__METHOD__NODE_STOP, &q.base),
	    NX__STATUS__DENIED);
	forget_answer(&a);
	assert_int_equal(ask_as(&a, 0, NX__METHOD__NODE_STOP, &q.base), 0);
	forget_answer(&a);
	assert_true(becomes(USER, "a", "Stopped", NULL));
	world_close_nodemgr();
	world_open_nodemgr();
	assert_true(becomes(USER, "a", "Running", NULL));
	assert_true(becomes(USER, "b", "Stopped", NULL));
	assert_int_equal(delete_node(USER, "a", true), 0);
	assert_int_equal(delete_node(USER, "b", true), 0);
}

/* Killed between the row and the answer: the next one unwinds. */
static void
test_half_made_is_unwound(void **state)
{
	Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;
	struct answer a;
	int i;

	(void)state;
	world.fail = NX__METHOD__NONE;
	q.name = (char *)(uintptr_t) "half";
	q.storage = 16 << 20;
	ask_async(
	    &a, world.admin, NX__METHOD__NODE_CREATE, &q.base, USER, NULL, 0);
	while (!world.volumes)
		event_base_loop(world.base, EVLOOP_ONCE);
	world_close_nodemgr();
	world_open_nodemgr();
	for (i = 0; i < 100 && world.m.nodes; i++)
		turn();
	assert_null(world.m.nodes);
	assert_int_equal(world.volumes, 0);
	assert_int_equal(count_cgroups(), 0);
	forget_answer(&a);
}

/* A volume that cannot be deleted just now is not forgotten. */
static void
test_unwinding_is_tried_again(void **state)
{
	struct answer a;
	int i;

	(void)state;
	world.fail = NX__METHOD__NET_ATTACH;
	world.also_fail = NX__METHOD__VOLUME_DELETE;
	assert_int_not_equal(create_node(&a, USER, "f", NULL), 0);
	forget_answer(&a);
	assert_int_equal(world.volumes, 1);
	assert_non_null(world.m.nodes);
	op_kick(&world.m); /* still not */
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.nodes->state, NODE_DELETING);
	world.fail = world.also_fail = NX__METHOD__NONE;
	for (i = 0; i < 400 && world.m.nodes; i++)
		turn();
	assert_null(world.m.nodes);
	assert_int_equal(world.volumes, 0);
}

/* What storaged refuses is refused before anything is done to the node. */
static void
test_refused_deletion(void **state)
{
	struct answer a;
	int pid;

	(void)state;
	assert_int_equal(create_node(&a, USER, "r", NULL), 0);
	forget_answer(&a);
	pid = world.m.nodes->pid;
	world.fail = NX__METHOD__VOLUME_DELETE;
	assert_int_equal(delete_node(USER, "r", true), NX__STATUS__INTERNAL);
	world.fail = NX__METHOD__NONE;
	/* nobody is told "Running" of what may be gone a moment later */
	assert_string_equal(world.at_drain, "Deleting");
	assert_true(becomes(USER, "r", "Running", NULL));
	assert_int_equal(world.m.nodes->state, NODE_RUNNING);
	assert_int_equal(world.m.nodes->pid, pid);
	assert_false(nx_pidfd_ended(world.m.nodes->warden.p.pidfd));
	assert_int_equal(world.links, 1);
	assert_int_equal(stop_node(USER, "r"), 0);
	world.fail = NX__METHOD__VOLUME_DELETE;
	assert_int_equal(delete_node(USER, "r", false), NX__STATUS__INTERNAL);
	world.fail = NX__METHOD__NONE;
	assert_int_equal(world.m.nodes->state, NODE_STOPPED);
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "r"), 0);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "r", true), 0);
	assert_null(world.m.nodes);
}

/* Nothing is begun that nobody could undo. */
static void
test_create_without_storaged(void **state)
{
	struct answer a;

	(void)state;
	nx_hub_drop(world.m.hub, nx_hub_peer(world.m.hub, NX_ROLE_STORAGE));
	turn();
	assert_int_equal(
	    create_node(&a, USER, "c", NULL), NX__STATUS__UNAVAILABLE);
	forget_answer(&a);
	assert_null(world.m.nodes);
	world_link(world.storage, NX_ROLE_STORAGE);
	assert_int_equal(create_node(&a, USER, "c", NULL), 0);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "c", true), 0);
}

/* A storaged that is killed may have decided by then: not even without force is
 * the node anybody's again before it has said so. */
static void
test_undecided_deletion(void **state)
{
	struct answer a;
	int i;

	(void)state;
	assert_int_equal(create_node(&a, USER, "u", NULL), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "u"), 0);
	world.fail = NX__METHOD__VOLUME_DELETE;
	world.with = NX__STATUS__UNAVAILABLE;
	assert_int_equal(
	    delete_node(USER, "u", false), NX__STATUS__UNAVAILABLE);
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_GET, "u"), 0);
	assert_string_equal(((const Nx__NodeInfo *)a.body)->status, "Deleting");
	forget_answer(&a);
	world.with = NX__STATUS__CONFLICT;
	op_kick(&world.m);
	assert_true(becomes(USER, "u", "Stopped", NULL));
	world.with = NX__STATUS__UNAVAILABLE;
	assert_int_equal(
	    delete_node(USER, "u", false), NX__STATUS__UNAVAILABLE);
	world.fail = NX__METHOD__NONE;
	world.with = NX__STATUS__OK;
	op_kick(&world.m);
	for (i = 0; i < 100 && world.m.nodes; i++)
		turn();
	assert_null(world.m.nodes);
	assert_int_equal(world.volumes, 0);
}

/* A start that is refused because a service is away leaves the node as it was;
 * any other is the node's, and seen. */
static void
test_refused_start(void **state)
{
	struct answer a;
	char reason[64];

	(void)state;
	assert_int_equal(create_node(&a, USER, "s", NULL), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "s"), 0);
	world.fail = NX__METHOD__NET_ATTACH;
	world.with = NX__STATUS__UNAVAILABLE;
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "s"),
	    NX__STATUS__UNAVAILABLE);
	forget_answer(&a);
	assert_true(becomes(USER, "s", "Stopped", reason));
	assert_string_equal(reason, "stopped");
	world.with = NX__STATUS__OK;
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "s"),
	    NX__STATUS__INTERNAL);
	forget_answer(&a);
	assert_true(becomes(USER, "s", "Failed", reason));
	assert_string_equal(reason, "start failed");
	world.fail = NX__METHOD__NONE;
	assert_int_equal(delete_node(USER, "s", true), 0);
}

static void
test_user_deleted(void **state)
{
	Nx__UserDeleted q = NX__USER_DELETED__INIT;
	struct nx_ticket t = {.audience = NX_ROLE_NODE,
	    .user_id = USER,
	    .expiry_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .rights = NX_RIGHT_ALL};
	const uint8_t *ticket = (const uint8_t *)&t;
	struct answer a;
	int i;

	(void)state;
	nx_ticket_seal(nx_tickets_key(world.m.tickets), &t);
	assert_int_equal(
	    nx_tickets_check(world.m.tickets, ticket, NX_TICKET_LEN, &t),
	    NX_TICKET_OK);
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	forget_answer(&a);
	assert_int_equal(create_node(&a, USER + 1, "b", NULL), 0);
	forget_answer(&a);
	q.user_id = USER;
	ask_async(
	    &a, world.auth, NX__METHOD__AUTH_USER_DELETED, &q.base, 0, NULL, 0);
	settle(&a);
	assert_int_equal(a.status, 0);
	forget_answer(&a);
	/* Nor does a ticket from before make them a node nobody deletes. */
	assert_int_equal(
	    nx_tickets_check(world.m.tickets, ticket, NX_TICKET_LEN, &t),
	    NX_TICKET_REVOKED);
	for (i = 0; i < 200 && world.volumes > 1; i++)
		turn();
	assert_int_equal(world.volumes, 1);
	assert_int_equal(delete_node(USER + 1, "b", true), 0);
}

/* The news comes while the end of the user's node waits to be written. */
static void
test_user_deleted_meanwhile(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "a"), 0);
	world.deleted_user = USER;
	assert_int_equal(delete_node(USER, "a", false), 0);
	turn();
	assert_true(world.told);
	assert_null(world.m.nodes);
	/* no row was left behind that holds its address and ids */
	assert_int_equal(create_node(&a, USER + 1, "b", NULL), 0);
	forget_answer(&a);
	assert_int_equal(delete_node(USER + 1, "b", true), 0);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_failed_creation_leaves_nothing),
	    cmocka_unit_test(test_addresses_run_out),
	    cmocka_unit_test(test_survives_restart),
	    cmocka_unit_test(test_keep_starts_again),
	    cmocka_unit_test(test_half_made_is_unwound),
	    cmocka_unit_test(test_unwinding_is_tried_again),
	    cmocka_unit_test(test_refused_deletion),
	    cmocka_unit_test(test_create_without_storaged),
	    cmocka_unit_test(test_undecided_deletion),
	    cmocka_unit_test(test_refused_start),
	    cmocka_unit_test(test_user_deleted),
	    cmocka_unit_test(test_user_deleted_meanwhile),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_undo", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
