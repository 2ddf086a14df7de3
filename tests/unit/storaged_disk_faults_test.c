/*
 * Disks added and removed, volumes emptied, and every call that storaged makes
 * for it failing once: storaged_faults_lab.h.
 */
#include "storaged_disks_lab.h"
#include "storaged_faults_lab.h"

#define BIG   300000U /* more than goes into a segment */
#define FILES 6U
#define NODE  LAB_NODE("5")
#define OTHER LAB_NODE("6")

static uint8_t *data;

/* What failed is tried again after a minute, which is over soon; not while a
 * disk is being asked, which would have kept silent for that minute. Asked once
 * for each turn: the question may be what fails. */
static void
turn_till(bool (*over)(void))
{
	bool is_over = over();

	for (int i = 0; i < 40000 && !is_over; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		if (i % 400 == 399 && nx_workers_pending(lab.s.disks) == 0)
			fault_skip(61);
		usleep(500);
		is_over = over();
	}
	if (!is_over)
		CASE_FAIL("it does not end");
	lab_settle();
}

static void
name_of(unsigned i, char path[32])
{
	(void)snprintf(path, 32, "/new%u", i);
}

static void
put_files(unsigned replicas)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct lab_upload u = {.replicas = replicas};
		char path[32];

		name_of(i, path);
		u.path = path;
		LAB_OK(lab_upload(USER, &u, data + i, BIG, NULL));
	}
	lab_settle();
}

static void
clear_files(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		Nx__Status status;
		char path[32];

		name_of(i, path);
		status = lab_fs(USER, NX__METHOD__FS_DELETE, path);
		if (status != NX__STATUS__NOT_FOUND)
			LAB_OK(status);
	}
}

/* --- disks ------------------------------------------------------------------*/

static Nx__Status
disk_call(Nx__Method method)
{
	Nx__DiskRequest q = NX__DISK_REQUEST__INIT;

	q.path = (char *)(uintptr_t)disk_path('c');
	return lab_call(0, method, &q);
}

/* It is one, with a volume that files can be on. */
static bool
is_added(void)
{
	struct disk *d = disk_at('c');
	struct volume *v;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (d && !d->leaving && v->disk == d && volume_writable(v))
			return true;
	return false;
}

static bool
is_removed(void)
{
	return !disk_at('c');
}

static Nx__Status
run_add(void)
{
	Nx__Status status = disk_call(NX__METHOD__DISK_ADD);

	if (status == NX__STATUS__OK)
		turn_till(is_added);
	return status;
}

static Nx__Status
run_remove(void)
{
	Nx__Status status = disk_call(NX__METHOD__DISK_REMOVE);

	if (status == NX__STATUS__NOT_FOUND)
		return NX__STATUS__OK;
	if (status == NX__STATUS__OK)
		turn_till(is_removed);
	return status;
}

static void
undo_disk(void)
{
	clear_files();
	LAB_OK(run_remove());
}

static void
prepare_disk(void)
{
	LAB_OK(run_add());
	put_files(3);
}

/* --- emptying ---------------------------------------------------------------*/

/* What fails to order may be the question itself. */
static bool
is_empty(void)
{
	struct volume *v = volume_find(lab.s.volumes, NODE);
	uint64_t n;

	assert_non_null(v);
	return catalog_volume_chunks(lab.s.catalog, v->key, &n) == 0 && n == 0;
}

static Nx__Status
run_empty(void)
{
	Nx__VolumeEmptyRequest q = NX__VOLUME_EMPTY_REQUEST__INIT;
	Nx__Status status;

	q.node = (char *)(uintptr_t)NODE;
	status = lab_call(0, NX__METHOD__VOLUME_EMPTY, &q);
	if (status == NX__STATUS__OK)
		turn_till(is_empty);
	return status;
}

static void
prepare_empty(void)
{
	/* There is no other place for the third of each, and then there is. */
	LAB_OK(lab_volume_delete(OTHER, false));
	LAB_OK(lab_volume(NODE, 32 * MIB));
	put_files(3);
	LAB_OK(lab_volume(OTHER, 64 * MIB));
	assert_false(is_empty());
}

static void
undo_empty(void)
{
	clear_files();
	LAB_OK(lab_volume_delete(NODE, false));
	/* They are asked every few seconds only what room they have. */
	look_at(disk_at('a'));
	look_at(disk_at('b'));
	lab_settle();
}

/* --- the table --------------------------------------------------------------*/

static const struct operation operations[] = {
    OPERATION("add disk", NULL, run_add, undo_disk, .done = is_added,
	.all = 1U << FAULT_MEMORY),
    OPERATION("remove disk", prepare_disk, run_remove, undo_disk,
	.done = is_removed, .all = 1U << FAULT_SYNC),
    OPERATION(
	"empty volume", prepare_empty, run_empty, undo_empty, .done = is_empty),
};

static bool
are_there(void)
{
	return lab_status()->base_volumes == 2 && lab_status()->active == 3;
}

static int
setup_lab(void **state)
{
	int r = disks_setup(state, "ab", 600);

	if (r != 0)
		return r;
	/* One that is suspect for a while gets no other beside it. */
	lab.s.conf.base_max = 1;
	disk_create('c', 300);
	LAB_OK(lab_volume(OTHER, 64 * MIB));
	turn_till(are_there);
	LAB_OK(lab_put(USER, "/kept", data + 12, BIG));
	return 0;
}

static void
test_operations(void **state)
{
	(void)state;
	run_operations(operations, NX_ARRAY_SIZE(operations));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_operations, setup_lab, disks_teardown),
	};
	int r;

	LAB_OR_SKIP("every call fails once, of disks");
	signal(SIGPIPE, SIG_IGN);
	data = lab_random(BIG + 1000);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(data);
	return r;
}
