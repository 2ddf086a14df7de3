/*
 * What is known of reading everything again: how far it is, and what it found.
 * Part of the catalogue's door; results as there.
 */
#ifndef STORAGED_CATALOG_SCRUB_H
#define STORAGED_CATALOG_SCRUB_H

#include "storaged/catalog/catalog.h"

/* A cycle of reading every replica. Times are unix seconds. */
struct catalog_scrub {
	uint64_t cycle; /* 0: there has been none */
	uint64_t began_at;
	uint64_t ended_at;      /* 0: it is under way */
	uint64_t chunks, bytes; /* read in it */
	uint64_t bad, missing;  /* replicas found to be */
};
/* A pass over one volume. */
struct catalog_scrub_pass {
	int64_t volume;
	uint64_t cycle; /* in which it began; 0: none is under way */
	uint64_t began_at;
	int64_t after;   /* the last chunk it has read */
	uint64_t passed; /* in which the last whole one began */
	uint64_t since;  /* all there has been read, or written, after that */
};
/* 0 or -errno; -ENOENT: there is no such volume. */
int catalog_scrub(struct catalog *c, struct catalog_scrub *ret_scrub);
int catalog_scrub_pass(
    struct catalog *c, int64_t volume, struct catalog_scrub_pass *ret_pass);
/* As for catalog_reap, other writes go first, and it is not synced. */
struct catalog_scrub_save {
	struct catalog_scrub scrub;
	struct catalog_scrub_pass pass; /* volume 0: of none */
	catalog_done *done;
	void *arg;
};
void catalog_scrub_save(struct catalog *c, struct catalog_scrub_save *op);

#define CATALOG_DAMAGED_MAX 1000
struct catalog_scrub_sums {
	uint64_t chunks; /* on all volumes */
	uint64_t since;  /* the least of any with chunks; 0: there are none */
	uint64_t damaged_files; /* or missing ones; counted as far as the max */
};
int catalog_scrub_sums(struct catalog *c, struct catalog_scrub_sums *ret_sums);

#endif
