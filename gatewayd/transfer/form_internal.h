/*
 * Between form.c, which takes a form apart, and form_place.c, which knows where
 * the file in it goes.
 */
#ifndef GW_FORM_INTERNAL_H
#define GW_FORM_INTERNAL_H

#include "gatewayd/transfer/small.h"
#include "gatewayd/transfer/upload.h"

#define FORM_PATH_MAX  4096U
#define FORM_NAME_MAX  255U
#define FORM_OTHER_MAX 65536U /* all fields but the file, and their headers */

struct form {
	struct upload upload; /* first: req_upload() */
	struct multipart parts;
	struct http_span payload; /* content, not parsed yet */
	struct http_span left;    /* of the file, not taken by the pipe yet */
	struct small small;       /* in place of the pipe */
	bool tree;
	bool in_file; /* the present part is the file */
	bool in_path;
	bool has_file;  /* its part has begun */
	bool placed;    /* storaged knows the path */
	uint64_t other; /* bytes of fields */
	size_t path_len;
	char path[FORM_PATH_MAX + 1]; /* the field, or the query's */
	char name[FORM_NAME_MAX + 1]; /* of the file */
};

/* The file's part has begun. True: it is gathered, go on. False: a pipe is asked
 * for, form_pump() goes on when it is there; or the request has ended, and @f is
 * no more. */
bool form_begin_file(struct form *f);
/* The body is over, and there was a file: makes it one, and replies. */
void form_finish(struct form *f);

/* form.c: goes on reading, parsing, writing. */
req_fn form_pump;

#endif
