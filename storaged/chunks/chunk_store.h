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
 * chunk is gone, the store is to be mistrusted. Where it was to replace another,
 * one of the two is there.
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
#include "storaged/chunks/pages.h"
#include "storaged/chunks/segment.h"

/*
 * Where the content of a chunk is in its store. @at comes from whoever put it
 * there and goes back as it is: 0 is a file of its own, anything else a record
 * in a segment, which many small chunks share.
 */
struct chunk_place {
	struct chunk_id id;
	uint64_t at;
	uint32_t size;
};

/* A segment, as chunk_segments() tells of it. */
struct chunk_segment {
	uint32_t number;
	uint64_t bytes;      /* of the disk */
	uint64_t changed_at; /* last: CLOCK_REALTIME, seconds */
	bool open;           /* is appended to, or something in it is held */
	bool earlier;        /* is older than this object */
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
	const struct chunk_reader_ops *ops;
};

struct chunk_reader_ops {
	int (*read_at)(struct chunk_reader *reader, void *buf, size_t len,
	    uint64_t offset);
	int (*fd_for_sending)(struct chunk_reader *reader, uint64_t offset,
	    uint64_t len, uint64_t *ret_at);
	/* NULL: its pages are nowhere to be looked at */
	int (*look)(struct chunk_reader *reader, uint64_t offset, size_t len,
	    struct pages *ret_pages);
	/* NULL: all of it, always */
	uint32_t (*may_send)(
	    struct chunk_reader *reader, uint64_t owner, uint32_t len);
	int (*stored)(struct chunk_reader *reader, uint64_t *ret_bytes);
	void (*close)(struct chunk_reader *reader);
};

/* Chunks of a store, by how they are kept. */
struct chunk_count {
	uint64_t plain, coded;
};

/* False: no more of them. */
typedef bool chunk_listed(const char *name, uint64_t changed_at, void *arg);

struct chunk_store_ops {
	void (*free)(struct chunk_store *store);
	int (*begin)(struct chunk_store *store, struct chunk_draft **ret_draft);
	int (*write)(struct chunk_draft *draft, const void *data, size_t len);
	ssize_t (*read_back)(
	    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset);
	int (*commit)(struct chunk_draft *draft, const struct chunk_id *id,
	    bool replace, uint64_t *ret_at);
	void (*discard)(struct chunk_draft *draft);
	void (*append)(struct chunk_store *store, struct chunk_append *append);
	int (*append_wait)(
	    struct chunk_store *store, struct chunk_append *append);
	void (*hold)(struct chunk_store *store, uint64_t at);
	void (*settle)(struct chunk_store *store, uint64_t at);
	int (*open)(struct chunk_store *store, const struct chunk_place *place,
	    bool cold, struct chunk_reader **ret_reader);
	int (*read_now)(struct chunk_store *store,
	    const struct chunk_place *place, void *data);
	void (*forget)(
	    struct chunk_store *store, const struct chunk_place *place);
	int (*segments)(struct chunk_store *store,
	    void (*each)(const struct chunk_segment *segment, void *arg),
	    void *arg);
	bool (*is_held)(struct chunk_store *store, uint32_t number);
	int (*retire)(struct chunk_store *store, uint32_t number);
	int (*spare)(struct chunk_store *store);
	int (*scan)(struct chunk_store *store, uint32_t number,
	    void (*each)(const struct chunk_id *id, uint64_t at,
		uint32_t length, bool good, void *arg),
	    void *arg);
	int (*remove)(struct chunk_store *store, const struct chunk_id *id);
	int (*list)(struct chunk_store *store, chunk_listed *each, void *arg);
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
	/* What its segments say whose they are. */
	char volume[NX_ID_LEN + 1];
	/* Borrowed; NULL: each append is written by whoever asks for it. */
	struct nx_workers *writers;
	bool files; /* small chunks have files of their own too */
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
 * Makes the draft durable under @id: a small one in a segment, where it is held
 * (chunk_settle), any other as a file of its own. 0: done, *ret_at says where,
 * and the draft is no more. -errno: there is no chunk; the draft can still be
 * read back and wants a discard. -EEXIST when the file @id is there and @replace
 * is false; with it the old one is replaced in one step.
 */
static inline int
chunk_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace,
    uint64_t *ret_at)
{
	int r = chunk_store_check(draft->store);

	return r < 0 ? r
		     : draft->store->ops->commit(draft, id, replace, ret_at);
}
/* Accepts NULL; returns NULL. */
static inline struct chunk_draft *
chunk_discard(struct chunk_draft *draft)
{
	if (draft)
		draft->store->ops->discard(draft);
	return NULL;
}

/*
 * Adds one small chunk without a draft, together with whatever else is to be
 * added to this store: see segment.h. In the loop's thread; does not block. The
 * store must last until @append->done has been called.
 */
static inline void
chunk_append(struct chunk_store *store, struct chunk_append *append)
{
	store->ops->append(store, append);
}
/* The same from a worker thread: waits. 0 or -errno. */
static inline int
chunk_append_wait(struct chunk_store *store, struct chunk_append *append)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->append_wait(store, append);
}
/*
 * What was committed or appended is held where it is: its segment does not go,
 * although nobody refers to it yet. Once for each *ret_at (also 0), when the
 * catalogue has it, or nobody ever will: then the bytes are dead, and a file of
 * its own wants a chunk_remove(). A reader who has a place from the catalogue and
 * opens it later, in another thread, holds it meanwhile: or what is there may
 * have moved. From any thread; neither blocks.
 */
static inline void
chunk_hold(struct chunk_store *store, uint64_t at)
{
	if (at != 0)
		store->ops->hold(store, at);
}
static inline void
chunk_settle(struct chunk_store *store, uint64_t at)
{
	if (at != 0)
		store->ops->settle(store, at);
}

/* --- reading ----------------------------------------------------------------*/

/*
 * 0 or -errno; -ENOENT: there is none at that place. What is read from a segment
 * is no more checked than what is read from a file: hold it against the
 * checksums (chunk_check.h).
 */
static inline int
chunk_open(struct chunk_store *store, const struct chunk_place *place,
    struct chunk_reader **ret_reader)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->open(store, place, false, ret_reader);
}
/*
 * The same for one who wants to know what is on the disk: what read_at gives
 * then comes from there and not from a cache, and nothing of it stays in one.
 * What others have cached of the chunk stays theirs, where that can be. Nothing
 * is sent from such a reader. Of a record in a segment all that describes it
 * must be as it was written too: else -EBADMSG.
 */
static inline int
chunk_open_cold(struct chunk_store *store, const struct chunk_place *place,
    struct chunk_reader **ret_reader)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->open(store, place, true, ret_reader);
}
/*
 * All @place->size bytes of a record that is in memory already, unchecked as by
 * chunk_read_at. In the loop's thread too; does not wait. 0, or -EAGAIN: open it.
 */
static inline int
chunk_read_now(
    struct chunk_store *store, const struct chunk_place *place, void *data)
{
	return chunk_store_check(store) < 0
	    ? -EAGAIN
	    : store->ops->read_now(store, place, data);
}
/* Drops what is cached of it: on the disk it is good. */
static inline void
chunk_forget(struct chunk_store *store, const struct chunk_place *place)
{
	store->ops->forget(store, place);
}
/* Reads the whole of @len bytes; -EBADMSG when the chunk ends before. */
static inline int
chunk_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	int r = chunk_store_check(reader->store);

	return r < 0 ? r : reader->ops->read_at(reader, buf, len, offset);
}
/*
 * The same bytes where they are, if they are in memory and will be sent from
 * there (pages.h). End it with pages_end(). 0 or -errno: read them.
 */
static inline int
chunk_look(struct chunk_reader *reader, uint64_t offset, size_t len,
    struct pages *ret_pages)
{
	int r = chunk_store_check(reader->store);

	if (r == 0 && !reader->ops->look)
		r = -EOPNOTSUPP;
	return r < 0 ? r : reader->ops->look(reader, offset, len, ret_pages);
}
/*
 * A descriptor, the caller's, that gives the @len bytes from @offset on with
 * sendfile; *ret_at: where in it they begin. It is open for reading only, and
 * gives what read_at gave: for a file the very pages that were just checked, of
 * a segment, which has others' content too, a sealed copy of them. Or -errno.
 */
static inline int
chunk_fd_for_sending(struct chunk_reader *reader, uint64_t offset, uint64_t len,
    uint64_t *ret_at)
{
	return reader->ops->fd_for_sending(reader, offset, len, ret_at);
}
/*
 * Of @len bytes so many may be sent from this reader now; less, also 0, when that
 * takes memory of which @owner has a share. Asked before each descriptor, which
 * then is of no more than that; what is verified meanwhile is kept for it.
 */
static inline uint32_t
chunk_may_send(struct chunk_reader *reader, uint64_t owner, uint32_t len)
{
	return reader->ops->may_send ? reader->ops->may_send(reader, owner, len)
				     : len;
}
/* What the chunk takes in its store, which need not be its size. 0 or -errno. */
static inline int
chunk_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	return reader->ops->stored(reader, ret_bytes);
}
/* Accepts NULL; returns NULL. */
static inline struct chunk_reader *
chunk_close(struct chunk_reader *reader)
{
	if (reader)
		reader->ops->close(reader);
	return NULL;
}

/* --- segments ---------------------------------------------------------------*/

/* All there are. 0 or -errno. */
static inline int
chunk_segments(struct chunk_store *store,
    void (*each)(const struct chunk_segment *segment, void *arg), void *arg)
{
	return store->ops->segments(store, each, arg);
}
/* Is it appended to, or anything in it held? From any thread. */
static inline bool
chunk_is_held(struct chunk_store *store, uint32_t number)
{
	return store->ops->is_held(store, number);
}
/* No row refers to anything in @number: its room can be used again. 0, -EBUSY
 * when it is open, other -errno. */
static inline int
chunk_retire(struct chunk_store *store, uint32_t number)
{
	return store->ops->retire(store, number);
}
/* Puts room by for appends that are reserved, unless there is some or the store
 * is too small for that. 0 or -errno. */
static inline int
chunk_spare(struct chunk_store *store)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->spare(store);
}
/* Every record that is there, in order, from the segment alone; @good: as its
 * data were written. 0; -EBADMSG: its header is not, so nothing can be told;
 * other -errno. */
static inline int
chunk_scan(struct chunk_store *store, uint32_t number,
    void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	bool good, void *arg),
    void *arg)
{
	return store->ops->scan(store, number, each, arg);
}

/* --- files of their own -----------------------------------------------------*/

/* 0 also when it was not there. */
static inline int
chunk_remove(struct chunk_store *store, const struct chunk_id *id)
{
	int r = chunk_store_check(store);

	return r < 0 ? r : store->ops->remove(store, id);
}
/* Every name in the store with the time it was made (CLOCK_REALTIME, seconds);
 * names that are no chunk ids are leftovers for chunk_remove_stray. 0 or -errno;
 * -ECANCELED: @each has had enough. */
static inline int
chunk_list(struct chunk_store *store, chunk_listed *each, void *arg)
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
/* Nobody will ever refer to what was committed at @place. 0 or -errno. */
static inline int
chunk_undo(struct chunk_store *store, const struct chunk_place *place)
{
	chunk_settle(store, place->at);
	return place->at == 0 ? chunk_remove(store, &place->id) : 0;
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
