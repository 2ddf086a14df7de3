/* Between the files of chunk_coded*.c and chunk_store_coded.c only. */
#ifndef STORAGED_CHUNK_CODED_H
#define STORAGED_CHUNK_CODED_H

#include <stdatomic.h>

#include "storaged/chunks/chunk_backends.h"
#include "storaged/chunks/coding.h"

/* Set in where a record is: the segment is one of the coded store's. */
#define CODED_NUMBER 0x40000000U
#define CODED_MARK   ((uint64_t)CODED_NUMBER << 32)

struct coded {
	struct chunk_store store;
	struct chunk_store *plain, *coded; /* chunks that are the one, other */
	struct coding_how how;
	atomic_uint_fast64_t n_plain, n_coded; /* when last listed */
};

static inline struct coded *
coded_of(struct chunk_store *store)
{
	return (struct coded *)(void *)store;
}

/* Is what is written from now on coded? */
static inline bool
coded_writes(const struct coded *c)
{
	return c->how.seal || c->how.pack;
}

/* chunk_coded_draft.c */
int coded_begin(struct chunk_store *store, struct chunk_draft **ret_draft);
int coded_write(struct chunk_draft *draft, const void *data, size_t len);
ssize_t coded_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset);
int coded_commit(struct chunk_draft *draft, const struct chunk_id *id,
    bool replace, uint64_t *ret_at);
void coded_discard(struct chunk_draft *draft);

/* chunk_coded_append.c */
void coded_append(struct chunk_store *store, struct chunk_append *append);
int coded_append_wait(struct chunk_store *store, struct chunk_append *append);

/* chunk_coded_read.c: a reader of the container that @inner gives, which it
 * consumes. */
int coded_reader_new(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader *inner, struct chunk_reader **ret_reader);

#endif
