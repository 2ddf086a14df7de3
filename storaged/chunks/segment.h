/*
 * Adding small chunks to the segments of a volume, for chunk_append() and its
 * kin in chunk_store.h: what is asked for, and who does it.
 *
 * Everything that is asked of a volume while its last batch was being synced
 * goes into the next one: one write and one fdatasync for all of it, by one
 * thread at a time. Volumes are written side by side.
 */
#ifndef STORAGED_SEGMENT_H
#define STORAGED_SEGMENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/id.h"
#include "common/workers.h"
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
	/* what else is made of @data by the thread that writes it, before it
	 * does; not by a store that does not come to that */
	void (*aside)(struct chunk_append *append);
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

/* --- the queue --------------------------------------------------------------*/

/* What is to be added to one volume. Served by one thread of the pool at a
 * time. */
struct segment_queue {
	struct nx_workers *writers; /* NULL: whoever asks writes */
	/* Writes @batch, of as many bytes as segment_queue_add let it have;
	 * fills in result and at of each. */
	void (*write)(struct segment_queue *q, struct chunk_appends *batch);
	struct nx_job job, told; /* a batch; and that some are over */
	pthread_mutex_t mutex;   /* for what follows */
	pthread_cond_t over;     /* of those who wait themselves */
	struct chunk_appends waiting, finished;
	bool busy; /* the job is the pool's, or being done */
};
void segment_queue_init(struct segment_queue *q, struct nx_workers *writers,
    void (*write)(struct segment_queue *q, struct chunk_appends *batch));
/* Nothing may be under way. */
void segment_queue_fini(struct segment_queue *q);
/* In the loop's thread; only without writers @done runs before it returns. */
void segment_queue_add(struct segment_queue *q, struct chunk_append *append);
/* In any other thread: waits. Its @done is not called. */
int
segment_queue_add_wait(struct segment_queue *q, struct chunk_append *append);

#endif
