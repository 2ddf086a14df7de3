/*
 * Checking what a chunk's descriptor gives against its checksums: the promise
 * that what is read was checked. See chunk_store.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fd.h"
#include "storaged/chunks/chunk_store.h"

#define PIECE (4 * CRC_BLOCK) /* stays in a second level cache */

int
chunk_read_at(int fd, uint8_t *buf, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pread(fd, buf, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		buf += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
check_piece(const uint8_t *data, uint32_t len, const uint32_t *crc)
{
	for (uint32_t at = 0; at < len; at += CRC_BLOCK) {
		uint32_t n = len - at < CRC_BLOCK ? len - at : CRC_BLOCK;

		if (checksum_crc(data + at, n) != *crc++)
			return -EBADMSG;
	}
	return 0;
}

int
chunk_verify(
    int fd, const struct checksums *sums, uint32_t offset, uint32_t len)
{
	uint32_t at = offset - offset % CRC_BLOCK;
	uint32_t end = offset + len;
	nx_cleanup_free uint8_t *buf = malloc(PIECE);
	int r = 0;

	if (!buf)
		return -ENOMEM;
	if (len == 0)
		return 0;
	end += (CRC_BLOCK - end % CRC_BLOCK) % CRC_BLOCK;
	if (end > sums->size)
		end = sums->size;
	while (at < end && r == 0) {
		uint32_t n = end - at < PIECE ? end - at : PIECE;

		r = chunk_read_at(fd, buf, n, at);
		if (r == 0)
			r = check_piece(buf, n, &sums->crc[at / CRC_BLOCK]);
		at += n;
	}
	return r;
}
