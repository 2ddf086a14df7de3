/* Between the files of the local store only. */
#ifndef STORAGED_CHUNK_LOCAL_H
#define STORAGED_CHUNK_LOCAL_H

#include "storaged/chunks/chunk_backends.h"
#include "storaged/chunks/segments.h"

struct local {
	struct chunk_store store;
	int dir;
	bool files; /* only: nothing goes into segments */
	struct segments *segments;
};

static inline struct local *
local_of(struct chunk_store *store)
{
	return (struct local *)(void *)store;
}

/* chunk_local_names.c: operations of the store, see chunk_store.h */
int local_remove(struct chunk_store *store, const struct chunk_id *id);
int local_remove_stray(
    struct chunk_store *store, const char *name, uint64_t before);
int local_set_aside(
    struct chunk_store *store, const struct chunk_id *id, uint64_t before);
int local_put_back(struct chunk_store *store, const struct chunk_id *id);
int local_list(struct chunk_store *store, chunk_listed *each, void *arg);
int local_room(struct chunk_store *store, uint64_t *ret_free);

/* chunk_local_draft.c: of struct chunk_store_ops. */
int local_begin(struct chunk_store *store, struct chunk_draft **ret_draft);
int local_write(struct chunk_draft *draft, const void *data, size_t len);
ssize_t local_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset);
int local_commit(struct chunk_draft *draft, const struct chunk_id *id,
    bool replace, uint64_t *ret_at);
void local_discard(struct chunk_draft *draft);

/* chunk_local_read.c: a chunk in a file of its own. */
int local_open_file(struct chunk_store *store, const struct chunk_id *id,
    bool cold, struct chunk_reader **ret_reader);
void local_forget_file(struct chunk_store *store, const struct chunk_id *id);

#endif
