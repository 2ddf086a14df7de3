/* See sending.h; fcntl(2), F_SETLEASE and F_ADD_SEALS. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/checksum.h"
#include "storaged/chunks/sending.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define PART   4U  /* of what is left one may have so much at once */
#define LOOK_N 256 /* looked at in one go */

/* A memfd that is out. */
struct sent {
	TAILQ_ENTRY(sent) entry;
	int fd;
	uint64_t owner;
	uint32_t bytes;
};

/* Taken and not sent, by one user. */
struct taken {
	LIST_ENTRY(taken) entry;
	uint64_t owner;
	uint64_t bytes; /* in memfds that are out too */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, sent) sent_list = TAILQ_HEAD_INITIALIZER(sent_list);
static LIST_HEAD(, taken) takers = LIST_HEAD_INITIALIZER(takers);
static uint64_t all;
static unsigned pieces;

/* --- counting (locked) ------------------------------------------------------*/

static struct taken *
taker(uint64_t owner)
{
	struct taken *t;

	LIST_FOREACH(t, &takers, entry)
		if (t->owner == owner)
			return t;
	t = calloc(1, sizeof(*t));
	if (t) {
		t->owner = owner;
		LIST_INSERT_HEAD(&takers, t, entry);
	}
	return t;
}

static void
give_back(uint64_t owner, uint32_t bytes)
{
	struct taken *t;

	LIST_FOREACH(t, &takers, entry)
		if (t->owner == owner)
			break;
	nx_assert(t && t->bytes >= bytes && all >= bytes);
	t->bytes -= bytes;
	all -= bytes;
	if (t->bytes > 0)
		return;
	LIST_REMOVE(t, entry);
	free(t);
}

/* When nobody but us has it open a lease can be had (and goes with the
 * descriptor). Where a kernel has no leases nobody can be waited for. */
static bool
is_ours_alone(const struct sent *s)
{
	return fcntl(s->fd, F_SETLEASE, F_WRLCK) == 0 || errno != EAGAIN;
}

static void
look(unsigned most)
{
	struct sent *s, *next;

	for (s = TAILQ_FIRST(&sent_list); s && most > 0; s = next, most--) {
		next = TAILQ_NEXT(s, entry);
		TAILQ_REMOVE(&sent_list, s, entry);
		if (!is_ours_alone(s)) {
			/* Asked again when all others have been. */
			TAILQ_INSERT_TAIL(&sent_list, s, entry);
			continue;
		}
		nx_close(&s->fd);
		give_back(s->owner, s->bytes);
		pieces--;
		free(s);
	}
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t
may_take(const struct taken *t, uint32_t want)
{
	uint64_t room = least(SENDING_ALL - least(all, SENDING_ALL),
	    SENDING_USER - least(t->bytes, SENDING_USER));
	uint64_t part = room / PART / CRC_BLOCK * CRC_BLOCK;

	if (all >= SENDING_MOST || pieces >= SENDING_PIECES)
		return 0;
	if (part < CRC_BLOCK)
		part = CRC_BLOCK;
	return (uint32_t)least(
	    part, ((uint64_t)want + CRC_BLOCK - 1) / CRC_BLOCK * CRC_BLOCK);
}

/* --- for others -------------------------------------------------------------*/

uint32_t
sending_take(uint64_t owner, uint32_t want)
{
	struct taken *t;
	uint32_t n = 0;

	pthread_mutex_lock(&lock);
	look(8);
	t = taker(owner);
	if (t && t->bytes + want > SENDING_USER / 2) {
		look(SENDING_PIECES);
		t = taker(owner); /* it may have gone with its last */
	}
	if (t)
		n = may_take(t, want);
	if (t) {
		t->bytes += n;
		all += n;
		give_back(owner, 0);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

void
sending_return(uint64_t owner, uint32_t taken)
{
	if (taken == 0)
		return;
	pthread_mutex_lock(&lock);
	give_back(owner, taken);
	pthread_mutex_unlock(&lock);
}

int
sending_open(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("content", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("content", flags);
	return fd < 0 ? -errno : fd;
}

/* Two descriptions of it that cannot be written to: the one we keep can only be
 * told from others' when it counts as an open file, which a memfd as it is made
 * does not. */
static int
seal_and_open(int memfd, int ret_fds[2])
{
	char path[32];
	int r;

	if (fcntl(memfd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	ret_fds[0] = open(path, O_RDONLY | O_CLOEXEC);
	if (ret_fds[0] < 0)
		return -errno;
	ret_fds[1] = open(path, O_RDONLY | O_CLOEXEC);
	if (ret_fds[1] >= 0)
		return 0;
	r = -errno;
	nx_close(&ret_fds[0]);
	return r;
}

int
sending_begin(int memfd, uint64_t owner, uint32_t taken)
{
	struct sent *s = calloc(1, sizeof(*s));
	int fds[2], r = s ? seal_and_open(memfd, fds) : -ENOMEM;

	nx_close(&memfd);
	if (r < 0) {
		free(s);
		sending_return(owner, taken);
		return r;
	}
	*s = (struct sent){.fd = fds[0], .owner = owner, .bytes = taken};
	pthread_mutex_lock(&lock);
	TAILQ_INSERT_TAIL(&sent_list, s, entry);
	pieces++;
	pthread_mutex_unlock(&lock);
	return fds[1];
}

void
sending_look(void)
{
	pthread_mutex_lock(&lock);
	look(LOOK_N);
	pthread_mutex_unlock(&lock);
}

uint64_t
sending_bytes(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = all;
	pthread_mutex_unlock(&lock);
	return n;
}
