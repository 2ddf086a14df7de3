/*
 * What becomes of a chunk between its row and its reading: threads are busy, and
 * meanwhile it is moved to another volume, or its file is replaced. Whoever reads
 * gets what is there, and nobody is told of damage.
 */
#include <stdatomic.h>

#include "storaged/care/copy.h"
#include "storaged_lab.h"

#define MIB  (1024 * 1024)
#define SIZE (3 * MIB / 2)

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	return 0;
}

/* --- threads that are busy --------------------------------------------------*/

static atomic_bool busy;

static void
be_busy(void *arg)
{
	(void)arg;
	while (busy)
		usleep(500);
}

static void
was_busy(void *arg)
{
	(void)arg;
}

static void
keep_busy(void)
{
	busy = true;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    nx_workers_submit(lab.s.io, be_busy, was_busy, NULL), 0);
}

/* --- a read that waits for them ---------------------------------------------*/

struct reading {
	bool done;
	Nx__Status status;
	uint64_t bytes;
	char id[33];
};

static void
on_read(const struct nx_reply *r, void *arg)
{
	struct reading *reading = arg;
	const Nx__OpenReadReply *a =
	    (const Nx__OpenReadReply *)(const void *)r->body;

	reading->done = true;
	reading->status = r->status;
	if (!a)
		return;
	snprintf(reading->id, sizeof(reading->id), "%s", a->file->id);
	for (size_t i = 0; i < a->n_segments; i++)
		reading->bytes += a->segments[i]->length;
}

static void
begin_read(struct reading *reading, char *path)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(1);

	q.path = path;
	q.max_segments = 4;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    (struct nx_ask){
		NX_ROLE_STORAGE, NX__METHOD__FILE_OPEN_READ, &q.base},
	    &opts, on_read, reading));
	while (nx_workers_pending(lab.s.io) < 5)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

static void
end_read(struct reading *reading)
{
	busy = false;
	while (!reading->done)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

static void
await_files(size_t n)
{
	for (int i = 0; i < 20000 && lab_chunk_files() != n; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	assert_int_equal(lab_chunk_files(), n);
}

/* --- moved ------------------------------------------------------------------*/

static void
on_copied(struct copy *copy)
{
	*(int *)copy->arg = copy->result;
}

static void
move_chunk(const char *id)
{
	struct catalog_chunk chunk;
	struct volume *from, *to;
	int result = INT32_MAX;

	lab_first_chunk(id, &chunk);
	assert_int_equal(chunk.n_replicas, 1);
	from = volume_by_key(lab.s.volumes, chunk.volumes[0]);
	to = volume_find(lab.s.volumes, LAB_NODE("1"));
	if (to == from)
		to = volume_find(lab.s.volumes, LAB_NODE("2"));
	assert_int_equal(
	    copy_make(&lab.s, &chunk, to, from->key, false, on_copied, &result),
	    0);
	while (result == INT32_MAX)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(result, 0);
}

static void
test_moved(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 1};
	uint8_t *data = lab_random(SIZE);
	struct reading reading = {0};
	struct catalog_chunk chunk;
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, SIZE, id));
	lab_settle();
	keep_busy();
	begin_read(&reading, (char *)(uintptr_t) "/f");
	move_chunk(id);
	await_files(1);
	end_read(&reading);
	assert_int_equal(reading.status, NX__STATUS__OK);
	assert_int_equal(reading.bytes, SIZE);
	lab_settle();
	lab_first_chunk(id, &chunk);
	assert_int_equal(
	    catalog_damage(lab.s.catalog, chunk.key), CATALOG_WHOLE);
	assert_int_equal(lab.s.corrupt, 0);
	LAB_OK(lab_read(1, NULL, "/f", 0, 0, data));
	free(data);
}

/* --- replaced ---------------------------------------------------------------*/

static void
test_replaced(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 1};
	uint8_t *data = lab_random(SIZE);
	struct reading reading = {0};
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, SIZE, NULL));
	u.path = "/new";
	LAB_OK(lab_upload(1, &u, data, SIZE, id));
	lab_settle();
	keep_busy();
	begin_read(&reading, (char *)(uintptr_t) "/f");
	LAB_OK(lab_move(1, "/new", "/f", true));
	await_files(1);
	end_read(&reading);
	assert_int_equal(reading.status, NX__STATUS__OK);
	assert_string_equal(reading.id, id);
	assert_int_equal(reading.bytes, SIZE);
	free(data);
}

/* Nothing takes its place: then it is not there. */
static void
test_deleted(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 1};
	uint8_t *data = lab_random(SIZE);
	struct reading reading = {0};

	(void)state;
	LAB_OK(lab_upload(1, &u, data, SIZE, NULL));
	lab_settle();
	keep_busy();
	begin_read(&reading, (char *)(uintptr_t) "/f");
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	await_files(0);
	end_read(&reading);
	assert_int_equal(reading.status, NX__STATUS__NOT_FOUND);
	assert_int_equal(lab.s.corrupt, 0);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_moved),
	    T(test_replaced),
	    T(test_deleted),
	};

	LAB_OR_SKIP("storaged_moved");
	return cmocka_run_group_tests_name("storaged_moved", tests, NULL, NULL);
}
