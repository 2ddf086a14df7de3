/*
 * Volumes that go: what was on them is elsewhere first, read whole there, and
 * what cannot be is lost only to whom it belongs and who was told, or to an
 * admin who says so.
 */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static void
test_moves(void **state)
{
	struct lab_upload u = {.name = "a", .replicas = 1};
	size_t size = 2 * CHUNK_SIZE;
	uint8_t *data = lab_random(size);
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, size, id));
	/* only there: refused, nothing lost */
	assert_int_equal(
	    lab_volume_delete(LAB_NODE("1"), false), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "1 file"));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	/* a second node: moved */
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->chunks_moved, 2);
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 0);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	/* an admin may lose it, and is told what */
	LAB_OK(lab_volume_delete(LAB_NODE("2"), true));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 1);
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->n_lost, 1);
	assert_string_equal(LAB_BODY(Nx__VolumeDeleteReply)->lost[0]->id, id);
	assert_string_equal(
	    LAB_BODY(Nx__VolumeDeleteReply)->lost[0]->name, "a");
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->lost[0]->owner, 7);
	assert_int_equal(
	    lab_read(7, id, NULL, 0, 0, data), NX__STATUS__CORRUPT);
	free(data);
}

static unsigned deleted_ok;

static void
count_deleted(const struct nx_reply *r, void *arg)
{
	deleted_ok += r->status == NX__STATUS__OK;
	++*(unsigned *)arg;
}

/* Several at once: all go, and what they held goes to the one that stays. */
static void
test_together(void **state)
{
	static const char *const nodes[] = {LAB_NODE("1"), LAB_NODE("2"),
	    LAB_NODE("3"), LAB_NODE("4"), LAB_NODE("5"), LAB_NODE("6")};
	struct lab_upload u = {.name = "a", .replicas = 1};
	struct nx_call_opts opts = lab_opts(0);
	uint8_t *data = lab_random(MIB);
	unsigned answered = 0;
	char id[12][33];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(nodes); i++)
		LAB_OK(lab_volume(nodes[i], 32 * MIB));
	for (size_t i = 0; i < NX_ARRAY_SIZE(id); i++)
		LAB_OK(lab_upload(7, &u, data, MIB, id[i]));
	deleted_ok = 0;
	for (size_t i = 1; i < NX_ARRAY_SIZE(nodes); i++) {
		Nx__VolumeDeleteRequest q = NX__VOLUME_DELETE_REQUEST__INIT;

		q.node = (char *)(uintptr_t)nodes[i];
		nx_call(lab.clients[NX_ROLE_NODE],
		    (struct nx_ask){
			NX_ROLE_STORAGE, NX__METHOD__VOLUME_DELETE, &q.base},
		    &opts, count_deleted, &answered);
	}
	while (answered < NX_ARRAY_SIZE(nodes) - 1)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(deleted_ok, NX_ARRAY_SIZE(nodes) - 1);
	for (size_t i = 0; i < NX_ARRAY_SIZE(id); i++)
		LAB_OK(lab_read(7, id[i], NULL, 0, 0, data));
	assert_int_equal(lab_chunk_files(), NX_ARRAY_SIZE(id));
	free(data);
}

/* While it is being emptied nothing is decided: who asks again is told so, and
 * not that the volume stays. */
static void
test_asked_twice(void **state)
{
	Nx__VolumeDeleteRequest q = NX__VOLUME_DELETE_REQUEST__INIT;
	struct lab_upload u = {.name = "a", .replicas = 1};
	struct nx_call_opts opts = lab_opts(0);
	uint8_t *data = lab_random(MIB);
	unsigned answered = 0;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	q.node = (char *)(uintptr_t)LAB_NODE("1");
	q.drain = true;
	nx_call(lab.clients[NX_ROLE_NODE],
	    (struct nx_ask){
		NX_ROLE_STORAGE, NX__METHOD__VOLUME_DELETE, &q.base},
	    &opts, count_deleted, &answered);
	assert_int_equal(
	    lab_volume_delete(LAB_NODE("1"), false), NX__STATUS__UNAVAILABLE);
	while (answered < 1)
		event_base_loop(lab.base, EVLOOP_ONCE);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* Two replicas, and both nodes go at once: neither may count on the other. */
static void
test_both_replicas_together(void **state)
{
	static const char *const nodes[] = {LAB_NODE("1"), LAB_NODE("2")};
	struct nx_call_opts opts = lab_opts(0);
	uint8_t *data = lab_random(3 * MIB);
	unsigned answered = 0;

	(void)state;
	LAB_OK(lab_volume(nodes[0], 64 * MIB));
	LAB_OK(lab_volume(nodes[1], 64 * MIB));
	for (int i = 0; i < 8; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_put(7, path, data, 3 * MIB));
	}
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	for (size_t i = 0; i < 2; i++) {
		Nx__VolumeDeleteRequest q = NX__VOLUME_DELETE_REQUEST__INIT;

		q.node = (char *)(uintptr_t)nodes[i];
		nx_call(lab.clients[NX_ROLE_NODE],
		    (struct nx_ask){
			NX_ROLE_STORAGE, NX__METHOD__VOLUME_DELETE, &q.base},
		    &opts, count_deleted, &answered);
	}
	while (answered < 2)
		event_base_loop(lab.base, EVLOOP_ONCE);
	for (int i = 0; i < 8; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_read(7, NULL, path, 0, 0, data));
	}
	free(data);
}

/* --- whose files may be lost ------------------------------------------------*/

static void
test_never_anothers(void **state)
{
	struct lab_upload u = {.path = "/hers", .replicas = 1};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(8, &u, (const uint8_t *)"x", 1, NULL));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE),
		    NX__STATUS__CONFLICT);
		assert_non_null(strstr(reply.error, "1 file of other users"));
		/* whose or which is none of the caller's business */
		assert_null(strstr(reply.error, "hers"));
		LAB_OK(lab_read(8, NULL, "/hers", 0, 0, (const uint8_t *)"x"));
	}
	/* and the volume goes on as before */
	LAB_OK(lab_upload(8, &u, (const uint8_t *)"y", 1, NULL));
	/* room elsewhere lets it go */
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_volume_delete_for(7, LAB_NODE("1"), LAB_PLAIN));
	LAB_OK(lab_read(8, NULL, "/hers", 0, 0, (const uint8_t *)"y"));
}

static void
test_own_when_named(void **state)
{
	struct lab_upload u = {.path = "/d/mine", .replicas = 1};
	struct lab_upload more = {.path = "/d/later", .replicas = 1};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_mkdir(7, "/d", false));
	LAB_OK(lab_upload(7, &u, (const uint8_t *)"x", 1, NULL));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_PLAIN),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "1 file of yours would be lost"));
	assert_non_null(strstr(reply.error, "/d/mine"));
	/* another one since: it was not named, so it is not lost */
	LAB_OK(lab_upload(7, &more, (const uint8_t *)"x", 1, NULL));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "2 files of yours"));
	assert_non_null(strstr(reply.error, "/d/later"));
	LAB_OK(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 2);
	assert_string_equal(
	    LAB_BODY(Nx__VolumeDeleteReply)->lost[0]->name, "/d/mine");
}

/* The caller's own were named, somebody else's came since. */
static void
test_named_but_anothers(void **state)
{
	struct lab_upload u = {.path = "/f", .replicas = 1};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, (const uint8_t *)"x", 1, NULL));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_PLAIN),
	    NX__STATUS__CONFLICT);
	LAB_OK(lab_upload(8, &u, (const uint8_t *)"y", 1, NULL));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"x"));
	LAB_OK(lab_read(8, NULL, "/f", 0, 0, (const uint8_t *)"y"));
	LAB_OK(lab_volume_delete_for(0, LAB_NODE("1"), LAB_LOSE));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 2);
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->n_lost, 2);
}

/* A refusal for others' sake names none of the caller's own: when the others'
 * are gone, force still has to ask. */
static void
test_own_beside_anothers(void **state)
{
	struct lab_upload mine = {.path = "/mine", .replicas = 1};
	struct lab_upload hers = {.path = "/hers", .replicas = 1};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &mine, (const uint8_t *)"x", 1, NULL));
	LAB_OK(lab_upload(8, &hers, (const uint8_t *)"y", 1, NULL));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "beside some of yours"));
	assert_null(strstr(reply.error, "/mine"));
	LAB_OK(lab_fs(8, NX__METHOD__FS_DELETE, "/hers"));
	assert_int_equal(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "/mine"));
	LAB_OK(lab_read(7, NULL, "/mine", 0, 0, (const uint8_t *)"x"));
	LAB_OK(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 1);
}

/* --- what others have is read before it is trusted --------------------------*/

static void
put_two(uint8_t *data, size_t size, char id[33], struct catalog_chunk *ret)
{
	struct lab_upload u = {.name = "a"};

	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, size, id));
	lab_first_chunk(id, ret);
	assert_int_equal(ret->n_replicas, 2);
}

/* The other replica is rotten: it is rewritten before the good one goes. */
static void
test_rotten_other(void **state)
{
	uint8_t *data = lab_random(3 * MIB);
	struct catalog_chunk c;
	struct volume *bad;
	char id[33];

	(void)state;
	put_two(data, 3 * MIB, id, &c);
	bad = volume_find(lab.s.volumes, LAB_NODE("2"));
	lab_flip(bad, c.id.text, 2 * MIB);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_int_equal(lab_status()->repaired, 1);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* The other one is gone: this is the only copy, though two are listed. */
static void
test_missing_other(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	struct volume *v;
	char id[33];

	(void)state;
	put_two(data, MIB, id, &c);
	v = volume_find(lab.s.volumes, LAB_NODE("2"));
	assert_int_equal(chunk_remove(v->store, &c.id), 0);
	LAB_OK(lab_volume_delete_for(7, LAB_NODE("1"), LAB_FORCE));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* Rotten, and no longer trusted: with no third volume it stays. */
static void
test_rotten_other_no_room(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	struct volume *bad;
	char id[33];

	(void)state;
	put_two(data, MIB, id, &c);
	bad = volume_find(lab.s.volumes, LAB_NODE("2"));
	lab_flip(bad, c.id.text, 5);
	bad->suspect = true;
	assert_int_equal(lab_volume_delete_for(8, LAB_NODE("1"), LAB_FORCE),
	    NX__STATUS__CONFLICT);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* Damaged everywhere in one block: it moves as it is, the rest stays good. */
static void
test_damaged_everywhere(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	put_two(data, MIB, id, &c);
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[0]), c.id.text, 5);
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[1]), c.id.text, 5);
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	LAB_OK(lab_volume_delete(LAB_NODE("2"), false));
	LAB_OK(lab_read(7, id, NULL, CRC_BLOCK, 0, data));
	assert_int_equal(
	    lab_read(7, id, NULL, 0, 10, data), NX__STATUS__CORRUPT);
	free(data);
}

/* A chunk that is missing everywhere holds nobody up. */
static void
test_missing_everywhere(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	put_two(data, MIB, id, &c);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    chunk_remove(
			volume_by_key(lab.s.volumes, c.volumes[i])->store,
			&c.id),
		    0);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	LAB_OK(lab_volume_delete(LAB_NODE("2"), false));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 0);
	free(data);
}

static Nx__Status
drain_only(const char *node)
{
	Nx__VolumeDeleteRequest q = NX__VOLUME_DELETE_REQUEST__INIT;

	q.node = (char *)(uintptr_t)node;
	q.owner = 7;
	q.drain = true;
	return lab_node_call(NX__METHOD__VOLUME_DELETE, &q);
}

/* A node that runs keeps its volume until it is decided, and until it ends. */
static void
test_decided_first(void **state)
{
	struct lab_upload u = {.name = "a", .replicas = 1};
	uint8_t *data = lab_random(MIB);
	struct volume *v;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	assert_int_equal(drain_only(LAB_NODE("1")), NX__STATUS__CONFLICT);
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	assert_true(v->state == VOLUME_READY && v->active && !v->deleting);
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(drain_only(LAB_NODE("1")));
	assert_int_equal(LAB_BODY(Nx__VolumeDeleteReply)->chunks_moved, 2);
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	assert_true(v && v->attached && v->state == VOLUME_GOING);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	LAB_OK(drain_only(LAB_NODE("1")));
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_null(volume_find(lab.s.volumes, LAB_NODE("1")));
	/* a restart in between ends it */
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	LAB_OK(drain_only(LAB_NODE("2")));
	lab_stop();
	lab_start();
	assert_null(volume_find(lab.s.volumes, LAB_NODE("2")));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_moves),
	    T(test_together),
	    T(test_asked_twice),
	    T(test_both_replicas_together),
	    T(test_never_anothers),
	    T(test_own_when_named),
	    T(test_named_but_anothers),
	    T(test_own_beside_anothers),
	    T(test_rotten_other),
	    T(test_missing_other),
	    T(test_rotten_other_no_room),
	    T(test_damaged_everywhere),
	    T(test_missing_everywhere),
	    T(test_decided_first),
	};

	LAB_OR_SKIP("volumes that go");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
