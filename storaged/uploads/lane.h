/*
 * A lane: one chunk on its way from the pipe to the disks. Whoever reads the pipe
 * puts pieces in; the MD5 and each replica take them out, a thread each, all
 * at once, so that the slowest of them sets the pace and not their sum. A piece
 * goes when all have had it.
 *
 *	pipe -> piece, piece, piece ... -> MD5
 *	                                -> replica -> sync, link
 *	                                -> replica -> sync, link
 *
 * Nobody waits for anybody in a thread: who finds nothing to do ends, and is
 * begun again by who has something for it. So a lane takes as many threads as
 * there is work for, at most 2 + replicas, and none while its sender is slow.
 *
 * Memory: a lane has at most LANE_PIECES pieces of the stock that all share
 * (stock.h). What a sender has left before a pause, less than a block, is kept
 * apart in a place of that size.
 */
#ifndef STORAGED_LANE_H
#define STORAGED_LANE_H

#include "common/workers.h"
#include "storaged/chunks/chunks.h"
#include "storaged/uploads/stock.h"

#define LANE_PIECES 6U

struct lane;

/* What a lane tells, in the loop's thread. */
struct lane_owner {
	/* After lane_close(): it is over. 0: durable somewhere. */
	void (*done)(struct lane *l, int result, uint32_t index, void *arg);
	/* After lane_rest() said no: ask again. */
	void (*resting)(void *arg);
	void *arg;
	/* Begun again when lane_piece() said that there is none now. */
	struct nx_job *reader;
};

/* --- of the loop's thread ---------------------------------------------------*/

/* Consumes @put, which has its places; not on failure. 0 or -ENOMEM. */
int lane_new(struct stock *stock, struct nx_workers *io, struct chunk_put *put,
    const struct lane_owner *owner, struct lane **ret_lane);
/* It must rest. What became of it; the caller's. Accepts NULL. */
struct chunk_put *lane_free(struct lane *l);
struct chunk_put *lane_put(struct lane *l);
/* How much of the chunk is in it. While nobody reads. */
uint32_t lane_size(const struct lane *l);
/* Nothing more comes: the rest is made durable, and done is told, with @index. */
void lane_close(struct lane *l, uint32_t index);
/* Is no thread at work on it? If not, that is told when it is so. While nobody
 * reads. */
bool lane_rest(struct lane *l);

/* --- of the thread that reads -----------------------------------------------*/

/* An empty piece but for what is left from before: 1, 0: none now, the reader is
 * begun again when there is; -errno: nothing can be stored any more, and why. */
int lane_piece(struct lane *l, struct piece **ret_piece);
/* Consumes @piece. @pause: more will come, but not now. */
void lane_give(struct lane *l, struct piece *piece, bool pause);

#endif
