/*
 * Small uploads: content whose length is announced, and is small, is gathered
 * here, and storaged gets it in one call; no pipe, no place among the uploads
 * that are sent slowly. What is gathered is bounded for each client and for all:
 * who finds no room sends through a pipe, as the large do.
 */
#ifndef GW_SMALL_H
#define GW_SMALL_H

#include "gatewayd/routes/routes.h"
#include "proto/storage.pb-c.h"

#define SMALL_MAX     (256U << 10) /* as storaged takes it */
#define SMALL_MESSAGE (48U << 10)  /* in the message, above in a memfd */
#define SMALL_ALL     (16U << 20)  /* gathered at once, of all clients */

struct small {
	char *data; /* NULL: nothing is gathered */
	size_t len, size;
	struct share *holders[2]; /* of the memory: user and address */
};

/* Takes memory for the whole body of @r. False: it is not small, its length is
 * not announced, the client waits to be asked for it, or there is no room. */
bool small_begin(struct small *s, struct req *r);
void small_fini(struct small *s, struct req *r);
/* Never more than what was announced. */
void small_add(struct small *s, const char *data, size_t len);
/*
 * All has come: asks storaged to make it the file that @m describes but for its
 * content. @again as in req_call_opts: calls this again.
 */
void small_send(struct small *s, struct req *r, Nx__PutRequest *m,
    struct digest *digest, struct about *about, req_fn *again,
    req_reply_fn *fn);

#endif
