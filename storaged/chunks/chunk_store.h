/*
 * Where chunks live: the narrow interface of docs/architecture.md. A store is
 * one failure domain (a node's volume today, a pool of a cluster tomorrow); a
 * chunk is written once under an id, read, verified, deleted, listed. Nothing
 * outside the implementations knows how: stores, drafts and readers are opaque,
 * and a descriptor is asked for only where bytes are to be sent.
 *
 * All calls block and are made from worker threads, several at once on one
 * store; a draft or a reader is used by one thread at a time. What is answered
 * with 0 from chunk_commit has survived fsync; a failure there is final: the
 * chunk is gone, the store is to be mistrusted.
 *
 * Another backend is a file that fills struct chunk_store_ops, and a line in
 * chunk_store_new.
 */
#ifndef STORAGED_CHUNK_STORE_H
#define STORAGED_CHUNK_STORE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "common/id.h"

struct chunk_id {
	char text[NX_ID_LEN + 1];
};

/* An implementation's own objects begin with one of these. */
struct chunk_store {
	const struct chunk_store_ops *ops;
	atomic_bool lost; /* chunk_store_lose */
	/* NULL, or the store it is a part of, which is lost with it */
	struct chunk_store *part_of;
};
/* A chunk being written; nobody sees it before chunk_commit. */
struct chunk_draft {
	struct chunk_store *store;
};
/* A chunk open for reading. What was opened stays readable when the chunk is
 * removed or replaced meanwhile. */
struct chunk_reader {
	struct chunk_store *store;
};

/* Chunks of a store, by how they are kept. */
struct chunk_count {
	uint64_t plain, coded;
};

struct chunk_store_ops {
	void (*free)(struct chunk_store *store);
	int (*begin)(struct chunk_store *store, struct chunk_draft **ret_draft);
	int (*write)(struct chunk_draft *draft, const void *data, size_t len);
	ssize_t (*read_back)(
	    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset);
	int (*commit)(
	    struct chunk_draft *draft, const struct chunk_id *id, bool replace);
	void (*discard)(struct chunk_draft *draft);
	int (*open)(struct chunk_store *store, const struct chunk_id *id,
	    struct chunk_reader **ret_reader);
	int (*open_cold)(struct chunk_store *store, const struct chunk_id *id,
	    struct chunk_reader **ret_reader);
	int (*read_at)(struct chunk_reader *reader, void *buf, size_t len,
	    uint64_t offset);
	int (*fd_for_sending)(struct chunk_reader *reader, uint64_t offset,
	    uint64_t len, uint64_t *ret_at);
	/* NULL: all of it, always */
	uint32_t (*may_send)(
	    struct chunk_reader *reader, uint64_t owner, uint32_t len);
	int (*stored)(struct chunk_reader *reader, uint64_t *ret_bytes);
	void (*close)(struct chunk_reader *reader);
	int (*remove)(struct chunk_store *store, const struct chunk_id *id);
	int (*list)(struct chunk_store *store,
	    void (*each)(const char *name, uint64_t changed_at, void *arg),
	    void *arg);
	int (*remove_stray)(
	    struct chunk_store *store, const char *name, uint64_t before);
	int (*set_aside)(struct chunk_store *store, const struct chunk_id *id,
	    uint64_t before);
	int (*put_back)(struct chunk_store *store, const struct chunk_id *id);
	int (*room)(struct chunk_store *store, uint64_t *ret_free);
	/* NULL: none */
	void (*count)(struct chunk_store *store, struct chunk_count *ret_count);
};

/* --- stores -----------------------------------------------------------------*/

enum chunk_store_kind {
	CHUNK_STORE_LOCAL, /* a directory of a local file system */
	CHUNK_STORE_CODED, /* one for what is plain, another for what is not */
};

struct coding_how;

/* What a store is made of. */
struct chunk_store_spec {
	enum chunk_store_kind kind;
	int dirfd; /* the directory */
	/* CHUNK_STORE_CODED: that of coded chunks, and how they are coded;
	 * what @how points to lasts as long as the store */
	int coded_dirfd;
	const struct coding_how *how;
};

/* The one place where stores come from. Consumes what @spec holds, also on
 * failure. 0 or -errno. */
int
chunk_store_new(struct chunk_store_spec *spec, struct chunk_store **ret_store);
/* What it is on is gone: whatever is asked of it from now on fails with -EIO at
 * once, so that no thread waits for what will not answer. Any thread. */
static inline void
chunk_store_lose(struct chunk_store *store)
{
	atomic_store_explicit(&store->lost, true, memory_order_relaxed);
}
static inline int
chunk_store_check(const struct chunk_store *store)
{
	if (store->part_of)
		store = store->part_of;
	return atomic_load_explicit(&store->lost, memory_order_relaxed) ? -EIO
									: 0;
}
/* No draft or reader of it may be left. Returns NULL. */
struct chunk_store *chunk_store_free(struct chunk_store *store);

/* --- writing ----------------------------------------------------------------*/

/* Starts a chunk; end it with commit or discard. 0 or -errno. */
static inline int
chunk_begin(struct chunk_store *store, struct chunk_draft **ret_draft)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->begin(store, ret_draft);
}
/* Adds all of @len bytes. 0 or -errno. */
static inline int
chunk_write(struct chunk_draft *draft, const void *data, size_t len)
{
	int r = chunk_store_check(draft->store);

	return r < 0 ? r : draft->store->ops->write(draft, data, len);
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
 * Makes the draft durable under @id. 0: done, and the draft is no more. -errno:
 * there is no chunk; the draft can still be read back and wants a discard.
 * -EEXIST when @id is there and @replace is false; with it the old one is
 * replaced in one step.
 */
static inline int
chunk_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace)
{
	int r = chunk_store_check(draft->store);

	return r < 0 ? r : draft->store->ops->commit(draft, id, replace);
}
/* Accepts NULL; returns NULL. */
static inline struct chunk_draft *
chunk_discard(struct chunk_draft *draft)
{
	if (draft)
		draft->store->ops->discard(draft);
	return NULL;
}

/* --- reading ----------------------------------------------------------------*/

/* 0 or -errno; -ENOENT: there is none. */
static inline int
chunk_open(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader **ret_reader)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->open(store, id, ret_reader);
}
/*
 * The same for one who wants to know what is on the disk: what read_at gives
 * then comes from there and not from a cache, and nothing of it stays in one.
 * What others have cached of the chunk stays theirs, where that can be. Nothing
 * is sent from such a reader.
 */
static inline int
chunk_open_cold(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader **ret_reader)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->open_cold(store, id, ret_reader);
}
/* Reads the whole of @len bytes; -EBADMSG when the chunk ends before. */
static inline int
chunk_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	int r = chunk_store_check(reader->store);

	return r < 0 ? r
		     : reader->store->ops->read_at(reader, buf, len, offset);
}
/*
 * A descriptor, the caller's, that gives the @len bytes from @offset on with
 * sendfile; *ret_at: where in it they begin. It is open for reading only, and
 * gives what read_at gave: for a file the very pages that were just checked.
 * Or -errno.
 */
static inline int
chunk_fd_for_sending(struct chunk_reader *reader, uint64_t offset, uint64_t len,
    uint64_t *ret_at)
{
	return reader->store->ops->fd_for_sending(reader, offset, len, ret_at);
}
/*
 * Of @len bytes so many may be sent from this reader now; less, also 0, when that
 * takes memory of which @owner has a share. Asked before each descriptor, which
 * then is of no more than that; what is verified meanwhile is kept for it.
 */
static inline uint32_t
chunk_may_send(struct chunk_reader *reader, uint64_t owner, uint32_t len)
{
	return reader->store->ops->may_send
	    ? reader->store->ops->may_send(reader, owner, len)
	    : len;
}
/* What the chunk takes in its store, which need not be its size. 0 or -errno. */
static inline int
chunk_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	return reader->store->ops->stored(reader, ret_bytes);
}
/* Accepts NULL; returns NULL. */
static inline struct chunk_reader *
chunk_close(struct chunk_reader *reader)
{
	if (reader)
		reader->store->ops->close(reader);
	return NULL;
}

/* --- the rest ---------------------------------------------------------------*/

/* 0 also when it was not there. */
static inline int
chunk_remove(struct chunk_store *store, const struct chunk_id *id)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->remove(store, id);
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
/*
 * Setting aside: the chunk is not found any more, but lasts; the list shows it
 * as "<id>.q", with the time it was set aside. Only if it is still older than
 * @before. Putting back undoes it; a chunk that has come meanwhile stays, and
 * the one aside goes. 0 also when it was not there.
 */
static inline int
chunk_set_aside(
    struct chunk_store *store, const struct chunk_id *id, uint64_t before)
{
	return store->ops->set_aside(store, id, before);
}
static inline int
chunk_put_back(struct chunk_store *store, const struct chunk_id *id)
{
	return store->ops->put_back(store, id);
}
/* Is @name, of a list, one set aside? */
static inline bool
chunk_is_aside(const char *name)
{
	return strlen(name) == NX_ID_LEN + 2 &&
	    strcmp(name + NX_ID_LEN, ".q") == 0;
}
/* Bytes that may still be written; 0 also when there may be no more chunks,
 * however small. */
static inline int
chunk_room(struct chunk_store *store, uint64_t *ret_free)
{
	return store->ops->room(store, ret_free);
}
/* As they were when chunk_list was called last; nothing where all are alike. */
static inline void
chunk_count(struct chunk_store *store, struct chunk_count *ret_count)
{
	*ret_count = (struct chunk_count){0};
	if (store->ops->count)
		store->ops->count(store, ret_count);
}

#endif
