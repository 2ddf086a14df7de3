/*
 * PUT: the request's body is the content. With a Content-Length it goes from the
 * socket into storaged's pipe with splice(2) and never comes by here.
 *
 * What the content becomes (a file, an object, a part, more of an upload) is a
 * put_kind's: it asks for the pipe, and says what came of it.
 */
#ifndef GW_PUT_H
#define GW_PUT_H

#include "gatewayd/transfer/small.h"
#include "gatewayd/transfer/upload.h"

/* What it takes of the request's head; the rest is refused, not ignored. */
#define PUT_ABOUT  1U /* X-Nexus-Meta-NAME, X-Nexus-Mtime */
#define PUT_DIGEST 2U /* Content-MD5 and its like */
#define PUT_KEEPS  4U /* what came counts, though the rest never comes */

struct put_kind {
	unsigned takes;
	/* Asks for the pipe: upload_ask() with put_opened, itself as again. */
	req_fn *open;
	/* All of it is here, put->small has it: small_send(). NULL: it goes
	 * through the pipe, however small. */
	req_fn *small;
	req_reply_fn *done; /* it is stored; replies */
	void (*free)(void *own);
};

struct put {
	struct upload upload;  /* first: req_upload() */
	struct http_span left; /* read, not taken by the pipe yet */
	struct small small;    /* in place of the pipe */
	const struct put_kind *kind;
	void *own; /* the kind's */
};

static inline struct put *
req_put(struct req *r)
{
	return r->state;
}

/* Takes the body of @r; @own is consumed, whatever happens, and given to
 * kind->free() in the end. */
void put_begin(struct req *r, const struct put_kind *kind, void *own);
req_fn put_opened;

/* A raw file @name, or the file at @path of the user's tree. */
void put_start(struct req *r, const char *name, const char *path);

#endif
