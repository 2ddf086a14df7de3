/*
 * What a reader gives, held against the chunk's checksums: the promise that
 * what is read was checked. Block by block, because damage comes in blocks: of
 * replicas that are damaged in different places a whole chunk can still be had.
 */
#ifndef STORAGED_CHUNK_CHECK_H
#define STORAGED_CHUNK_CHECK_H

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/chunk_store.h"

/*
 * Checks the blocks that [@offset, @offset + @len) touches, which must lie
 * within the chunk. 0 when all are good; else what is wrong with the first that
 * is not: -EBADMSG (it differs, or the chunk ends before), -errno of reading
 * it. *ret_good (may be NULL): of the @len bytes so many from @offset on are
 * good.
 */
int chunk_verify(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t offset, uint32_t len, uint32_t *ret_good);

/*
 * The same, and the bytes that were checked: *ret_good of them are in @buf, which
 * has room for @len.
 */
int
chunk_read_checked(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t offset, uint32_t len, uint8_t *buf, uint32_t *ret_good);

/*
 * A good copy of the chunk from all its readers: each block from whichever of
 * the @n @readers has it good (NULL ones are passed over), written to @to under
 * @id, where *ret_at says, held (chunk_settle). A reader of the very chunk that @replace replaces may be among them.
 * 0; -EBADMSG when a block is good nowhere, *ret_source then true (may be
 * NULL), as for every failure to read; other -errno are of @to.
 */
int chunk_copy(struct chunk_reader *const *readers, size_t n,
    const struct checksums *sums, struct chunk_store *to,
    const struct chunk_id *id, bool replace, uint64_t *ret_at,
    bool *ret_source);

#endif
