/*
 * The reserve is a file that is allocated in full, or empty. Deletions find
 * room by emptying it; a timer tries to fill it again. Owns that file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/care/reserve.h"

#define RESERVE_BYTES (8 << 20)
#define RETAKE_S      30
#define ASKED_US      1000000 /* sooner when somebody waits for it */

struct reserve {
	int fd;
	bool full;
	uint64_t tried;
	struct event *retake;
};

static void
take(struct reserve *r)
{
	struct timeval later = {.tv_sec = RETAKE_S};

	r->tried = nx_now_us();
	r->full = fallocate(r->fd, 0, 0, RESERVE_BYTES) == 0;
	if (r->full)
		return;
	/* Half a reserve would only be in the way. */
	(void)!ftruncate(r->fd, 0);
	(void)evtimer_add(r->retake, &later);
}

static void
on_retake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take(arg);
}

int
reserve_new(
    struct event_base *base, const char *path, struct reserve **ret_reserve)
{
	struct reserve *r = calloc(1, sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	r->retake = evtimer_new(base, on_retake, r);
	r->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->fd < 0)
		e = -errno;
	else if (!r->retake)
		e = -ENOMEM;
	if (e < 0) {
		reserve_free(r);
		return e;
	}
	take(r);
	*ret_reserve = r;
	return 0;
}

struct reserve *
reserve_free(struct reserve *r)
{
	if (r) {
		if (r->retake)
			event_free(r->retake);
		nx_close(&r->fd);
		free(r);
	}
	return NULL;
}

bool
reserve_give(struct reserve *r)
{
	struct timeval later = {.tv_sec = RETAKE_S};

	if (!r->full || ftruncate(r->fd, 0) < 0)
		return false;
	nx_warn("event=disk-full note=\"the reserve for deletions is used\"");
	r->full = false;
	r->tried = nx_now_us();
	(void)evtimer_add(r->retake, &later);
	return true;
}

bool
reserve_held(struct reserve *r)
{
	if (!r->full && nx_now_us() - r->tried >= ASKED_US)
		take(r);
	return r->full;
}
