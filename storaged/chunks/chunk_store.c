/*
 * The factory of chunk stores: the one place that knows which backends there
 * are. Everything else goes through the table a store carries.
 */
#include "common/err.h"
#include "storaged/chunks/chunk_backends.h"

static int (*const makers[])(
    struct chunk_store_spec *spec, struct chunk_store **ret_store) = {
    [CHUNK_STORE_LOCAL] = chunk_store_local_new,
    [CHUNK_STORE_CODED] = chunk_store_coded_new,
};

int
chunk_store_new(struct chunk_store_spec *spec, struct chunk_store **ret_store)
{
	nx_assert((size_t)spec->kind < NX_ARRAY_SIZE(makers));
	return makers[spec->kind](spec, ret_store);
}

struct chunk_store *
chunk_store_free(struct chunk_store *store)
{
	if (store)
		store->ops->free(store);
	return NULL;
}
