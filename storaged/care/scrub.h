/*
 * Scrubbing: reads every replica the catalogue knows, from the disk, in cycles
 * that never end for long, slowly and beside everybody else's work, so that
 * damage is found while there still is a good copy. What it finds it gives to
 * the healer; where it is, it remembers over restarts.
 *
 * One part of one chunk is with a worker thread at a time, one of those for slow
 * work: those of uploads and downloads are never its. Nothing is held between
 * two parts, no transaction, no reference. Volumes that are drained, suspect or
 * away are passed over and looked at when they are well again.
 */
#ifndef STORAGED_SCRUB_H
#define STORAGED_SCRUB_H

#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

struct volume;

/* NULL: no memory, or a catalogue that cannot be read. */
struct scrub *scrub_new(struct storaged *s);
/* Workers must have ended, nothing may be pending in the catalogue. */
struct scrub *scrub_free(struct scrub *sc);
/* From here on it works, after a minute in which others find their feet. */
void scrub_start(struct scrub *sc);
/* Nothing more is begun; where it is goes to the catalogue. */
void scrub_stop(struct scrub *sc);
/* A cycle begins now: whatever is there now will have been read when it is
 * over. The number of that cycle; 0: scrubbing is off. */
uint64_t scrub_begin(struct scrub *sc);

/* Looks now whether there is something to read. */
void scrub_wake(struct scrub *sc);

enum scrub_state {
	SCRUB_OFF,
	SCRUB_WAITING, /* for its first minute, or for volumes to be well */
	SCRUB_READING,
	SCRUB_REPAIRING, /* all is read, the healer is not done */
	SCRUB_RESTING,   /* until the next cycle is due */
};
struct scrub_status {
	enum scrub_state state;
	struct catalog_scrub cycle;
	struct catalog_scrub_sums sums;
	const struct volume *volume; /* being read; NULL: none */
	uint64_t rate;               /* bytes a second, lately */
	uint64_t next_at; /* unix seconds: the next cycle, not before */
};
/* 0 or -errno. */
int scrub_status(const struct scrub *sc, struct scrub_status *ret_status);
/* Why @v is passed over; NULL: it is not. */
const char *scrub_skips(const struct volume *v);

#endif
