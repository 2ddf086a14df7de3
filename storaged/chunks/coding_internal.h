/* The container's layout. Between the files of coding*.c only. */
#ifndef STORAGED_CODING_INTERNAL_H
#define STORAGED_CODING_INTERNAL_H

#include "storaged/chunks/coding.h"
#include "storaged/chunks/packer.h"

#define HEADER_LEN 40U
#define INDEX_LEN  8U /* of one block */
#define FOOTER_LEN 32U
#define TAIL_MAX   (CHUNK_BLOCKS * INDEX_LEN + FOOTER_LEN)

#define FOOTER_NUMBER UINT32_MAX /* its nonce; no block's */

enum { CODING_SEALED = 1U, CODING_PACKED = 2U };

struct coding_block {
	uint32_t at;     /* in the container */
	uint32_t stored; /* bytes there, the tag included */
	uint32_t crc;    /* of them */
	bool packed;
};

/* What both sides know of a container. */
struct coding_form {
	struct chunk_id id;
	uint8_t header[HEADER_LEN];
	struct seal *seal; /* NULL: it is not sealed */
	struct coding_block blocks[CHUNK_BLOCKS];
	uint32_t n; /* blocks */
	uint32_t size;
};

void coding_put32(uint8_t *to, uint32_t value);
uint32_t coding_get32(const uint8_t *from);

/* Fills in header; @salt of SEAL_SALT_LEN bytes. */
void coding_header(struct coding_form *f, uint32_t flags, const uint8_t *salt);
const uint8_t *coding_salt(const struct coding_form *f);
/* Checks header: its flags, or -EBADMSG. */
int coding_header_check(const struct coding_form *f);

/* Index and footer: bytes written to @ret_tail, of TAIL_MAX. */
size_t coding_tail(struct coding_form *f, uint8_t *ret_tail);
/* Reads size and n of a footer of FOOTER_LEN bytes. 0 or -EBADMSG. */
int coding_footer_read(struct coding_form *f, const uint8_t *footer);
/* Then all of the tail, of a container of @stored bytes: fills in blocks, and
 * checks everything. 0 or -EBADMSG. */
int
coding_tail_check(struct coding_form *f, const uint8_t *tail, uint64_t stored);

/* Plain bytes of block @i. */
uint32_t coding_plain_len(const struct coding_form *f, uint32_t i);
/* Block @i from what is stored of it. 0 or -EBADMSG, -ENOMEM. @stored may be
 * p->stored and is overwritten. */
int coding_decode(struct coding_form *f, uint32_t i, struct packer *p,
    uint8_t *stored, void *ret_plain);

#endif
