/*
 * The buffers of all uploads: PIECES pieces of PIECE_SIZE and never more. When
 * they are all out, those who have none get the next ones, in the order in which
 * they came: so whoever has most can only wait for his own. KEEP of them stay
 * when nobody needs them.
 *
 * Every function but the first three and piece_new, piece_free is called with
 * the stock's mutex, from any thread.
 */
#ifndef STORAGED_STOCK_H
#define STORAGED_STOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/workers.h"

#define PIECE_SIZE (512U << 10)
#define PIECES     32U

struct piece {
	SLIST_ENTRY(piece) entry;
	uint8_t *data; /* aligned for going around the page cache */
	size_t room, len;
};

/* Who waits for a piece, and has none. */
struct stock_waiter {
	TAILQ_ENTRY(stock_waiter) entry;
	struct nx_workers *io;
	struct nx_job *job;    /* begun when there is one */
	struct piece *granted; /* and here it is */
	bool waits;
};

struct stock {
	pthread_mutex_t mutex;
	SLIST_HEAD(, piece) free;
	unsigned n_free, n_pieces; /* of these; of all */
	TAILQ_HEAD(, stock_waiter) waiting;
};

/* NULL: no memory. */
struct stock *stock_new(void);
/* All must be back. Returns NULL. */
struct stock *stock_free(struct stock *stock);

/* One of any size, of no stock. NULL: no memory. */
struct piece *piece_new(size_t room);
/* Accepts NULL. */
void piece_free(struct piece *piece);

/* An empty one. NULL: there is none, or, unless it is the @first of whoever
 * asks, others wait. */
struct piece *stock_get(struct stock *stock, bool first);
void stock_wait(struct stock *stock, struct stock_waiter *waiter);
void stock_put(struct stock *stock, struct piece *piece);

#endif
