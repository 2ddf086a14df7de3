/*
 * Lists of any length. A list that fits one page goes out with its length;
 * longer ones are chunked.
 *
 * A page is asked for (a call is under way), then written and sent. The next one
 * is asked for when the client has taken the one before; so while one is on its
 * way there, another can be on its way here, and waits (held) until the client
 * has taken that. What a list costs is two pages in memory, however long the list
 * and however slow the client.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/page.h"

struct page {
	page_ask_fn *ask;
	struct buf buf;
	char next[4352]; /* the cursor of the page asked for last, or next */
	bool begun;      /* the head of the reply is sent */
	bool ahead;      /* it has been asked for while the last is written */
	bool held;       /* a page in buf waits for the client */
	bool last;       /* and there is none behind it */
};

static void
page_free(void *state)
{
	struct page *p = state;

	buf_fini(&p->buf);
	free(p);
}

void
page_again(struct req *r)
{
	struct page *p = r->state;

	p->ask(r, p->next);
}

static void go_on(struct req *r);

static const struct req_ops page_ops = {
    .writable = go_on, /* the client took what was sent */
    .free = page_free,
};

void
page_begin(struct req *r, page_ask_fn *ask)
{
	struct page *p = calloc(1, sizeof(*p));

	if (!p) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	p->ask = ask;
	r->ops = &page_ops;
	r->state = p;
	json_open(&p->buf, NULL, '[');
	ask(r, "");
}

struct buf *
page_buf(struct req *r)
{
	struct page *p = r->state;

	return &p->buf;
}

/* False: the request has ended. A cursor that does not move would go round for
 * ever. */
static bool
set_next(struct req *r, const char *next)
{
	struct page *p = r->state;

	p->last = *next == '\0';
	if (strlen(next) >= sizeof(p->next) ||
	    (!p->last && strcmp(next, p->next) == 0)) {
		req_fail_status(
		    r, NX__STATUS__INTERNAL, "The list cannot be continued.");
		return false;
	}
	strcpy(p->next, next);
	return true;
}

bool
page_ahead(struct req *r, const char *next)
{
	struct page *p = r->state;

	nx_assert(!r->x.ended && !r->call && !p->ahead && !p->held);
	if (*next == '\0' || exchange_pending(&r->x))
		return true;
	if (!set_next(r, next))
		return false;
	p->ahead = true;
	p->ask(r, p->next);
	return !r->x.ended;
}

/* What is in buf; false: the exchange has ended. */
static bool
send_page(struct req *r)
{
	struct page *p = r->state;

	p->held = false;
	if (!p->begun &&
	    !exchange_begin(&r->x, 200, "application/json",
		"Cache-Control: no-store\r\n", EXCHANGE_CHUNKED))
		return false;
	p->begun = true;
	return reply_chunk(r, &p->buf);
}

/* As far as the client lets it: writable() comes when that is not all. */
static void
go_on(struct req *r)
{
	struct page *p = r->state;

	if (p->held && (exchange_pending(&r->x) || !send_page(r)))
		return;
	if (p->last)
		exchange_finish(&r->x);
	else if (!r->call && !exchange_pending(&r->x))
		p->ask(r, p->next);
}

void
page_done(struct req *r, const char *next)
{
	struct page *p = r->state;

	nx_assert(!r->x.ended && !p->held && (p->ahead || !r->call));
	if (!p->ahead && !set_next(r, next))
		return;
	p->ahead = false;
	if (p->last)
		json_close(&p->buf, ']');
	if (p->last && !p->begun) {
		struct buf whole = p->buf;

		p->buf = (struct buf){0};
		reply_json(r, 200, &whole);
		return;
	}
	p->held = true;
	go_on(r);
}

/* --- one page ---------------------------------------------------------------*/

static void
add_next(struct buf *b, const char *next)
{
	buf_text(b, "X-Nexus-Next: ");
	buf_percent(b, next, strlen(next));
	buf_text(b, "\r\n");
}

void
page_reply(struct req *r, struct buf *body, const char *next)
{
	struct buf head = {0};

	buf_text(&head, "Cache-Control: no-store\r\n");
	if (*next)
		add_next(&head, next);
	buf_add(&head, "", 1);
	if (head.failed || body->failed)
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
	else
		exchange_answer(&r->x, 200, "application/json", head.data,
		    body->data, body->len);
	buf_fini(&head);
	buf_fini(body);
}
