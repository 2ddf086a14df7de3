/* zstd (RFC 8878) over single blocks; see packer.h. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <zstd.h>

#include "storaged/chunks/packer.h"

#define LEVEL 1
/* Less than a sixteenth gained is not worth the time it takes to read. */
#define GAIN 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct packer *idle;

static struct packer *
packer_free(struct packer *p)
{
	if (p) {
		ZSTD_freeCCtx(p->shrinking);
		ZSTD_freeDCtx(p->growing);
		free(p);
	}
	return NULL;
}

struct packer *
packer_take(void)
{
	struct packer *p;

	pthread_mutex_lock(&lock);
	p = idle;
	if (p)
		idle = p->next;
	pthread_mutex_unlock(&lock);
	return p ? p : calloc(1, sizeof(*p));
}

struct packer *
packer_give(struct packer *p)
{
	if (!p)
		return NULL;
	sodium_memzero(p->plain, sizeof(p->plain));
	pthread_mutex_lock(&lock);
	p->next = idle;
	idle = p;
	pthread_mutex_unlock(&lock);
	return NULL;
}

void
packer_free_all(void)
{
	pthread_mutex_lock(&lock);
	while (idle) {
		struct packer *p = idle;

		idle = p->next;
		packer_free(p);
	}
	pthread_mutex_unlock(&lock);
}

/* Out of memory for it, a block is kept as it is. */
size_t
packer_shrink(struct packer *p, const void *plain, size_t len)
{
	size_t most = len - len / GAIN, n;

	if (!p->shrinking)
		p->shrinking = ZSTD_createCCtx();
	if (!p->shrinking || most >= len)
		return 0;
	n = ZSTD_compressCCtx(p->shrinking, p->stored, most, plain, len, LEVEL);
	return ZSTD_isError(n) ? 0 : n;
}

int
packer_grow(struct packer *p, const void *packed, size_t packed_len,
    void *ret_plain, size_t plain_len)
{
	size_t n;

	if (!p->growing)
		p->growing = ZSTD_createDCtx();
	if (!p->growing)
		return -ENOMEM;
	n = ZSTD_decompressDCtx(
	    p->growing, ret_plain, plain_len, packed, packed_len);
	return ZSTD_isError(n) || n != plain_len ? -EBADMSG : 0;
}
