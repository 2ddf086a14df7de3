/*
 * Where chunks live: the narrow interface of docs/architecture.md. A store is
 * one failure domain (a node's volume today, a pool of a cluster tomorrow); a
 * chunk is written once under an id, read, verified, deleted, listed. Nothing
 * outside the implementations knows how.
 *
 * All calls block and are made from worker threads, several at once. What is
 * answered with 0 from chunk_commit has survived fsync; a failure there is
 * final: the chunk is gone, the store is to be mistrusted.
 */
#ifndef STORAGED_CHUNK_STORE_H
#define STORAGED_CHUNK_STORE_H

#include <stdint.h>
#include <sys/types.h>

#include "common/id.h"
#include "storaged/chunks/checksum.h"

struct chunk_id {
	char text[NX_ID_LEN + 1];
};

struct chunk_store;

/* A chunk being written; nobody sees it before chunk_commit. */
struct chunk_draft {
	struct chunk_store *store;
	int fd;
};

struct chunk_store_ops {
	int (*begin)(struct chunk_store *store, struct chunk_draft *ret_draft);
	int (*write)(struct chunk_draft *draft, const void *data, size_t len);
	ssize_t (*read_back)(
	    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset);
	int (*commit)(
	    struct chunk_draft *draft, const struct chunk_id *id, bool replace);
	void (*discard)(struct chunk_draft *draft);
	int (*open)(struct chunk_store *store, const struct chunk_id *id);
	int (*remove)(struct chunk_store *store, const struct chunk_id *id);
	int (*list)(struct chunk_store *store,
	    void (*each)(const char *name, uint64_t changed_at, void *arg),
	    void *arg);
	int (*remove_stray)(
	    struct chunk_store *store, const char *name, uint64_t before);
	int (*room)(struct chunk_store *store, uint64_t *ret_free);
};

struct chunk_store {
	const struct chunk_store_ops *ops;
};

/* Starts a chunk; finish it with commit or discard. 0 or -errno. */
static inline int
chunk_begin(struct chunk_store *store, struct chunk_draft *ret_draft)
{
	return store->ops->begin(store, ret_draft);
}
/* Adds all of @len bytes. 0 or -errno. */
static inline int
chunk_write(struct chunk_draft *draft, const void *data, size_t len)
{
	return draft->store->ops->write(draft, data, len);
}
/* Reads what was written to a draft, for saving it from a failing store: check
 * it, a page may have been lost. Bytes or -errno. */
static inline ssize_t
chunk_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset)
{
	return draft->store->ops->read_back(draft, buf, len, offset);
}
/*
 * Makes the draft durable under @id. 0: done, the draft has ended. -errno:
 * there is no chunk; the draft can still be read back and wants a discard.
 * -EEXIST when @id is there and @replace is false; with it the old one is
 * replaced in one step.
 */
static inline int
chunk_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace)
{
	return draft->store->ops->commit(draft, id, replace);
}
static inline void
chunk_discard(struct chunk_draft *draft)
{
	draft->store->ops->discard(draft);
}
/* A descriptor for reading and sendfile, or -errno. */
static inline int
chunk_open(struct chunk_store *store, const struct chunk_id *id)
{
	return store->ops->open(store, id);
}
/* 0 also when it was not there. */
static inline int
chunk_remove(struct chunk_store *store, const struct chunk_id *id)
{
	return store->ops->remove(store, id);
}
/* Every name in the store with the time it was made (CLOCK_REALTIME, seconds);
 * names that are no chunk ids are leftovers for chunk_remove_stray. */
static inline int
chunk_list(struct chunk_store *store,
    void (*each)(const char *name, uint64_t changed_at, void *arg), void *arg)
{
	return store->ops->list(store, each, arg);
}
/* Only if it is still older than @before: a copy may have taken its place. */
static inline int
chunk_remove_stray(struct chunk_store *store, const char *name, uint64_t before)
{
	return store->ops->remove_stray(store, name, before);
}
/* Bytes that may still be written. */
static inline int
chunk_room(struct chunk_store *store, uint64_t *ret_free)
{
	return store->ops->room(store, ret_free);
}

/*
 * Checks the blocks that [@offset, @offset + @len) touches of an open chunk
 * against @sums. 0, -EBADMSG when a block differs or is missing, -errno.
 */
int chunk_verify(
    int fd, const struct checksums *sums, uint32_t offset, uint32_t len);

/* Reads the whole of @len bytes; -EBADMSG when the chunk ends before. */
int chunk_read_at(int fd, uint8_t *buf, size_t len, uint64_t offset);

/* A store in a directory of a local file system. Consumes @dirfd. */
struct chunk_store *chunk_store_local_new(int dirfd);
struct chunk_store *chunk_store_local_free(struct chunk_store *store);

#endif
