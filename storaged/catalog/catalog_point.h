/*
 * Where the catalogue is, for those who keep copies of it. catalog.h includes
 * it: it is part of that door.
 */
#ifndef STORAGED_CATALOG_POINT_H
#define STORAGED_CATALOG_POINT_H

#include <stdint.h>

struct catalog;
struct nx_db;

#define CATALOG_ID_LEN 16

/* Which catalogue it is and where it is: kept in it, by those who keep copies
 * of it elsewhere (storaged/ledger), in the transaction that moves it on. */
struct catalog_point {
	uint8_t id[CATALOG_ID_LEN]; /* random, when it was made */
	uint64_t seq;               /* commits */
	uint32_t link;              /* a sum over all of them */
	uint32_t schema;            /* steps it has taken */
};
int catalog_point(struct catalog *c, struct catalog_point *ret_point);
/* Inside a write only. */
int catalog_point_move(struct nx_db *db, uint64_t seq, uint32_t link);
/* From here on it is another one: what others had of it after this is not its
 * own any more. Its numbers go on from the time, so that whatever they had comes
 * before what it has from now on. Inside a write only. */
int catalog_point_part(struct nx_db *db);
/* Volumes it knows, in whatever state. 0 or -errno. */
int catalog_volumes_known(struct catalog *c, uint64_t *ret_n);

/* What it is kept in, for those who copy all of it and look at nothing. */
struct nx_db *catalog_db(struct catalog *c);

#endif
