/*
 * Sending a file: read-only descriptors from storaged, window by window, to the
 * client with sendfile. While one window goes out the next is asked for, so
 * storaged verifies ahead of the network.
 */
#ifndef GW_DOWNLOAD_H
#define GW_DOWNLOAD_H

#include "gatewayd/routes/routes.h"

#define DOWNLOAD_TRIES 8U

/* Answers GET or HEAD with the raw file @id, or the file at @path: what is there
 * now, or, unless that is 0, its @version, or, unless that is NULL, what was there
 * in the @snapshot. */
void download_start(struct req *r, const char *id, const char *path,
    uint64_t version, const char *snapshot);

/* A file of which everything is known already. */
struct download_of {
	const char *id, *name, *etag, *type;
	const char *sha256; /* in hexadecimal, or empty */
	uint64_t size;
};

/*
 * Answers GET or HEAD with @file, whose strings are copied; @fields are further
 * lines of the reply's head, consumed. When it turns out to be gone before
 * anything of it was sent, @gone may find what is there now and call this again,
 * DOWNLOAD_TRIES times at most; NULL: 404.
 */
void download_known(struct req *r, const struct download_of *file,
    struct buf *fields, req_fn *gone);

#endif
