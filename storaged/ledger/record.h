/*
 * What is written below <chunks>/.catalogue of a volume:
 *
 *	log.<n>		a page of head, then records, each from a page of its
 *			own on: what one commit changed (common/db_ship.h)
 *	base.<n>	a whole catalogue, as of one commit
 *	base.<n>.sum	which, and a CRC32C of each MiB of it; it is there once
 *			all of the base is on disk
 *
 * A point is where a catalogue is: whose it is, how many commits it has seen,
 * and the last of a chain of sums over all of them. A record belongs after the
 * point it names and nowhere else.
 *
 * On a volume that has a key, the data of records and each MiB of a base are
 * sealed with it (volume_key.h), by which they get longer; heads and sums are
 * not, and are of what is not sealed: so places with different keys, or none,
 * have the same ones.
 *
 * Numbers are little-endian, as this host's are.
 */
#ifndef STORAGED_LEDGER_RECORD_H
#define STORAGED_LEDGER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storaged/catalog/catalog.h"

#define LEDGER_PAGE     4096U
#define LEDGER_BLOCK    (1U << 20) /* of a base, with a sum of its own */
#define LEDGER_DATA_MAX (1U << 30)

struct log_head {
	uint32_t magic, crc;      /* of all behind crc */
	uint32_t version, schema; /* LEDGER_PLAIN or LEDGER_SEALED */
	uint8_t id[CATALOG_ID_LEN];
	uint64_t first; /* number of the first record */
	uint32_t prev;  /* the sum before it */
	uint32_t pad;
};

struct record_head {
	uint32_t magic, crc;
	uint64_t seq;
	uint32_t prev, link; /* sums of the chain, before and with it */
	uint32_t len, data_crc;
	uint64_t time; /* unix microseconds */
	uint32_t flags, pad;
};
#define RECORD_SYNC 1U /* somebody was told when it was on disk */

struct base_head {
	uint32_t magic, crc; /* of all behind crc, the sums included */
	uint32_t version, schema;
	uint8_t id[CATALOG_ID_LEN];
	uint64_t seq, size;
	uint32_t link, blocks; /* that many sums follow */
};

enum ledger_version {
	LEDGER_PLAIN = 1,
	LEDGER_SEALED = 2, /* who does not know of it must not read it */
};

void log_head_make(struct log_head *h, const struct catalog_point *at,
    enum ledger_version version);
bool log_head_valid(const struct log_head *h);
/* @data comes after @at. */
void record_head_make(struct record_head *h, const struct catalog_point *at,
    const void *data, uint32_t len, uint32_t flags);
/* The head alone; its data is compared with data_crc. */
bool record_head_valid(const struct record_head *h);
uint32_t ledger_crc(const void *data, size_t len);
/* Bytes a record takes on disk, of which sealing takes @extra. */
uint64_t record_room(uint32_t len, size_t extra);
/* What its data is sealed as, behind a head at @at of the log @n; and a block of
 * a base. */
struct ledger_what {
	char text[96];
};
struct ledger_what record_what(uint64_t n, uint64_t at);
struct ledger_what block_what(const char *base, uint32_t block);
/* Where a block of a base is, when each is @extra longer. */
uint64_t block_at(uint32_t block, size_t extra);

struct base_sums {
	struct base_head head;
	uint32_t *crc; /* head.blocks of them */
};
/* Makes head.crc; the whole is what base_sums_len says, head first. */
size_t base_sums_len(const struct base_sums *s);
void base_sums_make(struct base_sums *s, enum ledger_version version);
bool base_sums_valid(const struct base_sums *s);

#endif
