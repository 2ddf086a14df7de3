/*
 * The connection layer: plain non-blocking sockets on libevent's loop. It reads
 * heads, keeps requests in order, bounds what a client can make it hold, and
 * times clients that dawdle. What a request means is the request layer's
 * (req.h); it drives a connection through the functions below.
 *
 * One request at a time: while one is being answered, what the client sends
 * ahead stays in a small buffer, and then in the kernel's.
 *
 * A connection that is closed stays a valid pointer until the loop comes round
 * (phase CONN_DEAD), so callers up the stack need only look at the phase.
 */
#ifndef GW_CONN_H
#define GW_CONN_H

#include <sys/queue.h>
#include <sys/uio.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "gatewayd/http/body.h"
#include "gatewayd/gateway.h"

#define CONN_IN_MAX     HTTP_HEAD_MAX /* read ahead at most */
#define CONN_STREAM_MAX 131072U       /* while an upload is streamed */

struct req;
struct address;

enum conn_phase {
	CONN_HEAD,    /* between requests, or a head is coming in */
	CONN_BUSY,    /* the request is with its handler */
	CONN_COLLECT, /* its body is collected in memory */
	CONN_STREAM,  /* its handler reads the body: req_readable() */
	CONN_REPLY,   /* the reply is on its way; req_writable() */
	CONN_DISCARD, /* replied; the rest of the body is thrown away */
	CONN_LINGER,  /* closing; what still comes is thrown away */
	CONN_DEAD,
	CONN_PHASES
};

struct conn {
	TAILQ_ENTRY(conn) link;
	struct gw *gw;
	struct address *address;
	char peer[46];
	int fd;
	struct event read, write;
	enum conn_phase phase;
	bool keep;            /* another request may follow */
	bool eof;             /* the client will send nothing more */
	bool paused;          /* the read event is off */
	bool processing;      /* conn_process() is on the stack */
	bool expects;         /* 100-continue is due */
	bool reply_done;      /* nothing will be added to the reply */
	uint64_t deadline_us; /* 0: none */
	uint64_t moved;       /* bytes since the deadline was set */
	uint64_t acked;       /* by the peer, when lingering began */
	char *in;
	uint32_t in_off, in_len, in_cap; /* in[off .. off + len) is unread */
	uint32_t scanned;                /* of it, by ->scan */
	struct head_scan scan;
	struct body body;
	char *out;
	size_t out_off, out_len;
	struct req *req;
};

/* Takes over @fd, an accepted non-blocking stream socket. 0 or -errno; consumes
 * it either way. */
int conn_new(struct gw *gw, int fd, struct address *address, const char *peer);
/* At once, whatever is under way; a reply is cut off. */
void conn_close(struct conn *c);
/* For a stop: closes when idle, else after the present reply. */
void conn_drain(struct conn *c);

/* --- for the request layer -------------------------------------------------*/

/* Collects the body into the request, then calls req_body_complete(). */
void conn_collect(struct conn *c);
/* From now on req_readable() is called when there may be something to read. */
void conn_stream(struct conn *c);
/* Reading for CONN_STREAM: further raw bytes into c->in, at most up to @max
 * in all. >0 bytes, 0 nothing there now, -EPIPE the client is done, -errno. */
ssize_t conn_fill(struct conn *c, uint32_t max);
void conn_in_drop(struct conn *c, uint32_t n);
/* The handler cannot take more, or can again. While paused no rate is asked. */
void conn_pause(struct conn *c, bool pause);
/* @n bytes were moved past the buffers (splice, sendfile). */
void conn_moved(struct conn *c, uint64_t n);

/* Sends, or keeps a copy of what the socket does not take now. False when the
 * connection is dead. */
bool conn_write(struct conn *c, const struct iovec *iov, int n, bool more);
bool conn_out_pending(const struct conn *c);
/* Asks for req_writable() once the socket takes more. */
void conn_want_write(struct conn *c);
/* The reply is complete: the request ends when all is sent. @r may be gone
 * when this returns. */
void conn_reply_done(struct conn *c);

/* Starts a window at whose end the client must have moved min_rate for each of
 * its seconds: fewer while it sends what is kept in memory or thrown away, more
 * for files, whose sources and sinks stall now and then. */
void conn_rate_window(struct conn *c);
#define CONN_WINDOW_SMALL 10U
#define CONN_WINDOW_FILE  30U

#endif
