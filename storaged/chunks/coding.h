/*
 * The form in which chunks lie on a disk when they are sealed (encrypted) or
 * packed (compressed): a container of the chunk's 64 KiB blocks, each packed
 * when that gains, then sealed. Pure over memory and two callbacks.
 *
 *	header	magic, flags, salt, CRC
 *	blocks	one after the other, as long as the index says
 *	index	of each block: length and whether it is packed; CRC as stored
 *	footer	size, number of blocks, tag, CRC, magic
 *
 * Numbers are little-endian. The salt makes the chunk's own key; a block's
 * number is its nonce. The footer's tag and CRC are over the chunk's id, header,
 * index and footer: another chunk's container, one whose blocks changed places,
 * or a shorter one does not open. Without a key that is the CRCs' doing, and
 * nothing holds off somebody who means it.
 *
 * What a container says is never believed before it is checked: its bytes come
 * from a disk. Reading one gives -EBADMSG for whatever is not as it was written.
 */
#ifndef STORAGED_CODING_H
#define STORAGED_CODING_H

#include <stdbool.h>

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/chunk_store.h"
#include "storaged/chunks/seal.h"

/* How a store codes. All false and NULL: not at all. */
struct coding_how {
	const uint8_t *key; /* the volume's, SEAL_KEY_LEN; NULL: it has none */
	bool seal, pack;    /* what is written from now on */
};

/* As much as a chunk of @size bytes can take. */
uint64_t coding_most(uint64_t size);

/* --- writing ----------------------------------------------------------------*/

/* Appends to the container; reads of what was appended. 0 or -errno. */
typedef int coding_append(void *arg, const void *data, size_t len);
typedef int coding_fetch(void *arg, void *buf, size_t len, uint64_t offset);

struct coder;
/* Borrows @how->key. 0 or -errno, also of @append. */
int coder_new(const struct coding_how *how, coding_append *append,
    coding_fetch *fetch, void *arg, struct coder **ret_coder);
/* Never beyond CHUNK_SIZE in all. 0 or -errno; after that only reading and
 * freeing it make sense. */
int coder_add(struct coder *c, const void *data, size_t len);
/* Completes it as the chunk @id; nothing is added after. 0 or -errno. */
int coder_end(struct coder *c, const struct chunk_id *id);
/* Plain bytes of what was added: at most @len, 0 at the end. Bytes or -errno. */
ssize_t coder_read(struct coder *c, void *buf, size_t len, uint64_t offset);
/* Accepts NULL; returns NULL. */
struct coder *coder_free(struct coder *c);

/* --- reading ----------------------------------------------------------------*/

struct decoder;
/* The container of @stored bytes that @fetch gives. Borrows @key (may be NULL)
 * until it returns. 0; -EBADMSG: it is not whole or not @id's; -ENOMEM; -errno
 * of @fetch. */
int decoder_new(const uint8_t *key, const struct chunk_id *id, uint64_t stored,
    coding_fetch *fetch, void *arg, struct decoder **ret_decoder);
/* Of the chunk. */
uint32_t decoder_size(const struct decoder *d);
/* All of @len bytes, or -EBADMSG, also beyond the end, or -errno of fetching. */
int decoder_read(struct decoder *d, void *buf, size_t len, uint64_t offset);
/* Accepts NULL; returns NULL. */
struct decoder *decoder_free(struct decoder *d);

#endif
