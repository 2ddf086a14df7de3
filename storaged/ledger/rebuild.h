/*
 * A catalogue made anew from what places have: the base from which the logs
 * lead furthest, block by block from whichever place has it whole, and every
 * commit after it. Knows directories only. Blocks.
 */
#ifndef STORAGED_REBUILD_H
#define STORAGED_REBUILD_H

#include <event2/event.h>

#include "storaged/catalog/catalog.h"
#include "storaged/volumes/volumes.h"

struct ledger_rebuild {
	struct event_base *base; /* of nobody else, it is not turned */
	const int *dirs;         /* of places; borrowed */
	const struct volume_key *const *keys; /* of their volumes */
	size_t n_dirs;
	const char *to; /* the file it is made in, replaced */
	bool partial;   /* though commits are missing on the way, */
	bool absent;    /* or may be on what is not there */
	/* results */
	struct catalog_point at; /* where it is */
	uint64_t from;           /* the base it was made from */
	uint64_t records;
	uint64_t beyond; /* the last commit there is any trace of */
	char why[256];
};

/* 0, or -errno and a sentence: -ENOENT there is no copy, -ENODATA commits are
 * missing and partial was not said. */
int ledger_rebuild(struct ledger_rebuild *rb);

#endif
