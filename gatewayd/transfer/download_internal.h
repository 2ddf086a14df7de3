/* Between download.c, which sends, and download_start.c, which decides what. */
#ifndef GW_DOWNLOAD_INTERNAL_H
#define GW_DOWNLOAD_INTERNAL_H

#include "gatewayd/transfer/download.h"
#include "proto/storage.pb-c.h"

#define SEGMENTS 4U /* of a window; the first have fewer, to be quick */

struct window {
	int fd[SEGMENTS];
	uint64_t offset[SEGMENTS], length[SEGMENTS];
	size_t n, at;
};

struct download {
	struct req *req;
	uint64_t session; /* storaged keeps the file as it is; 0: no need */
	char id[33];
	char path[4097];
	uint64_t version;  /* of path; 0: what is there now */
	char snapshot[65]; /* or of path in that */
	char name[256];
	char etag[65];
	char type[256];
	struct buf more; /* fields of the reply's head */
	uint64_t size;
	uint64_t asked; /* everything before it is in a window, or sent */
	uint64_t end;   /* of what is to be sent */
	uint64_t first;
	bool partial;
	bool known;   /* size, name and etag are */
	req_fn *gone; /* who finds another in its place; or NULL */
	unsigned tries;
	uint32_t segments; /* of the window that is asked for next */
	struct window now, next;
};

extern const struct req_ops download_ops;

void download_learn(struct download *d, uint64_t size, const char *id,
    const char *name, const char *etag, const char *sha256,
    const Nx__About *about);
/* Asks for the next window; the first one begins the reply. */
req_fn download_ask;
/* Sends the head, and what is there. */
req_fn download_begin;

#endif
