/*
 * An exchange: one request and its reply, from the head's last byte to the
 * reply's. Handlers see exchanges only. That HTTP/1.1 has one at a time on a
 * connection, in order, is http/'s own business, as it would be that HTTP/2 has
 * many side by side, or TLS below.
 *
 * An exchange ends once: its reply is complete and with the kernel, or its
 * client is gone. ops->end() is told, and from then on ->ended is true and
 * every function here does nothing. The memory stays valid until the loop comes
 * round, so that callers up the stack need only look at ->ended.
 */
#ifndef GW_EXCHANGE_H
#define GW_EXCHANGE_H

#include <sys/queue.h>
#include <sys/types.h>

#include "gatewayd/http/address.h"
#include "gatewayd/http/head.h"

#define EXCHANGE_ID_MAX 64U

struct conn;

struct exchange {
	struct conn *conn; /* http/'s own */
	TAILQ_ENTRY(exchange) over;
	struct http_head head; /* its spans point into text */
	char *text; /* the head; a byte more than text_len is there */
	size_t text_len;
	char id[EXCHANGE_ID_MAX + 1]; /* X-Request-Id, of both directions */
	char peer[ADDRESS_TEXT];      /* the client's address, "?" if none */
	/* That address's account; NULL for a trusted proxy's own requests, and
	 * where there are no addresses. */
	struct share *share;
	struct share *user; /* exchange_charge() */
	uint64_t started_us;
	uint64_t sent; /* bytes of content */
	int status;    /* of the reply; 0: none yet */
	bool chunked;  /* the reply's coding */
	bool ended;
};

/* Who answers. All are called from the loop, none from within another. */
struct exchange_ops {
	/* Of a struct that begins with struct exchange; what is behind it is
	 * zero at first, and the answerer's. */
	size_t size;
	/* A head came, and is understood. The reply, or what it takes to know
	 * it, begins here. */
	void (*head)(struct exchange *x);
	/* After exchange_collect(): a piece of content, never empty. NULL, or
	 * why it is refused; refuse() follows then. */
	const struct http_error *(*body)(
	    struct exchange *x, const char *data, size_t len);
	/* That was all of it. */
	void (*whole)(struct exchange *x);
	/* After exchange_stream(): there may be something to read. */
	void (*readable)(struct exchange *x);
	/* After exchange_want(): the client has taken what was sent. */
	void (*writable)(struct exchange *x);
	/* The client has sent its last while its reply goes on: perhaps it has
	 * gone. What is sent now finds out. */
	void (*quiet)(struct exchange *x);
	/* The server is stopping: what waits without end shall end. */
	void (*drain)(struct exchange *x);
	/* The client broke a rule of HTTP, was too slow, or went in the middle:
	 * it is to be told @error, and may not send another request. Also
	 * instead of head(), for what is no head. */
	void (*refuse)(struct exchange *x, const struct http_error *error);
	/* It is over: cancels what is under way, frees what it has. */
	void (*end)(struct exchange *x);
};

/* The ctx of the server's configuration. */
void *exchange_ctx(const struct exchange *x);
/* What is kept of the reply counts as @user's (borrowed until the end), not as
 * its address's. */
void exchange_charge(struct exchange *x, struct share *user);
/* The server is stopping. */
bool exchange_draining(const struct exchange *x);

/* --- the request's body ------------------------------------------------------
 * It is asked for (100-continue) by the first two; without them it is thrown
 * away after the reply. */

/* To body() in pieces, then whole(). */
void exchange_collect(struct exchange *x);
/* readable() shall read it with the functions below. */
void exchange_stream(struct exchange *x);

enum exchange_in {
	EXCHANGE_DATA,    /* *ret_content */
	EXCHANGE_NOTHING, /* wait for readable() */
	EXCHANGE_DONE,    /* all of the body has been read */
	EXCHANGE_CUT,     /* the client will send nothing more: too little */
	EXCHANGE_ENDED,   /* the exchange has ended */
};
/* Content, decoded; it stays where it is until the next call. */
enum exchange_in
exchange_read(struct exchange *x, struct http_span *ret_content);
/* Does the client wait to be asked for its body? The first of the two does. */
bool exchange_expects(const struct exchange *x);
bool exchange_body_done(const struct exchange *x);
/* Content still to come at least: 0 when its length was not announced. */
uint64_t exchange_body_left(const struct exchange *x);
/* May the next piece go from the socket to a pipe without coming by here? */
bool exchange_splices(const struct exchange *x);
/* Moves at most @len bytes of content so. >0 bytes; 0 the client will send
 * nothing more; -EAGAIN the socket is empty or the pipe full; -EPIPE nobody
 * reads the pipe; or another -errno, of the socket. */
ssize_t exchange_splice(struct exchange *x, int pipe, size_t len);
/* It is others' turn: readable() is called again soon. */
void exchange_later(struct exchange *x);
/* The handler can take no more, or can again. While paused the client is asked
 * for no rate. */
void exchange_pause(struct exchange *x, bool pause);
/* It is not the client who is waited for: no rate, no readable(). */
void exchange_hold(struct exchange *x);

/* --- the reply ---------------------------------------------------------------
 * @type: of the content; NULL: none. @extra: further header lines, each ended
 * by CR LF, or NULL. What the socket does not take at once is kept; a client
 * that does not take it in time is cut. False: the exchange has ended. */

/* All of it at once. */
void exchange_answer(struct exchange *x, int status, const char *type,
    const char *extra, const void *body, size_t len);
/* The head. @length bytes of content follow, by the functions below, and then
 * exchange_finish(). False also for HEAD, which ends here. */
#define EXCHANGE_CHUNKED UINT64_MAX
bool exchange_begin(struct exchange *x, int status, const char *type,
    const char *extra, uint64_t length);
bool exchange_send(struct exchange *x, const void *data, size_t len);
/* From a file, past the buffers; only while nothing is pending. >0 bytes, *at
 * moved on; 0 the socket is full: exchange_want(); -errno. */
ssize_t exchange_sendfile(struct exchange *x, int fd, off_t *at, size_t len);
/* Is some of what was sent still here? Then writable() will be called. */
bool exchange_pending(const struct exchange *x);
/* Asks for writable() once the client takes more. */
void exchange_want(struct exchange *x);
void exchange_finish(struct exchange *x);
/* No other request shall follow on this connection. */
void exchange_last(struct exchange *x);
/* The reply cannot be completed: cuts it, so that the client sees that. */
void exchange_abort(struct exchange *x);

#endif
