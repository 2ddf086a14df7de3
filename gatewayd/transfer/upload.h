/*
 * The gateway's half of an upload: a pipe whose other end storaged reads. What
 * is written into it becomes a file when FINISH says so, and nothing otherwise:
 * whatever ends the request before that, closes the pipe and says ABORT.
 */
#ifndef GW_UPLOAD_H
#define GW_UPLOAD_H

#include <event2/event_struct.h>

#include "gatewayd/routes/routes.h"
#include "proto/storage.pb-c.h"

struct upload {
	struct req *req;
	uint64_t id;
	bool open;  /* storaged knows it */
	bool keeps; /* what came counts: it is finished, never aborted */
	struct share *holders[2]; /* of its place: user and address */
	int pipe;
	bool waiting; /* the pipe is full, or its opening is under way */
	struct event writable;
	uint64_t max; /* bytes that fit the quota */
	uint64_t written;
	struct digest digest; /* what the client says it is; set it first */
	struct redundancy
	    redundancy; /* how often it is to be there; set it first, */
	struct condition condition; /* and that of writing it, */
	struct about about;         /* and what it says of it */
	char *path; /* learnt after opening: FINISH says it; or NULL */
	req_fn *on_open, *on_room;
	req_reply_fn *on_finished;
};

/* Whoever uploads begins its r->state with its struct upload. */
static inline struct upload *
req_upload(struct req *r)
{
	return r->state;
}

/* @on_room: called when there is room in the pipe again. */
void upload_init(struct upload *u, struct req *r, req_fn *on_room);
void upload_fini(struct upload *u); /* aborts what is open */

/* Takes a place, if that leaves others theirs (429), and asks storaged; @on_open
 * runs when the pipe is there, anything else ends the
 * request. @again as in req_call_opts: calls this again. */
void upload_open(
    struct upload *u, Nx__OpenUploadRequest *m, req_fn *again, req_fn *on_open);

/* The same for what is asked with @ask and answered with a pipe as FILE_OPEN_UPLOAD
 * is; u->digest, ->condition and ->about are its own to fill in. */
void
upload_ask(struct upload *u, struct nx_ask ask, req_fn *again, req_fn *on_open);

enum upload_result {
	UPLOAD_OK,    /* *ret_n bytes taken, not 0 */
	UPLOAD_FULL,  /* wait: on_room will be called */
	UPLOAD_EMPTY, /* nothing to read: wait, on_room is called then, too */
	UPLOAD_EOF,   /* the client is done, and this was too little */
	UPLOAD_ENDED, /* the request has ended */
};
enum upload_result
upload_write(struct upload *u, const char *data, size_t len, size_t *ret_n);
/* The next piece of the body, as exchange_read() does; OK also when the body is
 * over, with nothing. */
enum upload_result upload_read(struct upload *u, struct http_span *ret_content);
/* From the client's socket, at most @len, while exchange_splices(). */
enum upload_result upload_splice(struct upload *u, size_t len);

/* The content is larger than u->max: ends the request. */
void upload_refuse_quota(struct upload *u);

/* All content is in the pipe: closes it and asks storaged to make it a file. */
void upload_finish(struct upload *u, req_reply_fn *on_finished);

#endif
