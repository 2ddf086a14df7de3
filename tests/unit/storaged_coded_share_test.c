/*
 * Memory for what is decoded and on its way: when a user's share is used up
 * answers get short, and the file is there to the end all the same; when all is,
 * the next window is refused for a moment, and nothing is lost.
 */
#define LAB_CODED
#include "storaged_lab.h"

#define MIB  (1024 * 1024)
#define SIZE (3 * MIB)

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

/* A window; its bytes are compared, its descriptors closed. */
static Nx__Status
read_window(uint64_t user, const char *id, uint64_t *at, uint64_t *session,
    const uint8_t *data)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	const Nx__OpenReadReply *a;
	Nx__Status status;

	q.id = (char *)(uintptr_t)id;
	q.offset = *at;
	q.session = *session;
	q.max_segments = 2;
	status = lab_call(user, NX__METHOD__FILE_OPEN_READ, &q);
	if (status != NX__STATUS__OK)
		return status;
	a = LAB_BODY(Nx__OpenReadReply);
	assert_true(a->n_segments > 0);
	for (size_t i = 0; i < a->n_segments; i++) {
		size_t len = a->segments[i]->length;
		uint8_t *got = malloc(len);

		assert_int_equal(pread(reply.fds[i], got, len,
				     (off_t)a->segments[i]->offset),
		    len);
		assert_memory_equal(got, data + *at, len);
		free(got);
		*at += len;
	}
	assert_int_equal(a->next, *at < SIZE ? *at : 0);
	*session = a->session;
	return status;
}

static void
test_share_used_up(void **state)
{
	struct lab_upload u = {.path = "/f"};
	uint8_t *data = lab_random(SIZE);
	uint64_t at = 0, session = 0;
	uint32_t taken[100];
	size_t n = 0, windows = 0;
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, SIZE, id));
	do
		taken[n] = sending_take(1, CHUNK_SIZE);
	while (taken[n++] > CRC_BLOCK);
	/* It fits into one window, and would be all. */
	for (; at < SIZE; windows++) {
		LAB_OK(read_window(1, id, &at, &session, data));
		if (at < SIZE)
			assert_true(session != 0);
		if (windows == 2) /* for who reads it, it stays */
			LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	}
	assert_int_equal(windows, SIZE / CRC_BLOCK / 2);
	assert_int_equal(session, 0);
	while (n > 0)
		sending_return(1, taken[--n]);
	lab_forget_reply();
	sending_look();
	assert_int_equal(sending_bytes(), 0);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	free(data);
}

/* Others have their share whatever one has. */
static void
test_others(void **state)
{
	struct lab_upload u = {.path = "/f"};
	uint8_t *data = lab_random(SIZE);
	uint64_t at = 0, session = 0;
	uint32_t taken[100];
	size_t n = 0;
	char id[33];

	(void)state;
	LAB_OK(lab_upload(2, &u, data, SIZE, id));
	do
		taken[n] = sending_take(1, CHUNK_SIZE);
	while (taken[n++] > CRC_BLOCK);
	LAB_OK(read_window(2, id, &at, &session, data));
	assert_int_equal(at, SIZE);
	while (n > 0)
		sending_return(1, taken[--n]);
	free(data);
}

static void
test_nothing_left(void **state)
{
	static uint32_t taken[2 * SENDING_MOST / CRC_BLOCK];
	struct lab_upload u = {.path = "/f"};
	uint8_t *data = lab_random(SIZE);
	uint64_t at = 0, session = 0;
	size_t n = 0;
	char id[33];

	(void)state;
	LAB_OK(lab_upload(1, &u, data, SIZE, id));
	while ((taken[n] = sending_take(n % 16 + 10, CHUNK_SIZE)) > 0)
		n++;
	assert_true(sending_bytes() >= SENDING_MOST);
	assert_int_equal(
	    read_window(1, id, &at, &session, data), NX__STATUS__UNAVAILABLE);
	assert_int_equal(lab_status()->corrupt, 0);
	for (size_t i = 0; i < n; i++)
		sending_return(i % 16 + 10, taken[i]);
	LAB_OK(read_window(1, id, &at, &session, data));
	assert_int_equal(at, SIZE);
	free(data);
}

#define M(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    M(test_share_used_up),
	    M(test_others),
	    M(test_nothing_left),
	};

	LAB_OR_SKIP("memory for what is sent");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
