/*
 * Reading without waiting: what is asked for again and again is in the page
 * cache, and to have a thread look there costs more than the look. A few files
 * that were read stay open for it; preadv2(2), RWF_NOWAIT.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/segment_internal.h"

/* All with the mutex. */

static struct kept *
find_kept(struct segments *s, uint32_t number)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (s->kept[i].fd >= 0 && s->kept[i].number == number)
			return &s->kept[i];
	return NULL;
}

static void
keep(struct segments *s, uint32_t number, int fd)
{
	struct kept *k = &s->kept[s->next_kept++ % KEPT_MAX];

	nx_close(&k->fd);
	k->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	k->number = number;
}

void
segments_drop_kept(struct segments *s, uint32_t number)
{
	struct kept *k = find_kept(s, number);

	if (k)
		nx_close(&k->fd);
}

static int
read_now(int fd, const struct chunk_place *place, void *data)
{
	uint8_t head[SEGMENT_RECORD];
	struct iovec iov[] = {{head, sizeof(head)}, {data, place->size}};
	struct segment_record record;
	ssize_t n =
	    preadv2(fd, iov, 2, (off_t)segment_offset(place->at), RWF_NOWAIT);

	if (n < 0 || (size_t)n != sizeof(head) + place->size ||
	    segment_record_read(head, &record) < 0 ||
	    strcmp(record.id, place->id.text) != 0 ||
	    record.length != place->size)
		return -EAGAIN;
	return 0;
}

/* --- without the mutex ------------------------------------------------------*/

void
segments_init_kept(struct segments *s)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		s->kept[i].fd = -1;
}

void
segments_free_kept(struct segments *s)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		nx_close(&s->kept[i].fd);
}

void
segments_keep(struct segments *s, uint32_t number, int fd)
{
	pthread_mutex_lock(&s->mutex);
	/* Else it may have been given back by now. */
	if (segments_is_held(s, number) && !find_kept(s, number))
		keep(s, number, fd);
	pthread_mutex_unlock(&s->mutex);
}

int
segments_read_now(
    struct segments *s, const struct chunk_place *place, void *data)
{
	struct kept *k;
	int r = -EAGAIN;

	if (place->size == 0 || pthread_mutex_trylock(&s->mutex) != 0)
		return r;
	k = find_kept(s, segment_number(place->at));
	if (k)
		r = read_now(k->fd, place, data);
	pthread_mutex_unlock(&s->mutex);
	return r;
}
