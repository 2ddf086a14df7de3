/* The log of a place; see place.h. */
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

#define ZEROS       (256U << 10) /* in one write */
#define SYNC_MS     10000        /* a disk that takes longer is given up */
#define RECORD_KEPT (1U << 20)

static void
log_name(char name[32], uint64_t n)
{
	(void)snprintf(name, 32, "log.%" PRIu64, n);
}

int
place_directory(int chunks, bool make)
{
	int fd;

	if (make && mkdirat(chunks, PLACE_DIRECTORY, 0700) < 0 &&
	    errno != EEXIST)
		return -errno;
	fd = openat(chunks, PLACE_DIRECTORY,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (make && fsync(chunks) < 0) {
		int r = -errno;

		nx_close(&fd);
		return r;
	}
	return fd;
}

/* --- a new log --------------------------------------------------------------*/

/* Zeros that are written, not only allocated: then a sync has nothing to write
 * but what is new, no size and no extent. */
static int
write_zeros(int fd, uint64_t len)
{
	static const uint8_t zeros[ZEROS];
	int r = 0;

	for (uint64_t n; len > 0 && r == 0; len -= n) {
		n = len < sizeof(zeros) ? len : sizeof(zeros);
		r = nx_write_full(fd, zeros, n);
	}
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

static int
next_number(int dir, uint64_t *ret_n)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t next = 1;
	int r;

	if (!d) {
		r = -errno;
		nx_close(&fd);
		return r;
	}
	errno = 0;
	while ((e = readdir(d))) {
		uint64_t n;

		if (sscanf(e->d_name, "log.%" SCNu64, &n) == 1 && n >= next)
			next = n + 1;
		errno = 0;
	}
	r = -errno; /* what was not read may be the one with this number */
	closedir(d);
	if (r == 0)
		*ret_n = next;
	return r;
}

int
place_make_spare(struct place *p)
{
	nx_cleanup_fd int fd = -1;
	char name[32];
	uint64_t n = 1;
	int r = next_number(p->dir, &n);

	nx_assert(p->spare < 0);
	if (r < 0)
		return r;
	log_name(name, n);
	fd = openat(p->dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_zeros(fd, p->zeroed);
	if (r == 0 && fsync(p->dir) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(p->dir, name, 0);
		return r;
	}
	p->spare = nx_take_fd(&fd);
	p->spare_n = n;
	return 0;
}

enum ledger_version
place_version(const struct volume_key *key)
{
	return key->bytes ? LEDGER_SEALED : LEDGER_PLAIN;
}

int
place_continue(struct place *p, uint64_t n, uint64_t at, uint64_t first)
{
	static const uint8_t zeros[LEDGER_PAGE];
	char name[32];
	ssize_t done;

	log_name(name, n);
	nx_close(&p->log);
	p->log = openat(p->dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (p->log < 0)
		return -errno;
	/* Half a record may be there. */
	done = pwrite(p->log, zeros, sizeof(zeros), (off_t)at);
	if (done != sizeof(zeros))
		return done < 0 ? -errno : -EIO;
	p->n = n;
	p->first = first;
	p->at = p->undo = at;
	return 0;
}

/* --- records ----------------------------------------------------------------*/

/* p->record has @need bytes. What a large one took is not kept. */
static int
make_room(struct place *p, size_t need)
{
	uint8_t *record;

	if (need <= p->record_room && p->record_room <= RECORD_KEPT)
		return 0;
	record = realloc(p->record, need);
	if (!record)
		return -ENOMEM;
	p->record = record;
	p->record_room = need;
	return 0;
}

/* The first @len bytes of p->record. */
static void
begin(struct place *p, int fd, size_t len, uint64_t at, bool sync)
{
	struct syncer_job job = {fd, p->record, len, at, sync};

	nx_assert(!p->syncing);
	p->syncing = sync;
	syncer_begin(p->syncer, &job);
}

int
place_append(
    struct place *p, const struct record_head *h, const void *data, bool sync)
{
	size_t extra = volume_key_extra(&p->key);
	int r = make_room(p, sizeof(*h) + h->len + extra);

	if (r < 0)
		return r;
	memcpy(p->record, h, sizeof(*h));
	if (extra == 0)
		memcpy(p->record + sizeof(*h), data, h->len);
	else
		r = volume_key_seal(&p->key, record_what(p->n, p->at).text,
		    data, h->len, p->record + sizeof(*h));
	if (r < 0)
		return r;
	begin(p, p->log, sizeof(*h) + h->len + extra, p->at, sync);
	p->undo = p->at;
	p->at += record_room(h->len, extra);
	return 0;
}

int
place_written(struct place *p)
{
	return syncer_written(p->syncer, SYNC_MS);
}

int
place_undo(struct place *p)
{
	int r = make_room(p, sizeof(struct record_head));

	if (r < 0)
		return r;
	memset(p->record, 0, sizeof(struct record_head));
	begin(p, p->log, sizeof(struct record_head), p->undo, true);
	p->at = p->undo;
	return 0;
}

int
place_switch(struct place *p, const struct catalog_point *at)
{
	struct log_head head;
	int r = make_room(p, sizeof(head));

	nx_assert(p->spare >= 0);
	if (r < 0)
		return r;
	log_head_make(&head, at, place_version(&p->key));
	memcpy(p->record, &head, sizeof(head));
	begin(p, p->spare, sizeof(head), 0, false);
	r = place_written(p);
	if (r < 0)
		return r;
	nx_close(&p->log);
	p->log = nx_take_fd(&p->spare);
	p->n = p->spare_n;
	p->first = head.first;
	p->at = p->undo = LEDGER_PAGE;
	return 0;
}

void
place_sync_begin(struct place *p)
{
	begin(p, p->log, 0, 0, true);
}

int
place_sync_end(struct place *p)
{
	if (!p->syncing)
		return 0;
	p->syncing = false;
	return syncer_wait(p->syncer, SYNC_MS);
}

bool
place_close(struct place *p)
{
	p->open = p->whole = p->syncing = false;
	if (!syncer_idle(p->syncer))
		return false;
	nx_close(&p->dir);
	nx_close(&p->log);
	nx_close(&p->spare);
	volume_key_fini(&p->key);
	free(p->record);
	p->record = NULL;
	p->record_room = 0;
	p->volume = 0;
	return true;
}
