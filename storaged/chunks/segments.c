/*
 * The list of segments: opened with the volume, told of, given back. See
 * segments.h. Owns the directory; which records in it anybody refers to is the
 * catalogue's to know.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/segment_internal.h"

#define SIZE_MIN  (2ULL << 20) /* holds the largest batch */
#define SIZE_MAX_ (16ULL << 20)
#define SHARE     64 /* of a small volume */

/* --- the directory ----------------------------------------------------------*/

/* 0: it is none of ours. */
static uint32_t
number_of(const char *name, bool *ret_free)
{
	char again[NAME_SIZE];
	uint32_t number = (uint32_t)strtoul(name, NULL, 16);

	*ret_free = strchr(name, '.') != NULL;
	segments_name(number, *ret_free, again);
	return strcmp(name, again) == 0 && number <= SEGMENT_NUMBER_MAX ? number
									: 0;
}

/* @each gets every file of ours. 0 or -errno. */
static int
each_file(struct segments *s,
    void (*each)(struct segments *s, const char *name, uint32_t number,
	bool is_free, void *arg),
    void *arg)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r;

	if (!d) {
		r = -errno;
		nx_close(&fd);
		return r;
	}
	for (errno = 0; (entry = readdir(d)); errno = 0) {
		bool is_free;
		uint32_t number = number_of(entry->d_name, &is_free);

		if (number > 0)
			each(s, entry->d_name, number, is_free, arg);
	}
	r = -errno;
	closedir(d);
	return r;
}

static void
find_file(struct segments *s, const char *name, uint32_t number, bool is_free,
    void *arg)
{
	(void)arg;
	if (number > s->last)
		s->last = number;
	if (!is_free)
		return;
	if (s->n_frees < FREE_MAX)
		s->frees[s->n_frees++] = number;
	else
		(void)unlinkat(s->dir, name, 0);
}

static int
open_dir(struct segments *s)
{
	s->dir = openat(s->parent, SEGMENTS_DIR,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dir < 0)
		return errno == ENOENT ? 0 : -errno;
	return each_file(s, find_file, NULL);
}

/* --- from outside -----------------------------------------------------------*/

static uint64_t
choose_limit(int dir)
{
	struct statvfs fs;
	uint64_t size = SIZE_MAX_;

	if (fstatvfs(dir, &fs) == 0)
		size = (uint64_t)fs.f_blocks * fs.f_frsize / SHARE;
	size -= size % SEGMENT_PAGE;
	return size < SIZE_MIN ? SIZE_MIN : size > SIZE_MAX_ ? SIZE_MAX_ : size;
}

int
segments_new(const struct chunk_store *store, int dirfd,
    const struct chunk_store_spec *spec, struct segments **ret_segments)
{
	struct segments *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->store = store;
	s->parent = dirfd;
	s->dir = s->to.fd = -1;
	segments_init_kept(s);
	memcpy(s->volume, spec->volume, sizeof(s->volume));
	s->limit = choose_limit(dirfd);
	LIST_INIT(&s->held);
	pthread_mutex_init(&s->mutex, NULL);
	segment_queue_init(&s->queue, spec->writers, segments_write);
	r = open_dir(s);
	s->first_ours = s->last + 1;
	if (r < 0) {
		segments_free(s);
		return r;
	}
	*ret_segments = s;
	return 0;
}

struct segments *
segments_free(struct segments *s)
{
	struct held *h;

	if (!s)
		return NULL;
	segment_queue_fini(&s->queue);
	segments_seal(s);
	while ((h = LIST_FIRST(&s->held))) {
		LIST_REMOVE(h, entry);
		free(h);
	}
	segments_free_kept(s);
	nx_close(&s->dir);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	return NULL;
}

struct segment_queue *
segments_queue(struct segments *s)
{
	return &s->queue;
}

const char *
segments_volume(const struct segments *s)
{
	return s->volume;
}

int
segments_open_file(struct segments *s, uint32_t number, int flags)
{
	char name[NAME_SIZE];
	int fd, dir;

	pthread_mutex_lock(&s->mutex);
	dir = s->dir;
	pthread_mutex_unlock(&s->mutex);
	if (dir < 0)
		return -ENOENT;
	segments_name(number, false, name);
	fd = openat(dir, name, flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* --- holding ----------------------------------------------------------------*/

static struct held *
find_held(struct segments *s, uint32_t number)
{
	struct held *h;

	LIST_FOREACH(h, &s->held, entry)
		if (h->number == number)
			return h;
	return NULL;
}

bool
segments_is_held(struct segments *s, uint32_t number)
{
	return find_held(s, number) != NULL;
}

bool
segments_are_held(struct segments *s, uint32_t number)
{
	bool held;

	pthread_mutex_lock(&s->mutex);
	held = segments_is_held(s, number);
	pthread_mutex_unlock(&s->mutex);
	return held;
}

void
segments_hold(struct segments *s, uint64_t at)
{
	struct held *h;

	pthread_mutex_lock(&s->mutex);
	h = find_held(s, segment_number(at));
	if (!h) {
		h = calloc(1, sizeof(*h));
		nx_assert(h); /* not to hold it could be to lose it */
		h->number = segment_number(at);
		LIST_INSERT_HEAD(&s->held, h, entry);
	}
	h->n++;
	pthread_mutex_unlock(&s->mutex);
}

/* One of an object before this one is not known any more. */
void
segments_settle(struct segments *s, uint64_t at)
{
	struct held *h;

	pthread_mutex_lock(&s->mutex);
	h = find_held(s, segment_number(at));
	if (h && h->n > 0)
		h->n--;
	if (h && h->n == 0 && !h->current) {
		LIST_REMOVE(h, entry);
		free(h);
	}
	pthread_mutex_unlock(&s->mutex);
}

/* --- telling ----------------------------------------------------------------*/

struct telling {
	void (*each)(const struct chunk_segment *segment, void *arg);
	void *arg;
};

static void
tell_file(struct segments *s, const char *name, uint32_t number, bool is_free,
    void *arg)
{
	struct telling *t = arg;
	struct chunk_segment segment = {.number = number};
	struct stat st;

	if (is_free || fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	segment.bytes = (uint64_t)st.st_size;
	segment.changed_at = (uint64_t)st.st_mtime;
	pthread_mutex_lock(&s->mutex);
	segment.open = segments_is_held(s, number);
	segment.earlier = number < s->first_ours;
	pthread_mutex_unlock(&s->mutex);
	t->each(&segment, t->arg);
}

int
segments_list(struct segments *s,
    void (*each)(const struct chunk_segment *segment, void *arg), void *arg)
{
	struct telling t = {each, arg};

	return s->dir < 0 ? 0 : each_file(s, tell_file, &t);
}

/* --- giving back ------------------------------------------------------------*/

int
segments_retire(struct segments *s, uint32_t number)
{
	char name[NAME_SIZE], waiting[NAME_SIZE];
	bool keep;
	int r = 0;

	segments_name(number, false, name);
	segments_name(number, true, waiting);
	pthread_mutex_lock(&s->mutex);
	if (find_held(s, number))
		r = -EBUSY;
	else
		segments_drop_kept(s, number);
	keep = s->n_frees < FREE_MAX;
	if (r == 0 && keep && renameat(s->dir, name, s->dir, waiting) < 0)
		r = -errno;
	else if (r == 0 && keep)
		s->frees[s->n_frees++] = number;
	pthread_mutex_unlock(&s->mutex);
	if (r == 0 && !keep && unlinkat(s->dir, name, 0) < 0)
		r = -errno;
	return r == -ENOENT ? 0 : r;
}
