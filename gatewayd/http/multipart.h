/*
 * multipart/form-data (RFC 7578), streamed: takes the body in whatever pieces it
 * comes and gives back events, so that a consumer who cannot go on (a full
 * pipe) simply does not ask for the next one. Never holds file content; a
 * part's header is bounded.
 */
#ifndef GW_MULTIPART_H
#define GW_MULTIPART_H

#include "gatewayd/http/digest.h"

#define MULTIPART_HEAD_MAX 4096U
#define MULTIPART_NAME_MAX 64U
#define MULTIPART_FILE_MAX 1024U

enum multipart_event {
	MULTIPART_MORE,     /* all input used */
	MULTIPART_PART,     /* a part begins: ->name, ->filename, ->digest */
	MULTIPART_DATA,     /* ->data: content of the part */
	MULTIPART_PART_END, /* the part is complete */
	MULTIPART_END,      /* the closing delimiter; the rest is ignored */
	MULTIPART_ERROR,    /* ->error; nothing more may be asked */
};

struct multipart {
	uint8_t state;
	char delimiter[80]; /* CR LF -- boundary */
	size_t delimiter_len;
	size_t match; /* bytes of the delimiter seen at the end of input */
	size_t ignored;
	size_t head_len;
	struct head_scan scan;
	char head[MULTIPART_HEAD_MAX];
	/* of the present part */
	char name[MULTIPART_NAME_MAX + 1];
	char filename[MULTIPART_FILE_MAX + 1];
	bool is_file; /* it has a file name */
	struct digest digest;
	struct http_span data;
	const struct http_error *error;
};

/* @type: the request's Content-Type. NULL, or why it cannot be read. */
const struct http_error *
multipart_init(struct multipart *m, struct http_span type);
/* Takes what the next event needs off the front of @in. */
enum multipart_event multipart_next(struct multipart *m, struct http_span *in);
/* The closing delimiter has been seen. */
bool multipart_done(const struct multipart *m);

#endif
