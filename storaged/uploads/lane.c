/*
 * See lane.h. The mutex is the stock's, and so all lanes': it is held for a few
 * instructions for each piece.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/uploads/lane.h"

#define RING (LANE_PIECES + 2U) /* and the rest at the end */
#define HASH REPLICAS_MAX       /* the number of the stage that is no slot */

/* One that takes the pieces, in order. */
struct stage {
	struct lane *lane;
	struct nx_job job;
	unsigned number; /* of the slot; HASH */
	uint32_t next;   /* the piece it takes next */
	bool running, ended;
};

struct lane {
	struct stock *stock;
	struct nx_workers *io;
	struct lane_owner owner;
	struct chunk_put *put;
	struct nx_job told_done, told_rest;
	int result;
	uint32_t index; /* the owner's */
	/* of the reader, and of the loop's thread while nobody reads */
	struct piece *rest; /* less than a block */
	uint32_t given;     /* bytes of the pieces */
	/* under the mutex */
	struct piece *ring[RING];
	uint32_t at[RING]; /* where each begins */
	uint32_t filled, passed;
	struct stage stages[REPLICAS_MAX + 1];
	unsigned n_slots, n_out; /* slots; those that have given up */
	struct stock_waiter waiter;
	unsigned held; /* pieces of the common stock */
	bool starved, closed, asked;
	int error; /* no slot is left */
};

/* --- pieces -----------------------------------------------------------------*/

/* With the mutex. */
static void
release(struct lane *l, struct piece *piece)
{
	if (piece->room < PIECE_SIZE) {
		piece_free(piece); /* the rest */
		return;
	}
	nx_assert(l->held > 0);
	l->held--;
	stock_put(l->stock, piece);
	if (l->starved) {
		l->starved = false;
		nx_workers_begin(l->io, l->owner.reader);
	}
}

/* With the mutex: lets go of what every stage has had. */
static void
release_passed(struct lane *l)
{
	uint32_t low = l->stages[HASH].next;

	for (unsigned i = 0; i < l->n_slots; i++)
		if (l->stages[i].next < low)
			low = l->stages[i].next;
	while (l->passed < low)
		release(l, l->ring[l->passed++ % RING]);
}

/* --- stages -----------------------------------------------------------------*/

/* What of the lane is to be done for a piece by one stage. */
static int
take(struct stage *st, const struct piece *piece, uint32_t at)
{
	struct chunk_put *put = st->lane->put;

	if (st->number == HASH)
		chunk_put_hash(put, piece->data, piece->len);
	else if (!put->gave_up[st->number])
		return chunk_put_fill(
		    put, st->number, at, piece->data, piece->len);
	return 0;
}

static void
end(struct stage *st)
{
	struct chunk_put *put = st->lane->put;
	size_t place;

	if (st->number == HASH) {
		chunk_put_seal(put);
		return;
	}
	place = chunk_put_place(put, st->number);
	if (place < PUT_CANDIDATES)
		chunk_put_commit(put, place);
}

static bool
all_ended(const struct lane *l)
{
	for (unsigned i = 0; i < l->n_slots; i++)
		if (!l->stages[i].ended)
			return false;
	return l->stages[HASH].ended;
}

static bool
any_running(const struct lane *l)
{
	for (unsigned i = 0; i < l->n_slots; i++)
		if (l->stages[i].running)
			return true;
	return l->stages[HASH].running;
}

/* The last stage that ended puts right what others could not. */
static void
conclude(struct lane *l)
{
	l->result = l->error;
	if (l->result == 0 && !chunk_put_whole(l->put))
		l->result = chunk_put_finish(l->put);
	nx_workers_tell(l->io, &l->told_done);
}

/* With the mutex but for the work itself: one piece, or the end. False: there
 * is nothing to do now. */
static bool
stage_step(struct stage *st)
{
	struct lane *l = st->lane;
	pthread_mutex_t *mutex = &l->stock->mutex;
	uint32_t i = st->next % RING;
	int r;

	if (st->next < l->filled) {
		pthread_mutex_unlock(mutex);
		r = take(st, l->ring[i], l->at[i]);
		pthread_mutex_lock(mutex);
		if (r < 0 && ++l->n_out == l->n_slots)
			l->error = r;
		st->next++;
		release_passed(l);
		return true;
	}
	if (!l->closed || st->ended)
		return false;
	pthread_mutex_unlock(mutex);
	end(st);
	pthread_mutex_lock(mutex);
	st->ended = true;
	return true;
}

static void
stage_work(void *arg)
{
	struct stage *st = arg;
	struct lane *l = st->lane;
	pthread_mutex_t *mutex = &l->stock->mutex;
	bool last, rests;

	pthread_mutex_lock(mutex);
	while (stage_step(st))
		;
	st->running = false;
	rests = !any_running(l);
	last = l->closed && rests && all_ended(l);
	if (rests && l->asked)
		nx_workers_tell(l->io, &l->told_rest);
	pthread_mutex_unlock(mutex);
	if (last)
		conclude(l);
}

/* With the mutex. */
static void
wake(struct stage *st)
{
	if (st->running)
		return;
	st->running = true;
	nx_workers_begin(st->lane->io, &st->job);
}

static void
wake_all(struct lane *l)
{
	for (unsigned i = 0; i < l->n_slots; i++)
		wake(&l->stages[i]);
	wake(&l->stages[HASH]);
}

/* --- of the thread that reads -----------------------------------------------*/

/* With the mutex. NULL: none now, and the reader will be begun again, unless
 * nobody has any that could come back. */
static struct piece *
get_or_wait(struct lane *l)
{
	struct piece *piece = nx_take_ptr(l->waiter.granted);

	if (!piece && l->held < LANE_PIECES)
		piece = stock_get(l->stock, l->held == 0);
	if (piece)
		l->held++;
	else if (l->held > 0)
		l->starved = true;
	else if (l->stock->n_pieces > 0)
		stock_wait(l->stock, &l->waiter);
	else
		l->error = -ENOMEM;
	return piece;
}

int
lane_piece(struct lane *l, struct piece **ret_piece)
{
	pthread_mutex_t *mutex = &l->stock->mutex;
	struct piece *piece = NULL;
	int r;

	pthread_mutex_lock(mutex);
	if (l->error == 0)
		piece = get_or_wait(l);
	r = l->error;
	pthread_mutex_unlock(mutex);
	if (!piece)
		return r;
	if (l->rest) {
		memcpy(piece->data, l->rest->data, l->rest->len);
		piece->len = l->rest->len;
		piece_free(nx_take_ptr(l->rest));
	}
	*ret_piece = piece;
	return 1;
}

/* Before it can be seen by the stages: they may read what was counted. */
static void
hand_over(struct lane *l, struct piece *piece)
{
	pthread_mutex_t *mutex = &l->stock->mutex;

	chunk_put_count(l->put, piece->data, piece->len);
	pthread_mutex_lock(mutex);
	nx_assert(l->filled - l->passed < RING && !l->closed);
	l->ring[l->filled % RING] = piece;
	l->at[l->filled % RING] = l->given;
	l->filled++;
	l->given += (uint32_t)piece->len;
	wake_all(l);
	pthread_mutex_unlock(mutex);
}

/* Takes what is no whole block off @piece. */
static int
keep_rest(struct lane *l, struct piece *piece)
{
	size_t n = piece->len % CRC_BLOCK;

	if (n == 0)
		return 0;
	l->rest = piece_new(CRC_BLOCK);
	if (!l->rest)
		return -ENOMEM;
	piece->len -= n;
	memcpy(l->rest->data, piece->data + piece->len, n);
	l->rest->len = n;
	return 0;
}

void
lane_give(struct lane *l, struct piece *piece, bool pause)
{
	nx_assert(!l->rest);
	if (pause && keep_rest(l, piece) < 0) {
		pthread_mutex_lock(&l->stock->mutex);
		l->error = -ENOMEM;
		piece->len = 0;
		pthread_mutex_unlock(&l->stock->mutex);
	}
	if (piece->len > 0) {
		hand_over(l, piece);
		return;
	}
	pthread_mutex_lock(&l->stock->mutex);
	release(l, piece);
	pthread_mutex_unlock(&l->stock->mutex);
}

/* --- of the loop's thread ---------------------------------------------------*/

static void
on_done(void *arg)
{
	struct lane *l = arg;

	l->owner.done(l, l->result, l->index, l->owner.arg);
}

static void
on_rest(void *arg)
{
	struct lane *l = arg;

	l->asked = false;
	l->owner.resting(l->owner.arg);
}

static void
stage_init(struct lane *l, unsigned number)
{
	struct stage *st = &l->stages[number];

	*st = (struct stage){.lane = l, .number = number};
	st->job.work = stage_work;
	st->job.arg = st;
}

int
lane_new(struct stock *stock, struct nx_workers *io, struct chunk_put *put,
    const struct lane_owner *owner, struct lane **ret_lane)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->stock = stock;
	l->waiter = (struct stock_waiter){.io = io, .job = owner->reader};
	l->io = io;
	l->owner = *owner;
	l->put = put;
	l->told_done = (struct nx_job){.done = on_done, .arg = l};
	l->told_rest = (struct nx_job){.done = on_rest, .arg = l};
	l->n_slots = chunk_put_slots(put);
	nx_assert(l->n_slots > 0);
	for (unsigned i = 0; i < l->n_slots; i++)
		stage_init(l, i);
	stage_init(l, HASH);
	*ret_lane = l;
	return 0;
}

struct chunk_put *
lane_free(struct lane *l)
{
	struct chunk_put *put = NULL;

	if (l) {
		nx_assert(!any_running(l) && !l->waiter.waits && l->held == 0);
		piece_free(l->rest);
		put = l->put;
		free(l);
	}
	return put;
}

struct chunk_put *
lane_put(struct lane *l)
{
	return l->put;
}

uint32_t
lane_size(const struct lane *l)
{
	return l->given + (l->rest ? (uint32_t)l->rest->len : 0);
}

void
lane_close(struct lane *l, uint32_t index)
{
	l->index = index;
	if (l->rest)
		hand_over(l, nx_take_ptr(l->rest));
	pthread_mutex_lock(&l->stock->mutex);
	l->closed = true;
	wake_all(l);
	pthread_mutex_unlock(&l->stock->mutex);
}

bool
lane_rest(struct lane *l)
{
	bool rests;

	pthread_mutex_lock(&l->stock->mutex);
	rests = !any_running(l) && !l->asked;
	l->asked = !rests;
	pthread_mutex_unlock(&l->stock->mutex);
	return rests;
}
