/*
 * Inside http/: a connection, a plain non-blocking socket on libevent's loop. It
 * reads heads, keeps exchanges in order, bounds what a client can make it hold,
 * and times clients that dawdle. It knows no request: what a head means, who
 * asks and what is answered is for the server's exchange_ops.
 *
 * One exchange at a time: while one is being answered, what the client sends
 * ahead stays in a small buffer, and then in the kernel's.
 *
 *	phase    exchange  the client is to         deadline
 *	PROXY    none      send the PROXY header    header timeout
 *	HEAD     none      send a head              header or idle timeout
 *	BUSY     yes       wait                     none: daemons have their own;
 *	                                            once it has sent its last,
 *	                                            a second: is it still there?
 *	                                            (HTTP/1.0: five, then it is
 *	                                            not, for it cannot be asked)
 *	COLLECT  yes       send its body            rate, small windows
 *	STREAM   yes       send its body            rate, unless paused
 *	REPLY    yes       take the reply           rate while something is kept
 *	DISCARD  none      send what no one reads   rate, small windows
 *	LINGER   none      close                    LINGER_S
 *	DEAD     none      -                        -
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
#include "gatewayd/http/server.h"

#define CONN_IN_MAX     HTTP_HEAD_MAX /* read ahead at most */
#define CONN_STREAM_MAX 131072U       /* while an upload is streamed */
/* Bytes of replies kept for all clients that read slowly. When there are more,
 * whoever has most of them pays. */
#define CONN_KEPT_MAX (64U << 20)

enum conn_phase {
	CONN_PROXY,   /* a trusted proxy is to say whom it speaks for */
	CONN_HEAD,    /* between exchanges, or a head is coming in */
	CONN_BUSY,    /* the exchange is with its handler */
	CONN_COLLECT, /* its body goes to ops->body() */
	CONN_STREAM,  /* its handler reads the body: ops->readable() */
	CONN_REPLY,   /* the reply is on its way; ops->writable() */
	CONN_DISCARD, /* replied; the rest of the body is thrown away */
	CONN_LINGER,  /* closing; what still comes is thrown away */
	CONN_DEAD,
	CONN_PHASES
};

struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) dead;
	struct http_server *server;
	struct address from; /* the client, or a trusted proxy */
	bool trusted;        /* it is a proxy: its headers are believed */
	struct share *share; /* of ->from, unless trusted */
	struct share *kept;  /* whose account c->out is on */
	int fd;
	struct event read, write;
	enum conn_phase phase;
	bool keep;            /* another request may follow */
	bool eof;             /* the client will send nothing more */
	bool paused;          /* the read event is off */
	bool processing;      /* conn_process() is on the stack */
	bool expects;         /* 100-continue is due */
	bool reply_done;      /* nothing will be added to the reply */
	uint8_t probes;       /* since the client has sent its last */
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
	struct exchange *x;
};

/* --- life and order (conn.c) -----------------------------------------------*/

/* Takes over @fd, an accepted non-blocking stream socket of the peer @from. 0 or
 * -errno; -EUSERS: it has too many already. Consumes @fd in any case. */
int conn_new(struct http_server *server, int fd, const struct address *from);
/* Nothing of @x's client is waited for; daemons have their own deadlines. */
void conn_busy(struct conn *c);
/* At once, whatever is under way; a reply is cut off. */
void conn_close(struct conn *c);
/* For a stop: closes when idle, else after the present reply. */
void conn_drain(struct conn *c);
/* The reply is complete: the exchange ends when all is sent. */
void conn_reply_done(struct conn *c);
/* Goes on with the body, in @phase COLLECT or STREAM. */
void conn_take_body(struct conn *c, enum conn_phase phase);
/* The read event is off or on again; while it is off there is no deadline. */
void conn_pause(struct conn *c, bool pause);

/* Whom it is counted for; -EUSERS: that has too many already. A trusted proxy
 * speaks for many, and is not counted. */
int conn_set_client(struct conn *c, const struct address *from);
/* A head, or what was meant to be one (@error): from here on there is an
 * exchange, and one end of it, whatever comes. */
void conn_begin(struct conn *c, const struct http_error *error,
    const char *head, size_t len);
/* Heads from the buffer, while it has any and their turns are short. */
void conn_process(struct conn *c);
/* Ready for the next request. */
void conn_next(struct conn *c);

/* --- readers, and time (conn_read.c, conn_late.c) --------------------------*/

void conn_on_read(evutil_socket_t fd, short what, void *arg);
/* Its deadline has passed. */
void conn_expired(struct conn *c);
/* Seconds after which a client that has sent its last is looked at. */
#define CONN_PROBE_S 1U
/* The client has sent its last in the middle of a reply. */
void conn_quiet(struct conn *c);

/* --- bytes (conn_io.c) -----------------------------------------------------*/

/* Further raw bytes into c->in, at most up to @max in all. >0 bytes, 0 nothing
 * there now, -EPIPE the client is done, -errno. */
ssize_t conn_fill(struct conn *c, uint32_t max);
void conn_in_drop(struct conn *c, uint32_t n);
void conn_in_free(struct conn *c);
/* Sends, or keeps a copy of what the socket does not take now. False when the
 * connection is dead. */
bool conn_write(struct conn *c, const struct iovec *iov, int n, bool more);
bool conn_out_pending(const struct conn *c);
/* Sends what is kept in c->out; false when the connection is dead. */
bool conn_flush(struct conn *c);
void conn_out_free(struct conn *c);
/* Asks for the write event. */
void conn_want_write(struct conn *c);

/* --- exchanges (exchange.c) ------------------------------------------------*/

/* Begins the connection's next one with a copy of the @len bytes of @head; NULL:
 * out of memory, and the connection is closed. */
struct exchange *exchange_new(struct conn *c, const char *head, size_t len);
/* Its head is known: takes the client's own X-Request-Id from it, and, from a
 * trusted proxy, who the client is. NULL, or why it is refused. */
const struct http_error *exchange_name(struct exchange *x);
/* Tells ops->end(); NULL is fine. */
void exchange_over(struct exchange *x);

/* --- the server's (server.c) -----------------------------------------------*/

struct http_server {
	struct http_config config;
	TAILQ_HEAD(, conn) live, dead; /* the dead are among the live, too */
	TAILQ_HEAD(, exchange) over;
	size_t count;
	size_t kept; /* bytes in all c->out */
	bool draining;
	struct event *sweep, *reap;
	struct listener *listener;
};

/* An account of @from's with one connection more on it; NULL: it has too many,
 * or no memory. */
struct share *
server_admit(struct http_server *server, const struct address *from);
/* The opposite; NULL is fine. */
void server_leave(struct http_server *server, struct share *share);
/* Nobody is to hold as much of what is kept as to hurt others: closes
 * connections of whoever has most until it fits again. */
void server_shed(struct http_server *server);
static inline const struct exchange_ops *
conn_ops(const struct conn *c)
{
	return c->server->config.ops;
}

void server_add(struct http_server *server, struct conn *c);
/* Freed when the loop comes round. */
void server_remove(struct http_server *server, struct conn *c);
void server_bury(struct http_server *server, struct exchange *x);

/* The client has @seconds for what it is about. */
void conn_deadline(struct conn *c, uint64_t seconds);
/* Starts a window at whose end the client must have moved min_rate for each of
 * its seconds: fewer while it sends what is kept in memory or thrown away, more
 * for files, whose sources and sinks stall now and then. */
void conn_rate_window(struct conn *c);
#define CONN_WINDOW_SMALL 10U
#define CONN_WINDOW_FILE  30U

#endif
