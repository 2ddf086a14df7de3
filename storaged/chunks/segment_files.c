/*
 * The files of segments: made, used again, filled with zeros. A new one, or a
 * new name, is on the disk before anything is appended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "storaged/chunks/segment_internal.h"

#define FILL (256U << 10)

void
segments_name(uint32_t number, bool is_free, char ret_name[NAME_SIZE])
{
	(void)snprintf(
	    ret_name, NAME_SIZE, "%08x%s", number, is_free ? ".free" : "");
}

static int
sync_dir(int dir)
{
	return fsync(dir) < 0 ? -errno : 0;
}

int
segments_make_dir(struct segments *s)
{
	int dir, r;

	if (s->dir >= 0)
		return 0;
	if (mkdirat(s->parent, SEGMENTS_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = openat(s->parent, SEGMENTS_DIR,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	r = sync_dir(s->parent);
	if (r < 0) {
		nx_close(&dir);
		return r;
	}
	pthread_mutex_lock(&s->mutex);
	s->dir = dir;
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

int
segments_fill(int fd, uint64_t *written, uint64_t end)
{
	static const uint8_t zeros[FILL];

	while (*written < end) {
		uint64_t n = end - *written < FILL ? end - *written : FILL;
		ssize_t done = pwrite(fd, zeros, n, (off_t)*written);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		*written += (uint64_t)done;
	}
	return 0;
}

/* --- the next to append to --------------------------------------------------*/

static int
write_header(
    const struct segments *s, int fd, uint32_t number, uint64_t *ret_generation)
{
	struct segment_header h = {
	    .number = number, .made_at = nx_wall_us() / 1000000};
	uint8_t page[SEGMENT_PAGE];

	if (getrandom(&h.generation, sizeof(h.generation), 0) !=
	    sizeof(h.generation))
		return -EIO;
	memcpy(h.volume, s->volume, sizeof(h.volume));
	segment_header_write(&h, page);
	if (pwrite(fd, page, sizeof(page), 0) != sizeof(page))
		return errno == ENOSPC ? -ENOSPC : -EIO;
	*ret_generation = h.generation;
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* The number is used up, whatever comes of it. */
static int
new_number(struct segments *s, uint32_t *ret_number)
{
	int r = -ENOSPC;

	pthread_mutex_lock(&s->mutex);
	if (s->last < SEGMENT_NUMBER_MAX) {
		*ret_number = ++s->last;
		r = 0;
	}
	pthread_mutex_unlock(&s->mutex);
	return r;
}

/* A file that waits gets a header and a name of its own. */
static int
open_free(struct segments *s, uint32_t from, uint32_t number, int *ret_fd,
    uint64_t *ret_generation)
{
	char old[NAME_SIZE], name[NAME_SIZE];
	nx_cleanup_fd int fd = -1;
	int r;

	segments_name(from, true, old);
	segments_name(number, false, name);
	fd = openat(s->dir, old, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : write_header(s, fd, number, ret_generation);
	if (r == 0 && renameat(s->dir, old, s->dir, name) < 0)
		r = -errno;
	if (r == 0)
		r = sync_dir(s->dir);
	if (r == 0)
		*ret_fd = nx_take_fd(&fd);
	return r;
}

static int
open_new(
    struct segments *s, uint32_t number, int *ret_fd, uint64_t *ret_generation)
{
	char name[NAME_SIZE];
	nx_cleanup_fd int fd = -1;
	int r;

	segments_name(number, false, name);
	fd = openat(s->dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_header(s, fd, number, ret_generation);
	if (r == 0)
		r = sync_dir(s->dir);
	if (r < 0)
		(void)unlinkat(s->dir, name, 0);
	else
		*ret_fd = nx_take_fd(&fd);
	return r;
}

/* The number of one that waits, 0: none; @last: even the last one. */
static uint32_t
take_free(struct segments *s, bool last)
{
	uint32_t number = 0;

	pthread_mutex_lock(&s->mutex);
	if (s->n_frees > (last ? 0 : 1))
		number = s->frees[--s->n_frees];
	pthread_mutex_unlock(&s->mutex);
	return number;
}

static int
open_any(struct segments *s, uint32_t number, bool last, int *ret_fd,
    uint64_t *ret_generation)
{
	uint32_t from = take_free(s, last);

	if (from != 0)
		return open_free(s, from, number, ret_fd, ret_generation);
	if (last)
		return -ENOSPC;
	return open_new(s, number, ret_fd, ret_generation);
}

int
segments_next(struct segments *s, bool last)
{
	struct held *h = calloc(1, sizeof(*h));
	struct stat st;
	int fd = -1;
	int r = h ? segments_make_dir(s) : -ENOMEM;

	nx_assert(s->to.fd < 0 && !s->to.held);
	if (r == 0)
		r = new_number(s, &h->number);
	if (r == 0)
		r = open_any(s, h->number, last, &fd, &s->to.generation);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0) {
		nx_close(&fd);
		free(h);
		return r;
	}
	h->current = true;
	s->to.fd = fd;
	s->to.held = h;
	s->to.at = SEGMENT_PAGE;
	s->to.written = (uint64_t)st.st_size;
	pthread_mutex_lock(&s->mutex);
	LIST_INSERT_HEAD(&s->held, h, entry);
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

/* --- room put by ------------------------------------------------------------*/

#define ROOMS 8 /* of as much as is put by: less is left to others */

static int
make_free(struct segments *s, uint32_t number)
{
	char name[NAME_SIZE];
	nx_cleanup_fd int fd = -1;
	uint64_t written = 0;
	int r;

	segments_name(number, true, name);
	fd = openat(s->dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = segments_fill(fd, &written, s->limit);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(s->dir, name, 0);
	return r;
}

int
segments_spare(struct segments *s)
{
	struct statvfs fs;
	uint32_t number;
	bool none;
	int r;

	pthread_mutex_lock(&s->mutex);
	none = s->dir >= 0 && s->n_frees == 0;
	pthread_mutex_unlock(&s->mutex);
	if (!none || fstatvfs(s->parent, &fs) < 0 ||
	    (uint64_t)fs.f_bavail * fs.f_frsize < ROOMS * s->limit)
		return 0;
	r = new_number(s, &number);
	if (r == 0)
		r = make_free(s, number);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mutex);
	none = s->n_frees < FREE_MAX;
	if (none)
		s->frees[s->n_frees++] = number;
	pthread_mutex_unlock(&s->mutex);
	return 0;
}
