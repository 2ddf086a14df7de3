/*
 * One table of what the catalogue can say no to, with the status and the
 * sentence for people.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/trees/quota.h"
#include "storaged/trees/refuse.h"
#include "storaged/volumes/volumes.h"

static const struct {
	Nx__Status status;
	const char *sentence; /* %s: what it was about */
} outcomes[] = {
    [CATALOG_NO_FILE] = {NX__STATUS__NOT_FOUND, "there is no file \"%s\""},
    [CATALOG_AMBIGUOUS] = {NX__STATUS__INVALID,
	"several ids begin with \"%s\": give more digits"},
    [CATALOG_BAD_ID] = {NX__STATUS__INVALID,
	"\"%s\" is no file id: it has 32 hexadecimal digits, and the first 4 "
	"or more of them will do"},
    [CATALOG_NO_PATH] = {NX__STATUS__NOT_FOUND, "there is no \"%s\""},
    [CATALOG_NO_PARENT] = {NX__STATUS__NOT_FOUND,
	"the folder \"%s\" is to be in does not exist: make it first"},
    [CATALOG_NOT_FOLDER] = {NX__STATUS__CONFLICT,
	"\"%s\" would need a folder where a file is"},
    [CATALOG_IS_FOLDER] = {NX__STATUS__CONFLICT,
	"\"%s\" is a folder: name the file in it too"},
    [CATALOG_TAKEN] = {NX__STATUS__EXISTS, "\"%s\" exists already"},
    [CATALOG_NOT_EMPTY] = {NX__STATUS__CONFLICT,
	"the folder \"%s\" is not empty and is not replaced: delete it first"},
    [CATALOG_INTO_ITSELF] = {NX__STATUS__INVALID,
	"a folder can be neither moved nor copied into itself: \"%s\""},
    [CATALOG_IS_ROOT] = {NX__STATUS__INVALID,
	"the root folder can be neither moved nor deleted nor replaced"},
    [CATALOG_TOO_DEEP] = {NX__STATUS__INVALID,
	"something in \"%s\" would be more than 64 folders deep or have a "
	"path of more than 4096 bytes"},
    [CATALOG_OVER_QUOTA] = {NX__STATUS__QUOTA,
	"\"%s\" does not fit into your quota: delete something first"},
    [CATALOG_WOULD_LOSE] = {NX__STATUS__CONFLICT,
	"part of \"%s\" is nowhere else"},
    [CATALOG_NO_VOLUME] = {NX__STATUS__UNAVAILABLE,
	"a node that held part of \"%s\" was deleted meanwhile: send it "
	"again"},
    [CATALOG_TOO_MANY] = {NX__STATUS__QUOTA,
	"\"%s\" would be one file or folder more than you may have: delete "
	"something first"},
    [CATALOG_NO_USER] = {NX__STATUS__NOT_FOUND,
	"there is no \"%s\": its owner was deleted"},
    [CATALOG_UNMET] = {NX__STATUS__PRECONDITION,
	"\"%s\" is not as the request says it must be: nothing was changed, "
	"look at it and decide again"},
    [CATALOG_NO_BUCKET] = {NX__STATUS__NOT_FOUND, "there is no bucket \"%s\""},
    [CATALOG_BUCKET_TAKEN] = {NX__STATUS__EXISTS,
	"the bucket \"%s\" is somebody else's: choose another name"},
    [CATALOG_BUCKET_FULL] = {NX__STATUS__CONFLICT,
	"the bucket \"%s\" is not empty: delete every version in it and "
	"give up its uploads first"},
    [CATALOG_BUCKETS_MANY] = {NX__STATUS__QUOTA,
	"\"%s\" would be one bucket more than the 1000 you may have: delete "
	"one first"},
    [CATALOG_LOCKABLE] = {NX__STATUS__CONFLICT,
	"versions of the bucket \"%s\" can be locked, so they stay on"},
    [CATALOG_NOT_LOCKABLE] = {NX__STATUS__CONFLICT,
	"nothing in the bucket of \"%s\" can be locked: it was made without "
	"locks"},
    [CATALOG_NO_KEY] = {NX__STATUS__NOT_FOUND, "there is no object \"%s\""},
    [CATALOG_LOCKED] = {NX__STATUS__DENIED,
	"\"%s\" is locked: it is kept until its time has come and no hold "
	"is on it"},
    [CATALOG_NO_UPLOAD] = {NX__STATUS__NOT_FOUND,
	"there is no upload \"%s\": it was completed or given up, or has "
	"expired"},
    [CATALOG_OFFSET] = {NX__STATUS__CONFLICT,
	"something else has come of \"%s\": ask where it ends and go on "
	"there"},
    [CATALOG_BAD_PART] = {NX__STATUS__INVALID,
	"a part of \"%s\" is not there, or has another etag"},
    [CATALOG_PART_ORDER] = {NX__STATUS__INVALID,
	"the parts of \"%s\" must be listed by number, each once"},
    [CATALOG_PART_SMALL] = {NX__STATUS__INVALID,
	"each part of \"%s\" but the last must have at least 5 MiB"},
    [CATALOG_IN_BUCKET] = {NX__STATUS__CONFLICT,
	"\"%s\" is in a bucket: delete it there"},
    [CATALOG_NO_VERSION] = {NX__STATUS__NOT_FOUND,
	"\"%s\" has no such version: it was given up, restored or purged, or "
	"is another path's"},
    [CATALOG_KEEPINGS_MANY] = {NX__STATUS__QUOTA,
	"\"%s\" would be one folder more with a time of its own than the 256 "
	"you may have: let another inherit it"},
    [CATALOG_NO_SNAPSHOT] = {NX__STATUS__NOT_FOUND,
	"there is no snapshot \"%s\""},
    [CATALOG_SNAPSHOT_TAKEN] = {NX__STATUS__EXISTS,
	"there is a snapshot \"%s\" already: delete it, or choose another "
	"name"},
    [CATALOG_SNAPSHOTS_MANY] = {NX__STATUS__QUOTA,
	"\"%s\" would be one snapshot more than the 64 you may have: delete "
	"one first"},
    [CATALOG_NOT_IN_SNAPSHOT] = {NX__STATUS__NOT_FOUND,
	"\"%s\" is not in that snapshot, which is of another folder"},
    [CATALOG_KEPT] = {NX__STATUS__DENIED,
	"\"%s\" is locked: nothing there is replaced, moved or deleted before "
	"its time"},
    [CATALOG_LOCK_PAST] = {NX__STATUS__INVALID,
	"\"%s\" can be locked until a time that has not come yet, in seconds "
	"since 1970"},
    [CATALOG_LOCK_SHORTER] = {NX__STATUS__DENIED,
	"\"%s\" is locked for longer than that: nothing shortens a lock"},
    [CATALOG_LOCKS_MANY] = {NX__STATUS__QUOTA,
	"\"%s\" would be one locked path more than the 1000 you may have: "
	"lock a folder above several of them"},
};

#define DEAD_FREE (16U << 20) /* bytes that nobody is asked about */
#define WAIT_S    10U /* a few steps of the collector: it takes theirs next */

#define SHOWN 150 /* bytes of a path: it can be longer than a sentence */

static void
shorten(const char *what, char shown[SHOWN + 4])
{
	size_t len = strlen(what);

	if (len > SHOWN) {
		/* Never in the middle of a character. */
		for (len = SHOWN; len > 0 && (what[len] & 0xc0) == 0x80; len--)
			;
	}
	memcpy(shown, what, len);
	memcpy(shown + len, what[len] ? "..." : "", what[len] ? 4 : 1);
}

Nx__Status
catalog_sentence(int result, const char *what, char *text, size_t size)
{
	char shown[SHOWN + 4];

	if (result < 0) {
		/* Said once, when the reserve is given up; a log of every
		 * refusal would need room as well. */
		if (result == -ENOSPC)
			(void)snprintf(text, size,
			    "the platform's disk is full: only deleting works");
		else {
			nx_warn("event=catalog-error error=\"%s\"",
			    strerror(-result));
			(void)snprintf(text, size, "the catalogue failed: %s",
			    strerror(-result));
		}
		return nx_status_of_errno(result);
	}
	nx_assert((size_t)result < NX_ARRAY_SIZE(outcomes));
	shorten(what, shown);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, size, outcomes[result].sentence, shown);
#pragma GCC diagnostic pop
	return outcomes[result].status;
}

void
refuse_catalog(struct nx_request *r, int result, const char *what)
{
	char text[384];
	Nx__Status status;

	status = catalog_sentence(result, what, text, sizeof(text));
	nx_refuse(r, status, "%s", text);
}

bool
path_or_refuse(struct nx_request *r, const char *text, struct path *ret_path)
{
	const char *wrong = path_parse(text, strlen(text), ret_path);

	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	return !wrong;
}

/*
 * What was overwritten in segments takes room until they are compacted. Of that
 * one user may have as much as is free: so there is always room for the others.
 */
static int
check_dead(struct storaged *s, uint64_t user, uint64_t *ret_dead)
{
	*ret_dead = s->compact ? compact_dead(s->compact, user) : 0;
	if (*ret_dead <= DEAD_FREE || *ret_dead <= volumes_room(s->volumes))
		return 0;
	compact_want(s->compact);
	return 1;
}

bool
refuse_waiting(struct nx_request *r, struct storaged *s, uint64_t user)
{
	uint64_t waiting;
	int e = quota_check_waiting(s, user, &waiting);

	if (e == 0)
		e = check_dead(s, user, &waiting);
	if (e < 0)
		nx_refuse_errno(r, e, "reading your account");
	if (e > 0) {
		collector_want(s->collector, user);
		r->retry_s = WAIT_S;
		nx_refuse(r, NX__STATUS__LIMIT,
		    "%s of what you deleted or replaced is still being freed, "
		    "or read by somebody: try again in %u seconds",
		    nx_size_format(waiting), WAIT_S);
	}
	return e != 0;
}
