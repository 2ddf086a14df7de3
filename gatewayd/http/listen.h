/*
 * The listening sockets, which the supervisor opened.
 */
#ifndef GW_LISTEN_H
#define GW_LISTEN_H

#include "gatewayd/http/server.h"

struct listener;

struct listener *listener_new(struct http_server *server);
struct listener *listener_free(struct listener *l);
int listener_add(struct listener *l, int fd); /* consumes @fd */
void listener_stop(struct listener *l);

#endif
