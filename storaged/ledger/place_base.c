/* Taking a whole catalogue into a place; see place.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/ledger/place.h"

struct taking {
	const struct place_base *b;
	int from, dir;
	size_t extra;
	uint8_t *block, *sealed;
	struct base_sums sums;
	char name[64], part[72], sum[72];
};

static int
read_block(int fd, uint8_t *to, size_t len, uint64_t at)
{
	int r = nx_pread_full(fd, to, len, at);

	return r == -ENODATA ? -EIO : r;
}

/* As it is to be there; t->sealed has room for it. */
static int
write_block(struct taking *t, int to, uint32_t i, size_t len)
{
	int r = 0;

	if (t->extra == 0)
		return nx_write_full(to, t->block, len);
	r = volume_key_seal(
	    t->b->key, block_what(t->name, i).text, t->block, len, t->sealed);
	return r < 0 ? r : nx_write_full(to, t->sealed, len + t->extra);
}

static int
copy_blocks(struct taking *t, int to)
{
	uint64_t size = t->sums.head.size;
	int r = 0;

	for (uint32_t i = 0; i < t->sums.head.blocks && r == 0; i++) {
		uint64_t at = (uint64_t)i * LEDGER_BLOCK;
		size_t len =
		    size - at < LEDGER_BLOCK ? size - at : LEDGER_BLOCK;

		r = read_block(t->from, t->block, len, at);
		if (r == 0)
			r = write_block(t, to, i, len);
		t->sums.crc[i] = ledger_crc(t->block, len);
		/* So that the sync at the end has little left to do. */
		if (r == 0)
			(void)sync_file_range(to, (off_t)block_at(i, t->extra),
			    (off_t)(len + t->extra), SYNC_FILE_RANGE_WRITE);
	}
	if (r == 0 && fsync(to) < 0)
		r = -errno;
	return r;
}

static int
write_sums(struct taking *t)
{
	nx_cleanup_fd int fd = openat(t->dir, t->part,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t heads = sizeof(t->sums.head);
	int r;

	if (fd < 0)
		return -errno;
	base_sums_make(&t->sums, place_version(t->b->key));
	r = nx_write_full(fd, &t->sums.head, heads);
	if (r == 0)
		r = nx_write_full(
		    fd, t->sums.crc, base_sums_len(&t->sums) - heads);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(t->dir, t->part, t->dir, t->sum) < 0)
		r = -errno;
	if (r == 0 && fsync(t->dir) < 0)
		r = -errno;
	return r;
}

static int
take(struct taking *t)
{
	const struct catalog_point *at = &t->b->at;
	nx_cleanup_fd int to = -1;
	struct stat st;
	int r;

	if (fstat(t->from, &st) < 0)
		return -errno;
	memcpy(t->sums.head.id, at->id, sizeof(at->id));
	t->sums.head.seq = at->seq;
	t->sums.head.link = at->link;
	t->sums.head.schema = at->schema;
	t->sums.head.size = (uint64_t)st.st_size;
	t->sums.head.blocks =
	    (uint32_t)(((uint64_t)st.st_size + LEDGER_BLOCK - 1) /
		LEDGER_BLOCK);
	t->sums.crc = calloc(t->sums.head.blocks + 1, sizeof(t->sums.crc[0]));
	t->block = malloc(LEDGER_BLOCK);
	t->sealed = malloc(LEDGER_BLOCK + t->extra);
	if (!t->sums.crc || !t->block || !t->sealed)
		return -ENOMEM;
	to = openat(t->dir, t->name,
	    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_blocks(t, to);
	if (r == 0)
		r = write_sums(t);
	return r;
}

/* --- what is needless then --------------------------------------------------*/

static bool
is_needless(const struct taking *t, const char *name)
{
	uint64_t n;

	if (sscanf(name, "log.%" SCNu64, &n) == 1)
		return n != t->b->log && n != t->b->spare;
	return strncmp(name, "base.", 5) == 0 && strcmp(name, t->name) != 0 &&
	    strcmp(name, t->sum) != 0;
}

static int
clear_needless(const struct taking *t)
{
	int fd = openat(t->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		nx_close(&fd);
		return -errno;
	}
	while ((e = readdir(d)))
		if (is_needless(t, e->d_name))
			(void)unlinkat(t->dir, e->d_name, 0);
	closedir(d);
	return 0;
}

int
place_take_base(const struct place_base *b)
{
	struct taking t = {
	    .b = b, .dir = b->dir, .extra = volume_key_extra(b->key)};
	int r;

	(void)snprintf(t.name, sizeof(t.name), "base.%" PRIu64 "-%" PRIx64,
	    b->at.seq, nx_wall_us());
	(void)snprintf(t.sum, sizeof(t.sum), "%s.sum", t.name);
	(void)snprintf(t.part, sizeof(t.part), "%s.new", t.name);
	t.from = open(b->from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (t.from < 0)
		return -errno;
	r = take(&t);
	if (r == 0)
		r = clear_needless(&t);
	else {
		(void)unlinkat(b->dir, t.part, 0);
		(void)unlinkat(b->dir, t.name, 0);
	}
	nx_close(&t.from);
	free(t.sums.crc);
	free(t.block);
	free(t.sealed);
	return r;
}
