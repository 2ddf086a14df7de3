/*
 * Lists of any length. A list that fits one page goes out with its length;
 * longer ones are chunked.
 *
 * A page is asked for (a call is under way), then written and sent; the next one
 * is asked for when the client has taken it. What a list costs is one page in
 * memory, however long the list and however slow the client.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/page.h"

struct page {
	page_ask_fn *ask;
	struct buf buf;
	char next[4352]; /* the cursor of the page asked for */
	bool begun;      /* the head of the reply is sent */
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

static const struct req_ops page_ops = {
    .writable = page_again, /* the client took the last one */
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

void
page_done(struct req *r, const char *next)
{
	struct page *p = r->state;
	bool last = *next == '\0';

	nx_assert(!r->x.ended && !r->call);

	if (last)
		json_close(&p->buf, ']');
	if (last && !p->begun) {
		struct buf whole = p->buf;

		p->buf = (struct buf){0};
		reply_json(r, 200, &whole);
		return;
	}
	/* A cursor that does not move would go round for ever. */
	if (strlen(next) >= sizeof(p->next) ||
	    (!last && strcmp(next, p->next) == 0)) {
		req_fail_status(
		    r, NX__STATUS__INTERNAL, "The list cannot be continued.");
		return;
	}
	strcpy(p->next, next);
	if (!p->begun &&
	    !exchange_begin(&r->x, 200, "application/json",
		"Cache-Control: no-store\r\n", EXCHANGE_CHUNKED))
		return;
	p->begun = true;
	if (!reply_chunk(r, &p->buf))
		return;
	if (last)
		exchange_finish(&r->x);
	else
		exchange_want(&r->x);
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
