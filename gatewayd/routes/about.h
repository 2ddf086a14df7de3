/* What a client says of a file beside its content: in fields of requests and
 * replies, and in JSON. */
#ifndef GW_ABOUT_H
#define GW_ABOUT_H

#include "gatewayd/http/http.h"
#include "gatewayd/routes/buf.h"
#include "proto/storage.pb-c.h"

#define ABOUT_TIME 32U /* of a time as text */

/* Points into itself and into the head: not to be copied. */
struct about {
	Nx__About message;
	Nx__MetaItem items[HEAD_META_MAX], *list[HEAD_META_MAX];
	char *text;   /* from malloc: all strings */
	size_t bytes; /* of it */
};

/* From Content-Type (if @typed: of the file, not of a form), X-Nexus-Mtime and
 * X-Nexus-Meta-NAME. NULL, or what is wrong with them. To be ended in any case;
 * zeros may be. */
const struct http_error *
about_of(struct about *a, const struct http_head *head, bool typed);
void about_fini(struct about *a);

/* A time (nanoseconds since 1970) as X-Nexus-Mtime has it. */
void about_time(int64_t mtime, char text[ABOUT_TIME]);

/* Adds fields of a reply: Last-Modified, X-Nexus-Mtime, X-Nexus-Meta-NAME. */
void about_headers(struct buf *b, const Nx__About *m);
/* Adds members: content_type, mtime, metadata, as far as they were told. */
void about_json(struct buf *b, const Nx__About *m);

#endif
