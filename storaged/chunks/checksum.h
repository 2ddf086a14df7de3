/*
 * The two checksums every chunk carries: MD5 of the whole, which users know,
 * and CRC32C of each 64 KiB block, which is fast enough to check every read.
 * Used in worker threads; one object, one thread at a time.
 */
#ifndef STORAGED_CHECKSUM_H
#define STORAGED_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SIZE   (10U << 20) /* 10,485,760 B: 160 blocks */
#define CRC_BLOCK    (64U << 10)
#define CHUNK_BLOCKS (CHUNK_SIZE / CRC_BLOCK)
#define MD5_LEN      16U

/* The checksums of one chunk of @size bytes; crc[i] is of block i. */
struct checksums {
	uint32_t size;
	uint8_t md5[MD5_LEN];
	uint32_t crc[CHUNK_BLOCKS];
};

/* Number of blocks that @size bytes fill. */
static inline uint32_t
checksum_blocks(uint32_t size)
{
	return (size + CRC_BLOCK - 1) / CRC_BLOCK;
}

/* Loads what the libraries load on first use; before the system call filter. */
int checksum_setup(void);

/* The next bytes' CRCs, and their number; never beyond CHUNK_SIZE in all. */
void checksums_add(struct checksums *sums, const void *data, size_t len);

/* The MD5, apart from the CRCs: it takes a hundred times as long, and somebody
 * else may compute it meanwhile. */
struct hasher;
int hasher_new(struct hasher **ret_hasher);
struct hasher *hasher_free(struct hasher *h);
/* Bytes in order. */
void hasher_add(struct hasher *h, const void *data, size_t len);
/* Of what has been added; nothing can be added after. */
void hasher_end(struct hasher *h, uint8_t ret_md5[MD5_LEN]);

uint32_t checksum_crc(const void *data, size_t len);
/* The same of what is in no cache of the processor's yet: it is asked for ahead,
 * for to wait for memory takes longer than to compute. */
uint32_t checksum_crc_far(const void *data, size_t len);

/*
 * The file's checksum as users see it (S3's rule): of one chunk its MD5; of
 * several the MD5 of their MD5s, "-" and their number.
 */
struct etag {
	char text[33 + 11];
};
void
checksum_etag(const uint8_t (*md5s)[MD5_LEN], size_t n, struct etag *ret_etag);
/* The same, and of one as of several: an object that came in parts. */
void checksum_etag_parts(
    const uint8_t (*md5s)[MD5_LEN], size_t n, struct etag *ret_etag);
/* Of @md5, which is the MD5 of @n MD5s. */
void
checksum_etag_of(const uint8_t md5[MD5_LEN], size_t n, struct etag *ret_etag);
/* @len bytes as 2 * @len digits and a NUL. */
void checksum_text(const uint8_t *data, size_t len, char *ret_text);

#endif
