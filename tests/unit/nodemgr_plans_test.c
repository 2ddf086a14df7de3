/*
 * Every step of every plan fails once, done or not, and nodemgr is killed before
 * every one. What a plan promises is kept each time: afterwards the kernel, the
 * neighbours and the database agree, and nothing is left over.
 */
#include "tests/unit/nodemgr_world.h"

#define USER  7
#define STEPS 16

/* The plan that is tampered with. */
static struct {
	struct op_plan plan;
	struct op_step steps[STEPS];
	const struct op_plan *real;
	enum op_kind kind;
	bool reached;
} bent;

static enum op_turn
fails(struct op *op)
{
	op_fail(op, NX__STATUS__INTERNAL, "as the test wants it");
	bent.reached = true;
	return OP_FAILED;
}

static enum op_turn
hang(struct op *op)
{
	(void)op;
	bent.reached = true;
	return OP_WAIT;
}

static enum op_turn
passes(struct op *op)
{
	(void)op;
	return OP_NEXT;
}

/* Takes a copy of the plan into use. */
static void
bend(enum op_kind kind)
{
	unsigned i;

	bent.kind = kind;
	bent.real = op_plans[kind];
	bent.plan = *bent.real;
	bent.reached = false;
	assert_true(bent.plan.n_steps + 1 < STEPS);
	for (i = 0; i < bent.plan.n_steps; i++)
		bent.steps[i] = bent.real->steps[i];
	bent.plan.steps = bent.steps;
	op_plans[kind] = &bent.plan;
}

/* With one more step before the @at-th: what is before it has been done. */
static void
insert(enum op_kind kind, unsigned at, op_step_fn *go)
{
	unsigned i;

	bend(kind);
	for (i = bent.plan.n_steps++; i > at; i--)
		bent.steps[i] = bent.steps[i - 1];
	bent.steps[at] = (struct op_step){"test", go, NULL};
	bent.plan.no_return += at < bent.plan.no_return;
}

/* With the @at-th step failing before it does anything: its undo is called. */
static void
replace(enum op_kind kind, unsigned at)
{
	bend(kind);
	bent.steps[at].go = fails;
}

static void
straighten(void)
{
	op_plans[bent.kind] = bent.real;
}

/* --- a node for each plan, and what begins the plan ------------------------------- */

static void
prepare(enum op_kind kind)
{
	struct answer a;

	if (kind == OP_CREATE)
		return;
	assert_int_equal(create_node(&a, USER, "n", NULL), 0);
	forget_answer(&a);
	if (kind == OP_START)
		assert_int_equal(stop_node(USER, "n"), 0);
	while (!idle())
		turn();
}

static void
trigger(enum op_kind kind, struct answer *a)
{
	Nx__NodeCreateRequest create = NX__NODE_CREATE_REQUEST__INIT;
	Nx__NodeRequest start = NX__NODE_REQUEST__INIT;
	Nx__NodeStopRequest stop = NX__NODE_STOP_REQUEST__INIT;
	Nx__NodeDeleteRequest del = NX__NODE_DELETE_REQUEST__INIT;
	const struct {
		Nx__Method method;
		const ProtobufCMessage *body;
	} asked[OP_KINDS] = {
	    [OP_CREATE] = {NX__METHOD__NODE_CREATE, &create.base},
	    [OP_START] = {NX__METHOD__NODE_START, &start.base},
	    [OP_STOP] = {NX__METHOD__NODE_STOP, &stop.base},
	    [OP_DELETE] = {NX__METHOD__NODE_DELETE, &del.base},
	};

	memset(a, 0, sizeof(*a));
	create.name = start.node = stop.node = del.node =
	    (char *)(uintptr_t) "n";
	create.storage = 16 << 20;
	del.force = true;
	if (kind == OP_END)
		(void)nx_owner_signal(world.m.nodes->uid_base,
		    world.m.nodes->warden.p.pidfd, SIGTERM);
	else if (kind == OP_RELINK)
		op_begin(world.m.nodes, OP_RELINK, false, false);
	else
		ask_async(a, world.admin, asked[kind].method, asked[kind].body,
		    USER, NULL, 0);
}

static void
until_reached(void)
{
	int i;

	for (i = 0; i < 500 && !bent.reached; i++)
		turn();
	assert_true(bent.reached);
}

static void
until_idle(void)
{
	int i;

	for (i = 0; i < 500 && !idle(); i++)
		turn();
	assert_true(idle());
}

/* The kernel and the neighbours have what the node's state says. */
static void
assert_consistent(void)
{
	const struct node *n = world.m.nodes;
	bool runs = n && n->state == NODE_RUNNING;

	assert_int_equal(world.volumes, n ? 1 : 0);
	assert_int_equal(world.links, runs ? 1 : 0);
	assert_int_equal(count_cgroups(), runs ? 1 : 0);
	if (!n)
		return;
	assert_null(n->next);
	assert_true(runs || n->state == NODE_STOPPED);
	assert_int_equal(n->plan[0], '\0');
	assert_int_equal(
	    runs ? nx_cgroup_populated(n->warden.cgroup) : 0, runs);
	assert_true(!runs || !nx_pidfd_ended(n->warden.p.pidfd));
}

/* And so has the database. */
static void
assert_stored(void)
{
	bool there = world.m.nodes;
	enum node_state state = there ? world.m.nodes->state : NODE_STOPPED;

	world_close_nodemgr();
	world_open_nodemgr();
	until_idle();
	assert_int_equal(there, world.m.nodes != NULL);
	if (there)
		assert_int_equal(world.m.nodes->state, state);
	assert_consistent();
}

static void
clean_up(int fds)
{
	int i;

	if (world.m.nodes)
		assert_int_equal(delete_node(USER, "n", true), 0);
	assert_nothing_left();
	for (i = 0; i < 50 && nx_fd_count() != fds; i++)
		turn();
	assert_int_equal(nx_fd_count(), fds);
}

/* --- failures --------------------------------------------------------------------- */

/* What is there after the plan failed at a step that is undone. */
static const struct {
	bool there;
	enum node_state state;
} undone[OP_KINDS] = {
    [OP_CREATE] = {false, 0},
    [OP_START] = {true, NODE_STOPPED},
    [OP_STOP] = {true, NODE_RUNNING},
    [OP_END] = {true, NODE_STOPPED},
    [OP_DELETE] = {true, NODE_RUNNING},
    [OP_RELINK] = {true, NODE_RUNNING},
};
/* And after it went well, or past the way of no return. */
static const struct {
	bool there;
	enum node_state state;
} done[OP_KINDS] = {
    [OP_CREATE] = {true, NODE_RUNNING},
    [OP_START] = {true, NODE_RUNNING},
    [OP_STOP] = {true, NODE_STOPPED},
    [OP_END] = {true, NODE_STOPPED},
    [OP_DELETE] = {false, 0},
    [OP_RELINK] = {true, NODE_RUNNING},
};

static bool
is(bool there, enum node_state state)
{
	const struct node *n = world.m.nodes;

	return there ? n && n->state == state : !n;
}

static void
until(bool there, enum node_state state)
{
	int i;

	for (i = 0; i < 200 && !(is(there, state) && idle()); i++)
		turn();
	assert_true(is(there, state));
	assert_true(idle());
}

static void
fail_at(enum op_kind kind, unsigned at, bool before)
{
	int fds = nx_fd_count();
	bool back;
	struct answer a;

	prepare(kind);
	if (before)
		insert(kind, at, fails);
	else
		replace(kind, at);
	back = at < bent.plan.no_return;
	trigger(kind, &a);
	until_reached();
	straighten();
	if (kind != OP_END && kind != OP_RELINK) {
		settle(&a);
		assert_int_not_equal(a.status, 0);
		assert_non_null(strstr(a.error, "as the test wants it"));
	}
	if (!back) {
		/* parked: the same step again, and well this time */
		assert_non_null(world.m.nodes->op);
		assert_true(world.m.nodes->op->parked);
		bent.steps[at].go = before ? passes : bent.real->steps[at].go;
		op_kick(&world.m);
	}
	until_idle();
	if (back)
		until(undone[kind].there, undone[kind].state);
	else
		until(done[kind].there, done[kind].state);
	assert_consistent();
	forget_answer(&a);
	assert_stored();
	clean_up(fds);
}

static void
test_every_step_fails(void **state)
{
	unsigned kind, at;

	(void)state;
	for (kind = 0; kind < OP_KINDS; kind++)
		for (at = 0; at < op_plans[kind]->n_steps; at++) {
			print_message("# %s fails at %s\n",
			    op_plans[kind]->name,
			    op_plans[kind]->steps[at].name);
			/* a node that is made has its row's undo to go */
			if (kind != OP_CREATE || at > 0)
				fail_at((enum op_kind)kind, at, true);
			fail_at((enum op_kind)kind, at, false);
		}
}

/* What a file in memory, which stood in for stderr, has got. */
static void
read_back(int log, char *text, size_t size)
{
	ssize_t n = pread(log, text, size - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
}

/* The log names the step that failed, however far back it went from there. */
static void
test_says_which_step(void **state)
{
	int log = memfd_create("log", MFD_CLOEXEC), fds = nx_fd_count();
	int real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	static char text[65536];
	struct answer a;

	(void)state;
	assert_true(log >= 0 && real >= 0);
	replace(OP_CREATE, 4);
	assert_string_equal(bent.steps[4].name, "network");
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	trigger(OP_CREATE, &a);
	settle(&a);
	until_idle();
	assert_int_equal(dup2(real, STDERR_FILENO), STDERR_FILENO);
	close(real);
	straighten();
	read_back(log, text, sizeof(text));
	print_message("# %s\n", text);
	assert_non_null(strstr(text, "event=node-create-failed"));
	assert_non_null(strstr(text, " step=network "));
	forget_answer(&a);
	clean_up(fds);
	close(log);
}

/* --- kills ------------------------------------------------------------------------ */

static void
kill_at(enum op_kind kind, unsigned at)
{
	int fds = nx_fd_count();
	struct answer a;

	prepare(kind);
	insert(kind, at, hang);
	trigger(kind, &a);
	until_reached();
	turn(); /* what is written behind comes to the disk */
	straighten();
	world_close_nodemgr();
	forget_answer(&a);
	world_open_nodemgr();
	until_idle();
	/* what goes forwards and has begun is finished, not forgotten */
	if (at > 0 && (kind == OP_STOP || kind == OP_END || kind == OP_DELETE))
		assert_true(is(done[kind].there, done[kind].state));
	else if (kind == OP_DELETE)
		assert_true(is(true, NODE_RUNNING));
	else
		assert_true(is(done[kind].there, done[kind].state) ||
		    is(undone[kind].there, undone[kind].state));
	assert_consistent();
	assert_stored();
	clean_up(fds);
}

static void
test_killed_at_every_step(void **state)
{
	unsigned kind, at;

	(void)state;
	for (kind = 0; kind < OP_KINDS; kind++)
		for (at = 0; at <= op_plans[kind]->n_steps; at++) {
			print_message("# killed in %s before step %u\n",
			    op_plans[kind]->name, at);
			kill_at((enum op_kind)kind, at);
		}
}

/* --- the tables ------------------------------------------------------------------- */

static void
test_tables(void **state)
{
	const struct op_plan *p;
	unsigned kind, i, k;

	(void)state;
	for (kind = 0; kind < OP_KINDS; kind++) {
		p = op_plans[kind];
		assert_true(strlen(p->name) < NODE_STEP_LEN);
		assert_true(p->no_return <= p->n_steps);
		for (i = 0; i < p->n_steps; i++) {
			assert_non_null(p->steps[i].go);
			assert_true(strlen(p->steps[i].name) < NODE_STEP_LEN);
			for (k = 0; k < i; k++)
				assert_string_not_equal(
				    p->steps[i].name, p->steps[k].name);
		}
	}
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_every_step_fails),
	    cmocka_unit_test(test_says_which_step),
	    cmocka_unit_test(test_killed_at_every_step),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_plans", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
