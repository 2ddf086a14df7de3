/*
 * What the kernel knows of a connection's other end.
 */
#ifndef GATEWAYD_TCP_H
#define GATEWAYD_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* True when something sent on @fd has not been acknowledged yet; *ret_acked:
 * bytes that have been. False for other sockets than TCP. */
bool tcp_owes(int fd, uint64_t *ret_acked);
/* close(2) will reset the connection instead of delivering the rest. */
void tcp_reset_on_close(int fd);

#endif
