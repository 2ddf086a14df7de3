/*
 * The listening sockets, which the supervisor opened, and how many connections
 * a client address may have.
 */
#ifndef GW_LISTEN_H
#define GW_LISTEN_H

#include "gatewayd/http/server.h"

struct listener;
struct address;

struct listener *listener_new(struct http_server *server);
struct listener *listener_free(struct listener *l);
int listener_add(struct listener *l, int fd); /* consumes @fd */
void listener_stop(struct listener *l);
/* One connection of @address (NULL is fine) less. */
void listener_gone(struct listener *l, struct address *address);

#endif
