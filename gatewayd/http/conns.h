/*
 * All connections: the listening sockets, how many there may be, the clock that
 * looks for clients that dawdle, and the way out.
 */
#ifndef GW_CONNS_H
#define GW_CONNS_H

#include "gatewayd/gateway.h"

/* Makes gw->conns. 0 or -errno. */
int conns_new(struct gw *gw);
/* Closes every connection at once. Returns NULL. */
struct conns *conns_free(struct conns *conns);
/* Accepts on @fd, an inherited listening socket (consumed). 0 or -errno. */
int conns_listen(struct conns *conns, int fd);
/* No new connections; those there end with their present request. */
void conns_drain(struct conns *conns);
size_t conns_count(const struct conns *conns);

#endif
