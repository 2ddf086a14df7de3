/* Data of records and blocks of bases, opened where sealed; see gather.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "storaged/ledger/gather.h"

/* @len bytes at @at, free() them; 0, -EBADMSG: there are fewer, -errno. */
static int
read_all(int fd, size_t len, uint64_t at, uint8_t **ret_bytes)
{
	uint8_t *bytes = malloc(len + 1);
	int r;

	if (!bytes)
		return -ENOMEM;
	r = nx_pread_full(fd, bytes, len, at);
	if (r < 0) {
		free(bytes);
		return r == -ENODATA ? -EBADMSG : r;
	}
	*ret_bytes = bytes;
	return 0;
}

/* Opens what is sealed in *@bytes, of which @len remain, into another buffer. */
static int
open_sealed(
    const struct volume_key *key, const char *what, size_t len, uint8_t **bytes)
{
	uint8_t *plain = malloc(len + 1);
	int r = plain ? 0 : -ENOMEM;

	if (r == 0)
		r = volume_key_open(
		    key, what, *bytes, len + volume_key_extra(key), plain);
	if (r < 0) {
		free(plain);
		return r;
	}
	free(*bytes);
	*bytes = plain;
	return 0;
}

size_t
gather_extra(const struct gather_log *log)
{
	return log->head.version == LEDGER_SEALED ? volume_key_extra(log->key)
						  : 0;
}

int
gather_data(
    const struct gathered *g, const struct gather_record *r, uint8_t **ret_data)
{
	const struct gather_log *log = &g->logs[r->log];
	size_t extra = gather_extra(log);
	uint32_t len = r->head.len;
	uint8_t *data = NULL;
	int e = read_all(log->fd, len + extra, r->at + sizeof(r->head), &data);

	if (e == 0 && extra > 0)
		e = open_sealed(
		    log->key, record_what(log->n, r->at).text, len, &data);
	if (e == 0 && ledger_crc(data, len) != r->head.data_crc)
		e = -EBADMSG;
	if (e < 0) {
		free(data);
		return e;
	}
	*ret_data = data;
	return 0;
}

bool
gather_block(const struct gather_base *b, uint32_t i, uint8_t *to, size_t len)
{
	nx_cleanup_fd int fd =
	    openat(b->dir, b->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t extra = b->sums.head.version == LEDGER_SEALED
	    ? volume_key_extra(b->key)
	    : 0;
	uint8_t *block = NULL;
	bool good;

	if (fd < 0 || read_all(fd, len + extra, block_at(i, extra), &block) < 0)
		return false;
	good = (extra == 0 ||
		   open_sealed(b->key, block_what(b->name, i).text, len,
		       &block) == 0) &&
	    ledger_crc(block, len) == b->sums.crc[i];
	if (good)
		memcpy(to, block, len);
	free(block);
	return good;
}
