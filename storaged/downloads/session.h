/*
 * Downloads under way. A file that is replaced or deleted while somebody reads
 * it stays, for its readers alone, until the last of them has finished: a
 * session pins it from the first window to the last. It ends with the last
 * window, when its peer says so or goes, when its user is deleted, or after an
 * hour without a question. Loop's thread only.
 *
 * A session grants nothing: whoever continues it shows a ticket each time, and
 * must be the peer and the user that began it.
 */
#ifndef STORAGED_SESSION_H
#define STORAGED_SESSION_H

#include <sys/queue.h>

#include "storaged/catalog/catalog.h"
#include "storaged/downloads/reads.h"
#include "storaged/storaged.h"

struct session {
	TAILQ_ENTRY(session) entry;
	struct downloads *downloads;
	uint64_t id;
	const struct nx_peer *peer; /* compared, never followed */
	uint64_t user;
	struct catalog_file file; /* as it was when the session began */
	uint64_t used;            /* when it was last asked for something */
	unsigned busy;            /* windows being checked */
	bool ended;               /* goes when the last of them is back */
};

/* Pins @file for @peer and @user. NULL: out of memory, or they have their share
 * of sessions; then the download goes on without. */
struct session *session_begin(struct downloads *ds, const struct nx_peer *peer,
    uint64_t user, const struct catalog_file *file);
/* NULL: it is not under way, or somebody else's. */
struct session *session_find(struct downloads *ds, const struct nx_peer *peer,
    uint64_t user, uint64_t id);
/* Between these two it may end, but does not go. */
void session_hold(struct session *se);
void session_release(struct session *se);
/* Unpins the file. */
void session_end(struct session *se);
/* Windows that are checked, or wait for it. */
struct reads *downloads_reads(struct downloads *ds);
/* Descriptors went out: what memory some of them take comes back when they have
 * been sent. */
void downloads_sent(struct downloads *ds);

#endif
