/* See stock.h. */
#include <stdlib.h>

#include "common/err.h"
#include "storaged/uploads/stock.h"

#define ALIGN 4096U
#define KEEP  8U

struct piece *
piece_new(size_t room)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	if (!piece)
		return NULL;
	piece->room = room;
	piece->data = aligned_alloc(ALIGN, room);
	if (!piece->data) {
		free(piece);
		return NULL;
	}
	return piece;
}

void
piece_free(struct piece *piece)
{
	if (piece) {
		free(piece->data);
		free(piece);
	}
}

struct stock *
stock_new(void)
{
	struct stock *stock = calloc(1, sizeof(*stock));

	if (!stock)
		return NULL;
	pthread_mutex_init(&stock->mutex, NULL);
	SLIST_INIT(&stock->free);
	TAILQ_INIT(&stock->waiting);
	return stock;
}

struct stock *
stock_free(struct stock *stock)
{
	struct piece *piece;

	if (!stock)
		return NULL;
	while ((piece = SLIST_FIRST(&stock->free))) {
		SLIST_REMOVE_HEAD(&stock->free, entry);
		piece_free(piece);
		stock->n_pieces--;
	}
	nx_assert(stock->n_pieces == 0 && TAILQ_EMPTY(&stock->waiting));
	pthread_mutex_destroy(&stock->mutex);
	free(stock);
	return NULL;
}

struct piece *
stock_get(struct stock *stock, bool first)
{
	struct piece *piece = SLIST_FIRST(&stock->free);

	if (!first && !TAILQ_EMPTY(&stock->waiting))
		return NULL;
	if (piece) {
		SLIST_REMOVE_HEAD(&stock->free, entry);
		stock->n_free--;
		return piece;
	}
	piece = stock->n_pieces < PIECES ? piece_new(PIECE_SIZE) : NULL;
	stock->n_pieces += piece != NULL;
	return piece;
}

void
stock_wait(struct stock *stock, struct stock_waiter *waiter)
{
	nx_assert(!waiter->waits);
	waiter->waits = true;
	TAILQ_INSERT_TAIL(&stock->waiting, waiter, entry);
}

void
stock_put(struct stock *stock, struct piece *piece)
{
	struct stock_waiter *waiter = TAILQ_FIRST(&stock->waiting);

	piece->len = 0;
	if (waiter) {
		TAILQ_REMOVE(&stock->waiting, waiter, entry);
		waiter->waits = false;
		waiter->granted = piece;
		nx_workers_begin(waiter->io, waiter->job);
	} else if (stock->n_free < KEEP) {
		SLIST_INSERT_HEAD(&stock->free, piece, entry);
		stock->n_free++;
	} else {
		piece_free(piece);
		stock->n_pieces--;
	}
}
