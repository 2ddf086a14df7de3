/*
 * What coding one block takes, lent to a thread for as long as it does that:
 * zstd's state, which is large, and two buffers. As many are made as there ever
 * were threads at it at once, and kept: memory is counted by threads and not by
 * chunks under way.
 */
#ifndef STORAGED_PACKER_H
#define STORAGED_PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/seal.h"

struct packer {
	struct packer *next;
	void *shrinking, *growing; /* zstd's */
	uint8_t stored[CRC_BLOCK + SEAL_TAG_LEN];
	uint8_t plain[CRC_BLOCK];
};

/* NULL: out of memory. */
struct packer *packer_take(void);
/* Wipes what was plain. Accepts NULL; returns NULL. */
struct packer *packer_give(struct packer *p);
/* Frees those that are not lent. */
void packer_free_all(void);

/* The @len bytes of a block, made smaller into p->stored: how many those are; 0
 * when it gains too little to be worth it. */
size_t packer_shrink(struct packer *p, const void *plain, size_t len);
/* The reverse: exactly @plain_len bytes must come of it. 0 or -EBADMSG. */
int packer_grow(struct packer *p, const void *packed, size_t packed_len,
    void *ret_plain, size_t plain_len);

#endif
