/*
 * One place where a copy of the catalogue is kept: a directory of storaged's
 * own beside the chunks of a volume. The log is written and synced by a thread of
 * the place's own: a disk that hangs holds up writing into memory too, where its
 * file system waits for its journal.
 */
#ifndef STORAGED_PLACE_H
#define STORAGED_PLACE_H

#include "common/id.h"
#include "storaged/ledger/record.h"
#include "storaged/ledger/syncer.h"
#include "storaged/volumes/volumes.h"

#define PLACE_DIRECTORY ".catalogue" /* hidden from whoever lists chunks */

struct place {
	struct syncer *syncer;
	int64_t volume; /* 0: none */
	char node[NX_ID_LEN + 1];
	bool busy;  /* a worker has it: nobody else touches it */
	bool open;  /* the log takes records */
	bool whole; /* base and log have all up to now */
	bool owed;  /* a whole catalogue, when it is not busy any more */
	bool syncing;
	int dir, log, spare;   /* spare: the next log, made ahead */
	uint64_t n, spare_n;   /* their numbers */
	uint64_t first;        /* the number of the log's first record */
	uint64_t at;           /* where the next record goes */
	uint64_t undo;         /* where the last one went */
	uint64_t zeroed;       /* bytes a new log has from the beginning */
	struct volume_key key; /* a copy of the volume's; it may have none */
	uint8_t *record;       /* what is being written */
	size_t record_room;
};

/* How what has @key is written. */
enum ledger_version place_version(const struct volume_key *key);

/* Opens the directory in @chunks, borrowed, making it if @make. -errno. */
int place_directory(int chunks, bool make);
/* A new log in @p->dir, @p->zeroed bytes of zeros and on disk, as the spare
 * one. Blocks. 0 or -errno. */
int place_make_spare(struct place *p);
/* The spare log takes the place of the log, for what comes after @at. The old
 * one must have been synced. 0 or -errno. */
int place_switch(struct place *p, const struct catalog_point *at);
/* Goes on in log @n behind @at bytes. 0 or -errno. */
int place_continue(struct place *p, uint64_t n, uint64_t at, uint64_t first);
/* Begins to write a record, and to @sync it. 0 or -errno. */
int place_append(
    struct place *p, const struct record_head *h, const void *data, bool sync);
/* It is written: whoever kills this process finds it. 0 or -errno. */
int place_written(struct place *p);
/* Begins to take the last record back, synced. 0 or -errno. After -errno, of
 * these and of what follows, the place must be closed. */
int place_undo(struct place *p);
void place_sync_begin(struct place *p);
/* 0, also when nothing was begun; -errno. */
int place_sync_end(struct place *p);
/* The key is wiped, the volume is left alone from here on, unless a sync hangs in it: false, to
 * be tried again. */
bool place_close(struct place *p);

/* A whole catalogue for a place. */
struct place_base {
	int dir;
	const struct volume_key *key;
	const char *from; /* the file */
	struct catalog_point at;
	uint64_t log, spare; /* these stay */
};
/* Takes it; then older ones and logs that it makes needless go. Blocks. */
int place_take_base(const struct place_base *b);

#endif
