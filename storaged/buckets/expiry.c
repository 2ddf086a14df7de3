/*
 * Uploads in pieces that nobody goes on with: a multipart upload a week after it
 * began, a resumable one a day after its last piece. One is given up at a time;
 * what it held is taken away by the collector, at its pace.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/buckets/buckets.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/uploads/uploads.h"

#define LOOK_S 60 /* when there was none */
#define NEXT_S 1

struct expiry {
	struct storaged *s;
	struct event *timer;
	bool busy;
	struct catalog_upload_drop op;
};

static void
look_after(struct expiry *x, time_t seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	(void)evtimer_add(x->timer, &tv);
}

static void
dropped(int result, void *arg)
{
	struct expiry *x = arg;

	x->busy = false;
	if (result < 0)
		nx_warn(
		    "event=upload-not-expired error=\"%s\"", strerror(-result));
	else if (result == 0)
		collector_kick(x->s->collector);
	look_after(x, result == 0 ? NEXT_S : LOOK_S);
}

static void
look(evutil_socket_t fd, short what, void *arg)
{
	struct expiry *x = arg;
	int64_t file = catalog_upload_expired(x->s->catalog);

	(void)fd;
	(void)what;
	if (file <= 0) {
		look_after(x, LOOK_S);
		return;
	}
	nx_info("event=upload-expired file=%lld", (long long)file);
	uploads_end_pieces(x->s->uploads, file);
	x->busy = true;
	x->op = (struct catalog_upload_drop){
	    .upload = file, .done = dropped, .arg = x};
	catalog_upload_drop(x->s->catalog, &x->op);
}

struct expiry *
expiry_new(struct storaged *s)
{
	struct expiry *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->s = s;
	x->timer = evtimer_new(s->base, look, x);
	if (!x->timer) {
		free(x);
		return NULL;
	}
	look_after(x, NEXT_S);
	return x;
}

struct expiry *
expiry_free(struct expiry *x)
{
	if (x) {
		nx_assert(!x->busy); /* the catalogue has been flushed */
		event_free(x->timer);
		free(x);
	}
	return NULL;
}
