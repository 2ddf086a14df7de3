/* Between the files of the local store only: chunk_store_local.c. */
#ifndef STORAGED_CHUNK_LOCAL_H
#define STORAGED_CHUNK_LOCAL_H

#include "storaged/chunks/chunk_store.h"

struct local {
	struct chunk_store store;
	int dir;
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
int local_list(struct chunk_store *store,
    void (*each)(const char *name, uint64_t changed_at, void *arg), void *arg);
int local_room(struct chunk_store *store, uint64_t *ret_free);

#endif
