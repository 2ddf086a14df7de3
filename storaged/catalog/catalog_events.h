/*
 * What has changed, for those who keep up with it: a log of each user's own, in
 * which every change of a tree, of raw files and of buckets is written by the
 * transaction that makes it. Part of the catalogue's door (catalog.h).
 *
 * A user's log is a row of numbers, one up each time. It is bounded by itself: a
 * user's changes push out nobody else's. The last one stays whatever its age, so
 * numbers never begin again.
 */
#ifndef STORAGED_CATALOG_EVENTS_H
#define STORAGED_CATALOG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;

enum catalog_change {
	CATALOG_EVENT_CREATED, /* where nothing was */
	CATALOG_EVENT_CHANGED, /* something else is there now */
	CATALOG_EVENT_DELETED, /* with all below it */
	CATALOG_EVENT_MOVED, /* with all below it, and in place of what was there */
	CATALOG_EVENT_PURGED, /* a version that was not the current one is gone */
	CATALOG_CHANGES
};

enum catalog_thing {
	CATALOG_THING_FILE,
	CATALOG_THING_FOLDER,
	CATALOG_THING_RAW,
	CATALOG_THING_OBJECT,
	CATALOG_THING_BUCKET,
	CATALOG_THINGS
};

/* All pointers are borrowed; NULL where there is no such thing. */
struct catalog_event {
	uint64_t seq, at; /* filled in; unix seconds */
	enum catalog_change change;
	enum catalog_thing thing;
	const char *place; /* a path, a raw file's name, an object's key */
	size_t place_len;
	const char *old;     /* the path before, of what was moved */
	const char *bucket;  /* its name */
	const char *version; /* of an object, where versions are kept */
	const char *id;      /* of the file; of a deleted one what it was */
	const char *etag;
	uint64_t size; /* of a folder: of all that is below it */
};

/* The first and the last number there is; zeros: nothing ever happened. 0 or
 * -errno. */
int catalog_events_span(
    struct catalog *c, uint64_t user, uint64_t *ret_first, uint64_t *ret_last);
/* Those after @after, in order, until @each returns false. 0 or -errno. */
int catalog_events_read(struct catalog *c, uint64_t user, uint64_t after,
    bool (*each)(const struct catalog_event *e, void *arg), void *arg);

/* So many of a user are kept from now on. */
void catalog_events_keep(struct catalog *c, uint64_t rows);
/* @told is called inside a write that something of @user is in; it may be undone
 * yet, and if it is not it is to be read in the loop's next turn. */
void catalog_events_watch(
    struct catalog *c, void (*told)(uint64_t user, void *arg), void *arg);

/* Takes away a bounded part of what is older than @before, or more than is kept,
 * as catalog_reap does. Begins with @user 0; @more: there is a next step. */
struct catalog_events_trim {
	uint64_t before; /* unix seconds */
	uint64_t user;   /* in and out: whose turn it is */
	bool more;
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_events_trim(struct catalog *c, struct catalog_events_trim *op);

#endif
