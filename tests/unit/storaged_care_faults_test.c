/*
 * What storaged does by itself, and with volumes, and every call it makes failing
 * once: storaged_faults_lab.h.
 */
#include "storaged_faults_lab.h"
#include "common/db.h"
#include "storaged/care/compact_internal.h"

#define BIG   300000U /* more than goes into a segment */
#define SMALL 20000U
#define FILES 115U /* of SMALL: more than a segment of a small volume */

static uint8_t *data;

static void
clear(const char *path)
{
	Nx__Status status = lab_fs(USER, NX__METHOD__FS_DELETE, path);

	if (status != NX__STATUS__NOT_FOUND)
		LAB_OK(status);
}

static void
undo_new(void)
{
	clear("/new");
}

/* Asked once for each turn: the question may be what fails. */
static void
turn_while(bool (*busy)(void))
{
	bool is_busy = busy();

	for (int i = 0; i < 40000 && is_busy; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
		is_busy = busy();
	}
	if (is_busy)
		CASE_FAIL("it does not end");
}

/* --- replicas ---------------------------------------------------------------*/

static struct catalog_chunk
chunk_of(const char *path)
{
	struct catalog_chunk chunk;
	struct catalog_entry entry;
	struct path p;

	assert_null(path_parse(path, strlen(path), &p));
	assert_int_equal(catalog_stat(lab.s.catalog, USER, &p, &entry), 0);
	assert_int_equal(
	    catalog_file_chunks(lab.s.catalog, entry.file, 0, &chunk, 1), 1);
	return chunk;
}

static bool
is_good_on(const struct catalog_chunk *c, size_t i)
{
	struct volume *v = volume_by_key(lab.s.volumes, c->volumes[i]);
	struct chunk_place place = catalog_place(c, i);
	struct chunk_reader *reader = NULL;
	int r = chunk_open(v->store, &place, &reader);

	if (r == 0)
		r = chunk_verify(reader, &c->sums, 0, c->sums.size, NULL);
	chunk_close(reader);
	return r == 0;
}

static bool
is_whole(void)
{
	struct catalog_chunk c = chunk_of("/new");

	return c.n_replicas == 2 && is_good_on(&c, 0) && is_good_on(&c, 1);
}

static void
prepare_file(void)
{
	LAB_OK(lab_put(USER, "/new", data, BIG));
	lab_settle();
}

/* A bit of each, of different blocks. */
static void
prepare_rot(void)
{
	struct catalog_chunk c;

	prepare_file();
	c = chunk_of("/new");
	assert_int_equal(c.n_replicas, 2);
	for (size_t i = 0; i < 2; i++)
		lab_flip(volume_by_key(lab.s.volumes, c.volumes[i]), c.id.text,
		    (off_t)(i * CRC_BLOCK + 100));
}

static void
prepare_missing(void)
{
	struct catalog_chunk c;

	prepare_file();
	c = chunk_of("/new");
	assert_int_equal(
	    chunk_remove(
		volume_by_key(lab.s.volumes, c.volumes[1])->store, &c.id),
	    0);
}

/* Wrong bytes fail in lab_read. */
static Nx__Status
run_read(void)
{
	for (int i = 0; i < 3; i++) {
		Nx__Status status = lab_read(USER, NULL, "/new", 0, 0, data);

		if (status != NX__STATUS__OK)
			return status;
		lab_settle();
	}
	return NX__STATUS__OK;
}

static uint64_t cycle;

static bool
is_scrubbing(void)
{
	struct scrub_status st;

	return scrub_status(lab.s.scrub, &st) < 0 || st.cycle.cycle < cycle ||
	    st.cycle.ended_at == 0;
}

static Nx__Status
run_scrub(void)
{
	Nx__Status status =
	    lab_call(0, NX__METHOD__STORAGE_SCRUB, &(Nx__Empty)NX__EMPTY__INIT);

	if (status != NX__STATUS__OK)
		return status;
	cycle = LAB_BODY(Nx__ScrubReply)->cycle;
	turn_while(is_scrubbing);
	lab_settle();
	return status;
}

/* --- segments ---------------------------------------------------------------*/

static void
name_of(unsigned i, char path[32])
{
	(void)snprintf(path, 32, "/new/f%u", i);
}

/* A few of many are left. */
static void
prepare_dead(void)
{
	char path[32];

	LAB_OK(lab_mkdir(USER, "/new", false));
	for (unsigned i = 0; i < FILES; i++) {
		name_of(i, path);
		LAB_OK(lab_put(USER, path, data + i, SMALL));
	}
	for (unsigned i = 0; i < FILES; i++)
		if (i % 20) {
			name_of(i, path);
			clear(path);
		}
}

static void
add_bytes(const struct chunk_segment *segment, void *arg)
{
	if (!segment->open)
		*(uint64_t *)arg += segment->bytes;
}

static bool
is_compacting(void)
{
	struct compact *c = lab.s.compact;

	return c->busy || c->look_us == 0 || c->volume_key != INT64_MAX ||
	    !TAILQ_EMPTY(&c->emptied) || c->segment.number != 0;
}

/* Of segments that nothing is added to any more little is kept. */
static bool
is_compact(void)
{
	struct volume *v;
	uint64_t bytes = 0;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		assert_int_equal(
		    chunk_segments(v->store, add_bytes, &bytes), 0);
	return bytes < (uint64_t)FILES * SMALL / 2;
}

/* Some walks over all segments: what failed is begun anew after a while. */
static Nx__Status
run_compact(void)
{
	struct compact *c = lab.s.compact;

	c->wait_us = 0;
	if (!c->running)
		compact_start(c);
	for (int i = 0; i < 2 || (i < 6 && !is_compact()); i++) {
		if (i > 2)
			fault_skip(61);
		trust_all();
		compact_look(c);
		turn_while(is_compacting);
	}
	return NX__STATUS__OK;
}

/* --- volumes ----------------------------------------------------------------*/

#define NODE LAB_NODE("5")

static Nx__Status
run_create(void)
{
	Nx__Status status = lab_volume(NODE, 32 * MIB);

	return status == NX__STATUS__EXISTS ? NX__STATUS__OK : status;
}

static bool
is_created(void)
{
	struct volume *v = volume_find(lab.s.volumes, NODE);

	return v && v->attached && v->active;
}

static Nx__Status
run_delete(void)
{
	Nx__Status status = lab_volume_delete(NODE, false);

	return status == NX__STATUS__NOT_FOUND ? NX__STATUS__OK : status;
}

static bool
is_deleted(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/volumes/" NODE ".img", lab.dir);
	return !volume_find(lab.s.volumes, NODE) && access(path, F_OK) < 0;
}

static void
undo_volume(void)
{
	LAB_OK(run_delete());
	undo_new();
}

static void
prepare_volume(void)
{
	LAB_OK(run_create());
}

/* With something on it that has to go elsewhere. */
static void
prepare_full_volume(void)
{
	struct lab_upload u = {.replicas = 3};

	LAB_OK(run_create());
	u.path = "/new";
	LAB_OK(lab_upload(USER, &u, data, BIG, NULL));
	lab_settle();
}

static Nx__Status
run_attach(void)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;
	Nx__Status status;

	q.node = text(NODE);
	status = lab_node_call(NX__METHOD__VOLUME_ATTACH, &q);
	for (size_t i = 0; i < reply.n_fds; i++)
		nx_close(&reply.fds[i]);
	reply.n_fds = 0;
	return status;
}

static void
prepare_suspect(void)
{
	prepare_file();
	volume_find(lab.s.volumes, LAB_NODE("1"))->suspect = true;
}

static Nx__Status
run_trust(void)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;

	q.node = text(LAB_NODE("1"));
	return lab_call(0, NX__METHOD__VOLUME_TRUST, &q);
}

/* --- the check --------------------------------------------------------------*/

static void
prepare_wrong_sums(void)
{
	prepare_file();
	assert_int_equal(sqlite3_exec(nx_db_handle(catalog_db(lab.s.catalog)),
			     "UPDATE users SET used = used + 5 WHERE user = 7",
			     NULL, NULL, NULL),
	    SQLITE_OK);
}

static uint64_t checked;

static bool
is_checking(void)
{
	return check_status(lab.s.check)->over < checked;
}

static Nx__Status
run_check(void)
{
	checked = check_begin(lab.s.check, true);
	turn_while(is_checking);
	return NX__STATUS__OK;
}

static bool
is_right(void)
{
	return lab_usage(USER)->used == 2 * BIG;
}

/* --- the table --------------------------------------------------------------*/

static const struct operation operations[] = {
    OPERATION("heal", prepare_rot, run_read, undo_new, .done = is_whole,
	.all = 1U << FAULT_SYNC),
    OPERATION(
	"heal missing", prepare_missing, run_read, undo_new, .done = is_whole),
    /* Hundreds of steps, a second each: with INJECT=all. */
    OPERATION("scrub", prepare_rot, run_scrub, undo_new, .done = is_whole),
    OPERATION(
	"compaction", prepare_dead, run_compact, undo_new, .done = is_compact),
    OPERATION(
	"volume create", NULL, run_create, undo_volume, .done = is_created),
    OPERATION("volume delete", prepare_volume, run_delete, undo_volume,
	.done = is_deleted),
    OPERATION("drain", prepare_full_volume, run_delete, undo_volume,
	.done = is_deleted),
    OPERATION("volume attach", prepare_volume, run_attach, undo_volume),
    OPERATION(
	"volume trust", prepare_suspect, run_trust, undo_new, .orphan = true),
    OPERATION("check and repair", prepare_wrong_sums, run_check, undo_new,
	.either = true, .done = is_right),
};

static int
setup_lab(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_put(USER, "/kept", data + 12, BIG));
	lab.s.conf.scrub_rate = 1ULL << 40;
	lab.s.conf.scrub_cpu = 100;
	lab.s.conf.scrub_interval = 86400;
	scrub_start(lab.s.scrub);
	return 0;
}

static int
teardown_lab(void **state)
{
	lab.s.conf.scrub_rate = 0;
	return lab_teardown(state);
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
		test_operations, setup_lab, teardown_lab),
	};
	int r;

	LAB_OR_SKIP("every call fails once, of care");
	signal(SIGPIPE, SIG_IGN);
	data = lab_random(BIG + 1000);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(data);
	return r;
}
