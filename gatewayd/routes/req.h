/*
 * One request, from its head to the log line: routing, who asks, calls to the
 * daemons, the reply. It is an exchange of http/ with what the REST API adds.
 *
 * Every function named reply_* or req_fail* ends the request: nothing more is to
 * be done with it. Whoever calls one further down the stack looks at
 * r->x.ended.
 */
#ifndef GW_REQ_H
#define GW_REQ_H

#include <cjson/cJSON.h>

#include "common/status.h"
#include "gatewayd/gateway.h"
#include "gatewayd/http/http.h"
#include "gatewayd/routes/buf.h"
#include "gatewayd/routes/json_in.h"
#include "gatewayd/routes/token.h"

struct condition;
struct req;
struct route;

/* What a handler that lives longer than one call has. Any may be NULL. */
struct req_ops {
	void (*readable)(struct req *r); /* after exchange_stream() */
	void (*writable)(struct req *r); /* after exchange_want() */
	void (*quiet)(struct req *r);    /* the client may have gone */
	void (*drain)(struct req *r);    /* the server stops: be quick */
	void (*free)(void *state);       /* the request ends, however */
};

typedef void req_fn(struct req *r);
typedef void req_reply_fn(struct req *r, const struct nx_reply *reply);

struct req {
	struct exchange x; /* first: http/ makes and frees the whole */
	struct gw *gw;
	const struct route *route; /* NULL: none matched */
	struct uri uri;            /* points into x.text */
	const char *param;   /* what stands at the ':' of the route's pattern */
	unsigned retry_s;    /* what a daemon said to wait; 0: nothing */
	bool rechecked;      /* its token was checked again after a refusal */
	struct token *token; /* whose request it is; NULL: nobody's */
	struct share *user; /* and what that user holds; NULL: as yet unknown */
	char *body;
	size_t body_len, body_cap;
	uint64_t body_held; /* of the user's share, until the end */
	cJSON *json;
	struct nx_call *call;
	enum nx_role callee;
	bool wants_errors;
	req_reply_fn *on_reply;
	req_fn *again;
	const struct req_ops *ops;
	void *state;
};

/* What the server of the gateway answers with. */
extern const struct exchange_ops req_exchange_ops;

/* --- for handlers ----------------------------------------------------------*/

struct req_call_opts {
	uint64_t timeout_s; /* 0: 10 */
	const int *fds;
	size_t n_fds;
	bool errors;   /* @fn wants to see refusals too */
	req_fn *again; /* asks again after a ticket was refused; NULL: the
			* route's handler from its beginning */
};
/*
 * Calls @role with the ticket it needs. @fn runs once with an OK reply; anything
 * else ends the request with the status and sentence that came back. A field of
 * @message beyond its written limit is the client's mistake: 400.
 */
void req_call(struct req *r, struct nx_ask ask,
    const struct req_call_opts *opts, req_reply_fn *fn);
/* The fields of the JSON body into @out; false: the request has ended. */
bool
req_take(struct req *r, const struct json_field *fields, size_t n, void *out);
/* A query parameter that must be there and not empty; NULL: ended. */
const char *req_query(struct req *r, const char *name);
/* A query parameter that is yes or no; absent: no. False: ended. */
bool req_flag(struct req *r, const char *name, bool *ret_value);
/* A query parameter that is a number up to @max; absent: untouched. False:
 * ended. */
bool
req_number(struct req *r, const char *name, uint64_t max, uint64_t *ret_value);
/* A query parameter; "" when it is not there. */
const char *req_param(const struct req *r, const char *name);
/* If-Match and If-None-Match; false: the request has ended. */
bool req_condition(struct req *r, struct condition *ret_condition);
bool req_is_head(const struct req *r);
/* Finds out who asks, then goes on with @then; else ends the request: 401. */
void req_authenticate(struct req *r, req_fn *then);
/* Copies its token; false: the request has ended. */
bool req_token(struct req *r, char ret_token[TOKEN_MAX + 1]);
/* A parameter that r->route does not take is a mistake of the client's: told, not
 * ignored. False: the request has ended. */
bool req_check_query(struct req *r);
/* Only what takes bytes gets what is no text: NULL, or what is wrong. */
const struct http_error *req_check_text(const struct req *r);
/* The token shall not be taken from the cache again. */
void req_forget_token(struct req *r);

/* --- ending a request (reply.c) --------------------------------------------*/

void req_fail(struct req *r, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void req_fail_http(struct req *r, const struct http_error *error);
void req_fail_status(struct req *r, Nx__Status status, const char *sentence);
/* As req_fail_http; the rest of what the client sends cannot be understood. */
void req_fail_close(struct req *r, const struct http_error *error);

/* @body is consumed (emptied). */
void reply_json(struct req *r, int status, struct buf *body);
/* Content of a chunked reply; @body is emptied, not freed. */
bool reply_chunk(struct req *r, struct buf *body);

#endif
