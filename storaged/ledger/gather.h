/*
 * All that places have: their bases, and the records of their logs, in the
 * order in which they follow one another. What a disk damaged is passed over
 * here, and taken from another place where that has it.
 */
#ifndef STORAGED_GATHER_H
#define STORAGED_GATHER_H

#include "storaged/ledger/record.h"
#include "storaged/volumes/volumes.h"

#define GATHER_PLACES 32

struct gather_log {
	int fd, place;
	uint64_t n; /* log.<n> */
	struct log_head head;
	const struct volume_key *key; /* it is sealed with; or of none */
	uint64_t end;                 /* bytes up to behind its last record */
};

struct gather_record {
	struct record_head head;
	size_t log;
	uint64_t at;
};

struct gather_base {
	int dir, place;
	char name[64];
	const struct volume_key *key;
	struct base_sums sums;
};

struct gathered {
	int places;
	struct gather_log *logs;
	size_t n_logs;
	struct gather_record *records; /* sorted by their numbers */
	size_t n_records;
	struct gather_base *bases; /* the newest first */
	size_t n_bases;
	/* By places: a log could not be read, or has a head that rotted. There
	 * may have been records that nobody else knows of. */
	bool unread[GATHER_PLACES];
};

/* Adds what is in @dir, one of at most GATHER_PLACES, of a volume with @key; both
 * are borrowed until gather_fini. Blocks. 0 or -errno: some of it may be missing.
 * -ENOMEM, -EMFILE or -ENFILE: not because of the disk. */
int gather_add(struct gathered *g, int dir, const struct volume_key *key);
/* Reads block @i of @b, which has @len bytes, and compares it with its sum. */
bool
gather_block(const struct gather_base *b, uint32_t i, uint8_t *to, size_t len);
/* Bytes by which records of @log are longer than their data. */
size_t gather_extra(const struct gather_log *log);
/* After the last one was added. */
void gather_sort(struct gathered *g);
void gather_fini(struct gathered *g);

/* What comes after @at, of place @place (-1: any); moves @at there. NULL: there
 * is nothing. */
const struct gather_record *
gather_next(const struct gathered *g, int place, struct catalog_point *at);
/* Is there a record with a higher number than @at that is not reached from
 * there, or a base, though it may not be whole? The highest such number, or 0. */
uint64_t
gather_beyond(const struct gathered *g, const struct catalog_point *at);
/* Has a place all of whose logs could be read come as far as @at? Then nothing is
 * missing that another could not read. True also when all could. */
bool gather_covers(const struct gathered *g, const struct catalog_point *at);
/* The data of @r, compared with its sum; free() it. 0 or -errno. */
int gather_data(const struct gathered *g, const struct gather_record *r,
    uint8_t **ret_data);
/* The point a base is at. */
struct catalog_point gather_base_point(const struct gather_base *b);

#endif
