/* Windows that are checked wait for their turn: who asks for very many holds up
 * nobody else. */
#include <semaphore.h>

#include "storaged_lab.h"
#include "storaged/downloads/session.h"

#define MIB  (1024 * 1024)
#define MANY 6

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

static struct {
	sem_t gate;
	uint64_t order[MANY + 1]; /* users that were answered */
	size_t n;
} turns;

static void
wait_at_gate(void *arg)
{
	(void)arg;
	while (sem_wait(&turns.gate) < 0)
		;
}

static void
gate_done(void *arg)
{
	(void)arg;
}

static void
on_turn(const struct nx_reply *r, void *arg)
{
	if (r->status == NX__STATUS__OK)
		turns.order[turns.n++] = *(uint64_t *)arg;
}

static void
ask_for(uint64_t *user)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(*user);

	q.path = (char *)(uintptr_t) "/f";
	q.max_segments = 16;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    (struct nx_ask){
		NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_READ, &q.base},
	    &opts, on_turn, user));
}

/* Who asks for very many windows holds up nobody but themselves. */
static void
test_readers_take_turns(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct reads *reads = downloads_reads(lab.s.downloads);
	static uint64_t users[] = {1, 2};

	(void)state;
	LAB_OK(lab_put(1, "/f", data, MIB));
	LAB_OK(lab_put(2, "/f", data, MIB));
	lab_settle();
	turns.n = 0;
	assert_int_equal(sem_init(&turns.gate, 0, 0), 0);
	lab.s.conf.threads = 2; /* one of them for reading */
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    nx_workers_submit(lab.s.io, wait_at_gate, gate_done, NULL),
		    0);
	for (int i = 0; i < MANY; i++)
		ask_for(&users[0]);
	ask_for(&users[1]);
	while (reads->turns.count < MANY + 1)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(reads->running, 1);
	for (int i = 0; i < 4; i++)
		sem_post(&turns.gate);
	while (turns.n < MANY + 1)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(reads->turns.count, 0);
	assert_int_equal(turns.order[2], 2);
	free(data);
}

/* Who goes while it waits is not read for. */
static void
test_gone_while_waiting(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct reads *reads = downloads_reads(lab.s.downloads);
	static uint64_t user = 1;

	(void)state;
	LAB_OK(lab_put(1, "/f", data, MIB));
	lab_settle();
	assert_int_equal(sem_init(&turns.gate, 0, 0), 0);
	lab.s.conf.threads = 2;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    nx_workers_submit(lab.s.io, wait_at_gate, gate_done, NULL),
		    0);
	for (int i = 0; i < MANY; i++)
		ask_for(&user);
	while (reads->turns.count < MANY)
		event_base_loop(lab.base, EVLOOP_ONCE);
	lab_disconnect(NX_ROLE_ADMIN);
	for (int i = 0; i < 4; i++)
		sem_post(&turns.gate);
	while (reads->turns.count > 0)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(reads->running, 0);
	assert_int_equal(downloads_count(lab.s.downloads), 0);
	lab_connect(NX_ROLE_ADMIN);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_readers_take_turns),
	    T(test_gone_while_waiting),
	};

	LAB_OR_SKIP("readers");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
