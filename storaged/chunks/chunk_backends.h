/* The makers of stores, one a backend. For chunk_store.c only. */
#ifndef STORAGED_CHUNK_BACKENDS_H
#define STORAGED_CHUNK_BACKENDS_H

#include "storaged/chunks/chunk_store.h"

/* chunk_store_local.c. Consumes @spec->dirfd. */
int chunk_store_local_new(
    struct chunk_store_spec *spec, struct chunk_store **ret_store);

/* chunk_store_coded.c. Consumes both directories. */
int chunk_store_coded_new(
    struct chunk_store_spec *spec, struct chunk_store **ret_store);

#endif
