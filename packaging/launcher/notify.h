/*
 * The supervisor's side of sd_notify(3): READY=1, STOPPING=1, WATCHDOG=1, and
 * the descriptor store (FDSTORE=1 with FDNAME=, FDSTOREREMOVE=1) that lets nexusd
 * restart without anyone noticing. One socket per daemon, which only that
 * daemon's user may write to, so there is no doubt who speaks.
 */
#ifndef UP_NOTIFY_H
#define UP_NOTIFY_H

#include <stdbool.h>
#include <event2/event.h>

#include "packaging/launcher/child.h"

struct up_notify;

enum up_notice {
	UP_NOTICE_READY,
	UP_NOTICE_STOPPING,
	UP_NOTICE_ALIVE,
};

typedef void up_notice_fn(enum up_notice notice, void *arg);

/* Dies with a sentence. */
struct up_notify *up_notify_new(struct event_base *base,
    const struct up_program *p, uid_t uid, up_notice_fn *fn, void *arg);
struct up_notify *up_notify_free(struct up_notify *n);
/* What is kept for it, for its next start; valid until the loop runs again.
 * Drops what has no other end any more. */
struct up_pass up_notify_kept(struct up_notify *n);

#endif
