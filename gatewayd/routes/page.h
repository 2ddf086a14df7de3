/*
 * Lists of any length, answered page by page as a JSON array: the next page is
 * asked for when the client has taken the one before, so that no list is ever in
 * memory whole.
 */
#ifndef GW_PAGE_H
#define GW_PAGE_H

#include "gatewayd/routes/req.h"

/* Asks for the page behind @cursor ("": the first), with page_again to repeat
 * it; the reply goes to page_buf() and page_done(). */
typedef void page_ask_fn(struct req *r, const char *cursor);

/* Starts a list; asks for its first page. */
void page_begin(struct req *r, page_ask_fn *ask);
/* Asks once more for the page asked for last. */
req_fn page_again;
/* Where the elements of a page go; call page_done() behind the last. */
struct buf *page_buf(struct req *r);
/* Before the elements of a long list's page are written: asks for the one at
 * @next, as given to page_done() then, if the client has taken all before, so that
 * both daemons work at once. False: the request has ended. */
bool page_ahead(struct req *r, const char *next);
/* @next: the cursor of the page after this one; empty: the end. */
void page_done(struct req *r, const char *next);

/* One page alone, whose elements are in @body (consumed); @next, if not empty, goes
 * into X-Nexus-Next, percent-encoded. */
void page_reply(struct req *r, struct buf *body, const char *next);

#endif
