/*
 * Lanes: that hashing and writing overlap, within bounds; that whoever has
 * nothing gets the next piece; that a replica failing anywhere on the way is
 * made good; that pauses change nothing.
 */
#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>

#include "storaged/uploads/lane.h"
#include "tests/unit/storaged_chunk_lab.h"

#define THREADS 8
#define SIZE    (7U * PIECE_SIZE + 3 * CRC_BLOCK + 777)

/* --- stores that wait and fail to order -------------------------------------*/

static struct {
	sem_t gate;
	bool shut;        /* each write waits for the gate */
	unsigned writes;  /* begun */
	unsigned fail_at; /* this write fails; 0: none */
	bool fail_commit;
} how[STORES];
static const struct chunk_store_ops *real;

static unsigned
number_of(const struct chunk_draft *draft)
{
	for (unsigned i = 0; i < STORES; i++)
		if (stores[i] == draft->store)
			return i;
	abort();
}

static unsigned
writes_of(unsigned i)
{
	return __atomic_load_n(&how[i].writes, __ATOMIC_SEQ_CST);
}

static int
order_write(struct chunk_draft *draft, const void *data, size_t len)
{
	unsigned i = number_of(draft);
	unsigned n = __atomic_add_fetch(&how[i].writes, 1, __ATOMIC_SEQ_CST);

	if (__atomic_load_n(&how[i].shut, __ATOMIC_SEQ_CST))
		sem_wait(&how[i].gate);
	return n == how[i].fail_at ? -EIO : real->write(draft, data, len);
}

static int
order_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace,
    uint64_t *ret_at)
{
	if (how[number_of(draft)].fail_commit)
		return -EIO;
	return real->commit(draft, id, replace, ret_at);
}

/* --- a lane and who reads into it -------------------------------------------*/

static struct event_base *base;
static struct nx_workers *io;
static struct stock *stock;
static struct chunk_store_ops ordered;

struct feed {
	struct lane *lane;
	struct nx_job reader, told;
	const uint8_t *data;
	size_t at, size;
	size_t step; /* pauses after so many; 0: never */
	int error, result;
	bool read, over;
};

static void
feed_work(void *arg)
{
	struct feed *f = arg;
	size_t until =
	    f->step && f->size - f->at > f->step ? f->at + f->step : f->size;

	while (f->at < until) {
		struct piece *piece;
		size_t n;

		f->error = lane_piece(f->lane, &piece);
		if (f->error == 0)
			return; /* begun again */
		if (f->error < 0)
			break;
		n = piece->room - piece->len;
		if (n > until - f->at)
			n = until - f->at;
		memcpy(piece->data + piece->len, f->data + f->at, n);
		piece->len += n;
		__atomic_add_fetch(&f->at, n, __ATOMIC_SEQ_CST);
		lane_give(f->lane, piece, true);
	}
	nx_workers_tell(io, &f->told);
}

static void
feed_told(void *arg)
{
	struct feed *f = arg;

	if (f->error >= 0 && f->at < f->size)
		nx_workers_begin(io, &f->reader); /* the pause is over */
	else
		f->read = true;
}

static void
feed_over(struct lane *l, int result, uint32_t index, void *arg)
{
	struct feed *f = arg;

	assert_ptr_equal(l, f->lane);
	assert_int_equal(index, 5);
	f->result = result;
	f->over = true;
}

static void
feed_resting(void *arg)
{
	(void)arg;
}

static void
feed_start(struct feed *f, struct chunk_put *put, const uint8_t *data,
    size_t size, size_t step)
{
	struct lane_owner owner = {.done = feed_over,
	    .resting = feed_resting,
	    .arg = f,
	    .reader = &f->reader};

	*f = (struct feed){.data = data, .size = size, .step = step};
	f->reader = (struct nx_job){.work = feed_work, .arg = f};
	f->told = (struct nx_job){.done = feed_told, .arg = f};
	assert_int_equal(lane_new(stock, io, put, &owner, &f->lane), 0);
	nx_workers_begin(io, &f->reader);
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	usleep(200);
}

/* All there is, to its end; the put, for a look. */
static struct chunk_put *
feed_finish(struct feed *f)
{
	while (!f->read)
		turn();
	lane_close(f->lane, 5);
	while (!f->over)
		turn();
	return lane_free(f->lane);
}

static int
setup_lanes(void **state)
{
	if (setup(state) < 0)
		return -1;
	memset(how, 0, sizeof(how));
	real = stores[0]->ops;
	ordered = *real;
	ordered.write = order_write;
	ordered.commit = order_commit;
	for (int i = 0; i < STORES; i++) {
		sem_init(&how[i].gate, 0, 0);
		stores[i]->ops = &ordered;
	}
	base = event_base_new();
	stock = stock_new();
	return nx_workers_new(base, THREADS, 0, &io);
}

static void
open_gate(unsigned i)
{
	__atomic_store_n(&how[i].shut, false, __ATOMIC_SEQ_CST);
	for (unsigned n = 0; n < 100; n++)
		sem_post(&how[i].gate);
}

static int
teardown_lanes(void **state)
{
	for (unsigned i = 0; i < STORES; i++)
		open_gate(i); /* a test that failed must not hang, too */
	io = nx_workers_free(io);
	stock = stock_free(stock);
	event_base_free(base);
	return teardown(state);
}

static unsigned
held(void)
{
	unsigned n;

	pthread_mutex_lock(&stock->mutex);
	n = stock->n_pieces - stock->n_free;
	pthread_mutex_unlock(&stock->mutex);
	return n;
}

static void
settle(const struct feed *f, size_t at)
{
	for (int i = 0;
	     i < 20000 && __atomic_load_n(&f->at, __ATOMIC_SEQ_CST) < at; i++)
		turn();
	for (int i = 0; i < 100; i++)
		turn();
	assert_int_equal(f->at, at);
}

static void
check_content(struct chunk_put *put, const uint8_t *data, size_t size)
{
	struct checksums sums = {0};
	struct hasher *h;

	checksums_add(&sums, data, size);
	assert_int_equal(hasher_new(&h), 0);
	hasher_add(h, data, size);
	hasher_end(h, sums.md5);
	hasher_free(h);
	assert_memory_equal(&put->sums, &sums, sizeof(sums));
}

static void
end_put(struct chunk_put *put)
{
	for (size_t i = 0; i < put->n_places; i++)
		chunk_remove(put->places[i].store, &put->id);
	chunk_put_free(put);
}

/* --- tests ------------------------------------------------------------------*/

/* One replica stands still: the pipe is read on, the other is written, so far as
 * the lane's pieces go. */
static void
test_overlap(void **state)
{
	uint8_t *data = pattern(SIZE);
	struct chunk_put *put = put_new(2, 2);
	struct feed f;

	(void)state;
	how[0].shut = true;
	feed_start(&f, put, data, SIZE, 0);
	settle(&f, LANE_PIECES * PIECE_SIZE);
	assert_int_equal(held(), LANE_PIECES);
	assert_int_equal(writes_of(0), 1);
	assert_int_equal(writes_of(1), LANE_PIECES);
	assert_false(lane_rest(f.lane));
	open_gate(0);
	assert_ptr_equal(feed_finish(&f), put);
	assert_int_equal(f.result, 0);
	assert_int_equal(held(), 0);
	check_content(put, data, SIZE);
	check_replicas(put, 2);
	end_put(put);
	free(data);
}

/* Many that stand still have everything: one more waits, and has the very next
 * piece although they wait for it too. */
static void
test_who_has_none_first(void **state)
{
	uint8_t *data = pattern(SIZE);
	struct feed slow[PIECES / LANE_PIECES + 1], late;
	unsigned n = NX_ARRAY_SIZE(slow), all = 0;

	(void)state;
	how[0].shut = true;
	for (unsigned i = 0; i < n; i++) {
		feed_start(&slow[i], put_new(1, 1), data, SIZE, 0);
		all += LANE_PIECES;
		settle(&slow[i],
		    PIECE_SIZE *
			(all > PIECES ? PIECES % LANE_PIECES : LANE_PIECES));
	}
	assert_int_equal(held(), PIECES);
	/* the others' own store is another one */
	{
		struct chunk_put *put;

		assert_int_equal(chunk_put_new(1, &put), 0);
		chunk_put_add(put, stores[1], NULL);
		feed_start(&late, put, data, PIECE_SIZE, 0);
	}
	settle(&late, 0);
	sem_post(&how[0].gate); /* one write goes on, one piece comes back */
	settle(&late, PIECE_SIZE);
	open_gate(0);
	end_put(feed_finish(&late));
	for (unsigned i = 0; i < n; i++) {
		end_put(feed_finish(&slow[i]));
		assert_int_equal(slow[i].result, 0);
	}
	assert_int_equal(held(), 0);
	free(data);
}

/* @what fails on the first store: its replica is made good by a spare, from what
 * it has left, or from the other replica; without one there is one less. */
static void
fail_first(unsigned want, int n_stores, unsigned nth, bool commit)
{
	uint8_t *data = pattern(SIZE);
	struct chunk_put *put = put_new(want, n_stores);
	unsigned left =
	    (unsigned)n_stores - 1 < want ? (unsigned)n_stores - 1 : want;
	struct feed f;

	for (int i = 0; i < STORES; i++)
		how[i].writes = 0;
	how[0].fail_at = nth;
	how[0].fail_commit = commit;
	feed_start(&f, put, data, SIZE, 0);
	assert_ptr_equal(feed_finish(&f), put);
	if (left > 0) {
		assert_int_equal(f.result, 0);
		check_content(put, data, SIZE);
		check_replicas(put, left);
		assert_int_equal(put->places[0].state, PUT_FAILED);
	} else {
		assert_int_equal(f.result, -EIO);
		assert_int_equal(all_chunks(), 0);
	}
	end_put(put);
	assert_int_equal(held(), 0);
	how[0].fail_at = 0;
	how[0].fail_commit = false;
	free(data);
}

static void
test_failures_on_the_way(void **state)
{
	(void)state;
	for (unsigned want = 1; want <= 2; want++)
		for (int n = (int)want; n <= STORES; n++) {
			for (unsigned nth = 1; nth <= 8; nth++)
				fail_first(want, n, nth, false);
			fail_first(want, n, 0, true);
		}
}

/* What comes in drips is the same chunk, and holds no piece between them. */
static void
test_pauses(void **state)
{
	static const size_t steps[] = {1, 4095, 65535, 65536, 65537, 700001};
	size_t size = 3 * CRC_BLOCK + 5;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(steps); i++) {
		size_t all = i == 0 ? 3000 : i < 2 ? size : SIZE;
		uint8_t *data = pattern(all);
		struct chunk_put *put = put_new(2, 2);
		struct feed f;

		feed_start(&f, put, data, all, steps[i]);
		while (!f.read)
			turn();
		while (!lane_rest(f.lane))
			turn();
		assert_int_equal(held(), 0);
		assert_int_equal(lane_size(f.lane), all);
		assert_ptr_equal(feed_finish(&f), put);
		assert_int_equal(f.result, 0);
		check_content(put, data, all);
		check_replicas(put, 2);
		end_put(put);
		free(data);
	}
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup_lanes, teardown_lanes)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_overlap),
	    L(test_who_has_none_first),
	    L(test_failures_on_the_way),
	    L(test_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
