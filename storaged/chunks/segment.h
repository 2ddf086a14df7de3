/*
 * Adding small chunks to the segments of a volume, for chunk_append() and its
 * kin in chunk_store.h: what is asked for, and the threads that do it.
 *
 * Everything that is asked of a volume while its last batch was being synced
 * goes into the next one: one write and one fdatasync for all of it, by one
 * thread at a time. Volumes are written side by side.
 */
#ifndef STORAGED_SEGMENT_H
#define STORAGED_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/id.h"
#include "storaged/chunks/segment_format.h"

struct chunk_id {
	char text[NX_ID_LEN + 1];
};

/*
 * One small chunk to be added. The caller owns it, and @data, until @done has
 * been called; it runs in the loop's thread, never within chunk_append().
 */
struct chunk_append {
	/* what is asked for */
	struct chunk_id id;
	const void *data;
	uint32_t length; /* 1 to SEGMENT_CHUNK_MAX */
	bool reserved; /* may take the last room, for giving back more of it */
	void (*done)(struct chunk_append *append);
	void *arg;
	/* what a store that codes adds: in the writer's thread @prepare makes
	 * what is written of @data, no more than @room bytes of it, in memory
	 * that is freed then; @mark is set in @at */
	int (*prepare)(struct chunk_append *append);
	const void *prepare_with;
	uint64_t mark;
	/* what came of it */
	int result;  /* 0: it has survived fdatasync; -errno: there is none */
	uint64_t at; /* where it is, held: see chunk_settle() */
	/* the writer's */
	STAILQ_ENTRY(chunk_append) entry;
	const void *bytes; /* that are written: @data, or what was made of it */
	uint32_t n_bytes;  /* before it was made as many as it can be */
	uint8_t record[SEGMENT_RECORD];
	bool over;
};
STAILQ_HEAD(chunk_appends, chunk_append);

/* --- the threads ------------------------------------------------------------*/

struct event_base;
struct segment_writers;

/* Before the filter: afterwards there are no new threads. 0 or -errno. */
int segment_writers_new(struct event_base *base, unsigned threads,
    struct segment_writers **ret_writers);
/* Writes what is queued, calls every @done, joins. Before the stores are freed.
 * Returns NULL. */
struct segment_writers *segment_writers_free(struct segment_writers *w);
/* Appends of the loop's thread that are under way. */
size_t segment_writers_pending(const struct segment_writers *w);

/* What one volume has for them. Served by one thread at a time. */
struct segment_queue {
	struct segment_writers *writers; /* NULL: whoever asks writes */
	/* Writes @batch, of as many bytes as segment_queue_add let it have;
	 * fills in result and at of each. */
	void (*write)(struct segment_queue *q, struct chunk_appends *batch);
	struct chunk_appends waiting;
	bool busy; /* in the list of the ready, or being served */
	STAILQ_ENTRY(segment_queue) entry;
};
void segment_queue_init(struct segment_queue *q, struct segment_writers *w,
    void (*write)(struct segment_queue *q, struct chunk_appends *batch));
/* In the loop's thread; only without writers @done runs before it returns. */
void segment_queue_add(struct segment_queue *q, struct chunk_append *append);
/* In any other thread: waits. Its @done is not called. */
int
segment_queue_add_wait(struct segment_queue *q, struct chunk_append *append);

#endif
