/*
 * The HTTP server: listening sockets it is handed, their connections, how many
 * there may be and how long they may take, and the way out.
 */
#ifndef GW_SERVER_H
#define GW_SERVER_H

#include <event2/event.h>

#include "gatewayd/http/exchange.h"
#include "gatewayd/http/proxies.h"

struct http_server;

struct http_limits {
	uint64_t max_connections; /* in all */
	uint64_t max_per_address; /* of one client address */
	uint64_t header_timeout;  /* seconds, from a head's first byte */
	uint64_t idle_timeout;    /* seconds between requests */
	uint64_t min_rate;        /* bytes/s a client must keep up, both ways */
};

struct http_config {
	struct event_base *base;
	const struct http_limits *limits; /* borrowed; may change */
	const struct exchange_ops *ops;
	void *ctx;                     /* exchange_ctx() */
	struct shares *shares;         /* borrowed; outlives the server */
	const struct proxies *proxies; /* borrowed; who is believed */
	bool proxy_protocol;           /* they begin with its header */
	bool forwarded; /* they send Forwarded; else X-Forwarded-For */
	/* Draining, and nobody is left. May be NULL. */
	void (*on_drained)(void *ctx);
};

/* 0 or -errno. @config is copied. */
int http_server_new(
    const struct http_config *config, struct http_server **ret_server);
/* Closes every connection at once. Returns NULL. */
struct http_server *http_server_free(struct http_server *server);
/* Accepts on @fd, an inherited listening socket (consumed). 0 or -errno. */
int http_server_listen(struct http_server *server, int fd);
/* No new connections; those there end with their present exchange. */
void http_server_drain(struct http_server *server);
/* Connections, now. */
size_t http_server_count(const struct http_server *server);
/* Bytes of replies that clients have not taken yet. */
size_t http_server_kept(const struct http_server *server);

#endif
