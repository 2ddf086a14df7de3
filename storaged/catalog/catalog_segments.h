/*
 * What the catalogue knows of segments (chunks/segment.h): how much of each is
 * somebody's, and who that is. For what gives their space back.
 */
#ifndef STORAGED_CATALOG_SEGMENTS_H
#define STORAGED_CATALOG_SEGMENTS_H

#include "storaged/catalog/catalog.h"

/* Replicas on @volume at places from @from on and before @to, of deleted files
 * that are still read too, in the order of their places. Number or -errno. */
int catalog_segment_next(struct catalog *c, int64_t volume, uint64_t from,
    uint64_t to, struct catalog_chunk *ret_chunks, size_t max);
/* Segments of @volume that records were ever known in, with numbers after
 * @after. What else is there (chunk_segments) was never known. Number or
 * -errno. */
struct catalog_segment {
	uint32_t number;
	uint64_t chunks, bytes; /* that are somebody's; with what is around */
	uint64_t high;          /* the last place that ever was somebody's */
	uint64_t came; /* bytes that ever were; 0: not known. Of chunks as
			* they are: packed they take less */
};
int catalog_segments(struct catalog *c, int64_t volume, uint32_t after,
    struct catalog_segment *ret_segments, size_t max);

/* @died runs when rows of records of @owner's have gone, on all volumes @bytes,
 * within a write: it does no more than note that. A write that is undone and made
 * again tells twice. NULL: nobody wants to know. */
void catalog_on_died(struct catalog *c,
    void (*died)(uint64_t owner, uint64_t bytes, void *arg), void *arg);

/* Copies of replicas on @volume are elsewhere on it, durable: from now on they
 * are meant, where a row still says @from. */
#define CATALOG_MOVES 32U
struct catalog_segment_move {
	int64_t volume;
	struct catalog_moved {
		int64_t chunk;
		uint64_t from, to;
	} moves[CATALOG_MOVES];
	size_t n;
	catalog_done *done;
	void *arg;
};
void catalog_segment_move(struct catalog *c, struct catalog_segment_move *op);

/* The file of a segment in which nothing is anybody's has gone. As for
 * catalog_reap, other writes go first, and it is not synced. */
struct catalog_segment_gone {
	int64_t volume;
	uint32_t number;
	catalog_done *done;
	void *arg;
};
void catalog_segment_gone(struct catalog *c, struct catalog_segment_gone *op);

#endif
