/*
 * Pages of what has changed. A cursor is the number of an event with the
 * beginning of the catalogue's id before it: a catalogue that was made anew from
 * its copies has another id, for it may lack what somebody has been told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/events/events_internal.h"
#include "proto/serve_storaged.h"

#define PAGE_MAX    100U
#define PAGE_BYTES  48000U /* one event at least fits a frame */
#define EVENT_BYTES 320U   /* beside path, old path and key */
#define WAIT_MAX    60U    /* seconds */

static const char *const changes[CATALOG_CHANGES] = {
    [CATALOG_EVENT_CREATED] = "created",
    [CATALOG_EVENT_CHANGED] = "changed",
    [CATALOG_EVENT_DELETED] = "deleted",
    [CATALOG_EVENT_MOVED] = "moved",
    [CATALOG_EVENT_PURGED] = "purged",
};
static const char *const things[CATALOG_THINGS] = {
    [CATALOG_THING_FILE] = "file",
    [CATALOG_THING_FOLDER] = "folder",
    [CATALOG_THING_RAW] = "raw",
    [CATALOG_THING_OBJECT] = "object",
    [CATALOG_THING_BUCKET] = "bucket",
};

/* --- cursors ----------------------------------------------------------------*/

static int
read_epoch(struct storaged *s, uint32_t *ret_epoch)
{
	struct catalog_point point;
	int r = catalog_point(s->catalog, &point);

	if (r == 0)
		memcpy(ret_epoch, point.id, sizeof(*ret_epoch));
	return r;
}

static void
format_cursor(uint32_t epoch, uint64_t seq, char ret_text[EVENTS_CURSOR])
{
	(void)snprintf(
	    ret_text, EVENTS_CURSOR, "%08" PRIx32 "-%" PRIu64, epoch, seq);
}

/* Only what was made by format_cursor is one. */
static bool
parse_cursor(const char *text, uint32_t *ret_epoch, uint64_t *ret_seq)
{
	char again[EVENTS_CURSOR], *end;
	unsigned long epoch = strtoul(text, &end, 16);
	uint64_t seq;

	if (*end != '-' || epoch > UINT32_MAX)
		return false;
	seq = strtoull(end + 1, NULL, 10);
	format_cursor((uint32_t)epoch, seq, again);
	if (strcmp(again, text) != 0)
		return false;
	*ret_epoch = (uint32_t)epoch;
	*ret_seq = seq;
	return true;
}

static void
refuse_gone(struct nx_request *r)
{
	nx_refuse(r, NX__STATUS__GONE,
	    "what has changed since this cursor is not known any more: ask "
	    "for since=now, list everything anew, and go on from there");
}

/* What was cut off is the beginning of the log. */
static bool
is_known(uint64_t after, uint64_t first, uint64_t last)
{
	return after <= last && after + 1 >= first;
}

static int
refuse_wrong(struct nx_request *r, const Nx__EventsRequest *q)
{
	if (q->wait > WAIT_MAX)
		nx_refuse(r, NX__STATUS__INVALID,
		    "one may wait for at most %u seconds: ask again then",
		    WAIT_MAX);
	else if (q->limit > PAGE_MAX)
		nx_refuse(r, NX__STATUS__INVALID,
		    "a page has at most %u events: ask for the next one too",
		    PAGE_MAX);
	else
		return 0;
	return -1;
}

int
events_read_request(struct storaged *s, struct nx_request *r,
    const Nx__EventsRequest *q, struct events_wanted *ret_wanted)
{
	struct events_wanted w = {
	    .user = r->who.user_id, .limit = q->limit ? q->limit : PAGE_MAX};
	uint64_t first, last;
	uint32_t epoch, ours = 0;
	int e;

	if (refuse_wrong(r, q) != 0)
		return -1;
	e = read_epoch(s, &ours);
	if (e == 0)
		e = catalog_events_span(s->catalog, w.user, &first, &last);
	if (e < 0) {
		nx_refuse_errno(r, e, "reading what has changed");
		return -1;
	}
	if (strcmp(q->since, "now") == 0) {
		w.after = last;
	} else if (q->since[0] == '\0') {
		w.after = first ? first - 1 : 0;
	} else if (!parse_cursor(q->since, &epoch, &w.after)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "this is no cursor: it is what the page before said to go "
		    "on with, or now, or left out");
		return -1;
	} else if (epoch != ours || !is_known(w.after, first, last)) {
		refuse_gone(r);
		return -1;
	}
	*ret_wanted = w;
	return 0;
}

int
events_any(struct storaged *s, const struct events_wanted *w)
{
	uint64_t first, last;
	int r = catalog_events_span(s->catalog, w->user, &first, &last);

	return r < 0 ? r : last > w->after;
}

/* --- a page -----------------------------------------------------------------*/

struct row {
	Nx__EventInfo info;
	char cursor[EVENTS_CURSOR];
	char *text; /* from malloc: all that the info points to */
};

struct page {
	const struct events_wanted *wanted;
	uint32_t epoch;
	size_t n, bytes;
	uint64_t last;
	bool more;
	int error;
	struct row rows[PAGE_MAX];
	Nx__EventInfo *pointers[PAGE_MAX];
};

static char empty[] = "";

/* @len bytes of @from go to **at, with a NUL behind. */
static char *
put_text(char **at, const char *from, size_t len)
{
	char *text = *at;

	if (!from)
		return empty;
	memcpy(text, from, len);
	text[len] = '\0';
	*at += len + 1;
	return text;
}

static size_t
len_of(const char *text)
{
	return text ? strlen(text) : 0;
}

/* False: out of memory. */
static bool
fill(struct row *row, const struct catalog_event *e)
{
	Nx__EventInfo *info = &row->info;
	bool key = e->thing == CATALOG_THING_OBJECT;
	char *at = malloc(e->place_len + len_of(e->old) + len_of(e->bucket) +
	    len_of(e->version) + len_of(e->id) + len_of(e->etag) + 6);
	char *place;

	if (!at)
		return false;
	row->text = at;
	nx__event_info__init(info);
	info->cursor = row->cursor;
	info->change = (char *)(uintptr_t)changes[e->change];
	info->kind = (char *)(uintptr_t)things[e->thing];
	info->at = e->at;
	info->size = e->size;
	place = put_text(&at, e->place ? e->place : "", e->place_len);
	info->path = key ? empty : place;
	if (key)
		info->key = (ProtobufCBinaryData){
		    .data = (uint8_t *)place, .len = e->place_len};
	info->old_path = put_text(&at, e->old, len_of(e->old));
	info->bucket = put_text(&at, e->bucket, len_of(e->bucket));
	info->version = put_text(&at, e->version, len_of(e->version));
	info->id = put_text(&at, e->id, len_of(e->id));
	info->etag = put_text(&at, e->etag, len_of(e->etag));
	return true;
}

static bool
take(const struct catalog_event *e, void *arg)
{
	struct page *p = arg;
	struct row *row = &p->rows[p->n];
	size_t bytes = EVENT_BYTES + e->place_len + len_of(e->old);

	if (p->n == p->wanted->limit || p->bytes + bytes > PAGE_BYTES) {
		p->more = true;
		return false;
	}
	if (!fill(row, e)) {
		p->error = -ENOMEM;
		return false;
	}
	format_cursor(p->epoch, e->seq, row->cursor);
	row->info.user = p->wanted->user;
	p->pointers[p->n++] = &row->info;
	p->bytes += bytes;
	p->last = e->seq;
	return true;
}

static void
page_free(struct page *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->rows[i].text);
	free(p);
}

void
events_answer(
    struct storaged *s, struct nx_request *r, const struct events_wanted *w)
{
	Nx__EventsReply reply = NX__EVENTS_REPLY__INIT;
	struct page *p = calloc(1, sizeof(*p));
	char next[EVENTS_CURSOR];
	int e;

	if (!p) {
		nx_refuse_errno(r, -ENOMEM, "reading what has changed");
		return;
	}
	p->wanted = w;
	p->last = w->after;
	e = read_epoch(s, &p->epoch);
	if (e == 0)
		e = catalog_events_read(s->catalog, w->user, w->after, take, p);
	if (e == 0)
		e = p->error;
	if (e < 0) {
		nx_refuse_errno(r, e, "reading what has changed");
	} else {
		format_cursor(p->epoch, p->last, next);
		reply.n_events = p->n;
		reply.events = p->pointers;
		reply.next = next;
		reply.more = p->more;
		nx_answer_fs_events(r, &reply);
	}
	page_free(p);
}
