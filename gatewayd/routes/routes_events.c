/*
 * /api/fs/events: what has changed. A page of JSON, or, for who accepts
 * text/event-stream, a stream without end (the HTML standard's server-sent
 * events), whose ids are cursors: who comes back with Last-Event-ID goes on where
 * they were.
 *
 * A stream is one question to storaged after another, each of which waits there
 * for a while: nothing waits here. The next is asked when the client has taken
 * what the last one brought, so a stream holds one page at most, however slow its
 * client is. An answer with nothing in it is a line that keeps what is in between
 * awake, and finds out whose client has gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/route.h"
#include "gatewayd/shares.h"
#include "proto/events.rpc.h"

#define STREAM_WAIT_S 15U /* between two signs of life */
#define WAIT_MAX      60U
#define STREAMS_USER  8U /* that wait, at once */
#define CALL_MORE_S   10U

struct stream {
	struct req *req;
	struct share *holder; /* of a place among those that wait; NULL: none */
	bool events;          /* server-sent; else one page */
	bool over;            /* what is there, and then the end */
	bool waiting;         /* the call under way may take long */
	uint64_t limit, wait;
	char since[65];
};

static void
stream_free(void *state)
{
	struct stream *s = state;
	struct shares *shares = s->req->gw->shares;

	share_give(shares, s->holder, SHARE_STREAMS, s->holder != NULL);
	shares_put(shares, s->holder);
	free(s);
}

/* One user has a few, and never all of them. False: the request has ended. */
static bool
take_place(struct stream *s)
{
	struct req *r = s->req;
	struct shares *shares = r->gw->shares;

	if (r->user->held[SHARE_STREAMS] >= STREAMS_USER ||
	    !share_is_fair(
		shares, r->user, SHARE_STREAMS, r->gw->conf->max_streams)) {
		r->retry_s = STREAM_WAIT_S;
		req_fail(r, 429, "limit",
		    "You have as many streams of events, or requests that "
		    "wait for some, as you may (%u, or fewer in a crowd): end "
		    "one first.",
		    STREAMS_USER);
		return false;
	}
	s->holder = shares_get(shares, r->user->family, r->user->key);
	share_take(shares, s->holder, SHARE_STREAMS, 1);
	return true;
}

/* --- events as JSON ---------------------------------------------------------*/

static void
add_key(struct buf *b, ProtobufCBinaryData key)
{
	char hex[2 * 1024 + 1];

	json_bytes(b, "key", (const char *)key.data, key.len);
	nx_assert(key.len < sizeof(hex) / 2);
	for (size_t i = 0; i < key.len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", key.data[i]);
	hex[2 * key.len] = '\0';
	/* Bytes that are no text cannot be in JSON. */
	json_string(b, "key_hex", hex);
}

static void
add_text(struct buf *b, const char *name, const char *value)
{
	if (*value)
		json_string(b, name, value);
}

static void
json_event(struct buf *b, const Nx__EventInfo *e)
{
	json_open(b, NULL, '{');
	json_string(b, "cursor", e->cursor);
	json_string(b, "change", e->change);
	json_string(b, "type", e->kind);
	json_uint(b, "at", e->at);
	json_uint(b, "user", e->user);
	add_text(b, "path", e->path);
	add_text(b, "old_path", e->old_path);
	add_text(b, "bucket", e->bucket);
	if (e->key.len > 0)
		add_key(b, e->key);
	add_text(b, "version", e->version);
	add_text(b, "id", e->id);
	json_uint(b, "size", e->size);
	add_text(b, "etag", e->etag);
	json_close(b, '}');
}

/* --- a page -----------------------------------------------------------------*/

static void
reply_events(struct req *r, const Nx__EventsReply *m)
{
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_open(&b, "events", '[');
	for (size_t i = 0; i < m->n_events; i++)
		json_event(&b, m->events[i]);
	json_close(&b, ']');
	json_string(&b, "next", m->next);
	json_bool(&b, "more", m->more);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

/* --- a stream ---------------------------------------------------------------*/

static req_fn ask;

static void
add_event(struct buf *b, const Nx__EventInfo *e)
{
	buf_printf(b, "id: %s\nevent: %s\ndata: ", e->cursor, e->change);
	b->comma = false;
	json_event(b, e);
	buf_text(b, "\n\n");
}

/* False: the request has ended. */
static bool
send_events(struct req *r, const Nx__EventsReply *m)
{
	struct buf b = {0};
	bool well;

	if (r->x.status == 0) {
		if (!exchange_begin(&r->x, 200, "text/event-stream",
			"Cache-Control: no-store\r\n"
			"X-Accel-Buffering: no\r\n",
			EXCHANGE_CHUNKED))
			return false;
		/* From where it is, though nothing comes for long. */
		buf_printf(&b, "retry: 2000\nid: %s\n\n",
		    m->n_events ? m->events[0]->cursor : m->next);
	}
	for (size_t i = 0; i < m->n_events; i++)
		add_event(&b, m->events[i]);
	if (b.len == 0)
		buf_text(&b, ":\n\n");
	well = reply_chunk(r, &b);
	buf_fini(&b);
	return well;
}

/* What was asked for is not known any more: said in the stream, and who comes
 * back is told again. */
static void
say_gone(struct req *r, const char *why)
{
	struct buf b = {0};

	buf_text(&b, "event: gone\ndata: ");
	json_open(&b, NULL, '{');
	json_string(&b, "error", why);
	json_close(&b, '}');
	buf_text(&b, "\n\n");
	if (reply_chunk(r, &b))
		exchange_finish(&r->x);
	buf_fini(&b);
}

static void
go_on(struct req *r)
{
	const struct stream *s = r->state;

	if (s->over || exchange_draining(&r->x))
		exchange_finish(&r->x);
	else if (exchange_pending(&r->x))
		exchange_want(&r->x); /* then it is asked for more */
	else
		ask(r);
}

static void
on_events(struct req *r, const struct nx_reply *reply)
{
	const Nx__EventsReply *m = nx_as_events_reply(reply->body);
	struct stream *s = r->state;

	if (reply->status == NX__STATUS__GONE && r->x.status != 0) {
		say_gone(r, reply->error);
		return;
	}
	if (reply->status != NX__STATUS__OK) {
		req_fail_status(r, reply->status, reply->error);
		return;
	}
	if (!s->events) {
		reply_events(r, m);
		return;
	}
	(void)snprintf(s->since, sizeof(s->since), "%s", m->next);
	if (send_events(r, m))
		go_on(r);
}

/* The first answer of a stream comes at once: it may be a refusal. */
static uint64_t
wait_of(const struct req *r)
{
	const struct stream *s = r->state;

	if (s->over || exchange_draining(&r->x))
		return 0;
	if (!s->events)
		return s->wait;
	return r->x.status == 0 ? 0 : STREAM_WAIT_S;
}

static void
ask(struct req *r)
{
	Nx__EventsRequest m = NX__EVENTS_REQUEST__INIT;
	struct req_call_opts opts = {.again = ask, .errors = true};
	struct stream *s = r->state;

	m.since = s->since;
	m.limit = (uint32_t)s->limit;
	m.wait = (uint32_t)wait_of(r);
	s->waiting = m.wait > 0;
	opts.timeout_s = m.wait + CALL_MORE_S;
	req_call(r, nx_ask_fs_events(&m), &opts, on_events);
}

/* Half a connection is not worth a place: a sign of life finds out who has gone,
 * long before the next one is due. */
static void
quiet(struct req *r)
{
	struct buf b = {0};

	if (exchange_pending(&r->x))
		return;
	buf_text(&b, ":\n\n");
	(void)reply_chunk(r, &b);
	buf_fini(&b);
}

/* The server stops: nobody waits any more. */
static void
drain(struct req *r)
{
	struct stream *s = r->state;

	if (s->over)
		return;
	s->over = true;
	if (!r->call || !s->waiting)
		return;
	nx_call_cancel(nx_take_ptr(r->call));
	if (s->events && r->x.status != 0)
		exchange_finish(&r->x);
	else
		ask(r);
}

static const struct req_ops stream_ops = {
    .writable = go_on,
    .quiet = quiet,
    .drain = drain,
    .free = stream_free,
};

/* --- what is asked for ------------------------------------------------------*/

/* Does the client say that it takes server-sent events? */
static bool
accepts_events(const struct req *r)
{
	static const char type[] = "text/event-stream";
	struct http_span accept = r->x.head.field[HEAD_ACCEPT];

	for (size_t i = 0; i + sizeof(type) - 1 <= accept.len; i++)
		if (http_span_is(
			(struct http_span){accept.p + i, sizeof(type) - 1},
			type))
			return true;
	return false;
}

/* A client that comes back says so in its head, whatever its address says. A
 * stream begins now, if nothing else was said. */
static bool
read_since(struct req *r, struct stream *s)
{
	struct http_span last = r->x.head.field[HEAD_LAST_EVENT_ID];
	const char *text = uri_param(&r->uri, "since");

	if (!text)
		text = s->events ? "now" : "";
	if (!s->events || !last.p || last.len == 0)
		last = (struct http_span){text, strlen(text)};
	if (last.len >= sizeof(s->since)) {
		req_fail(r, 400, "invalid", "This is no cursor.");
		return false;
	}
	memcpy(s->since, last.p, last.len);
	return true;
}

static void
fs_events(struct req *r)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	s->req = r;
	r->state = s;
	r->ops = &stream_ops;
	s->events = accepts_events(r);
	if (!req_number(r, "limit", 100, &s->limit) ||
	    !req_number(r, "wait", WAIT_MAX, &s->wait) || !read_since(r, s))
		return;
	/* Of a stream a HEAD is the beginning. */
	if (((s->events && !req_is_head(r)) || s->wait > 0) && !take_place(s))
		return;
	ask(r);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/fs/events", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_events, "since limit wait"},
};
const struct route_table events_routes = {rows, NX_ARRAY_SIZE(rows)};
