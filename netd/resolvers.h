/*
 * The name servers nodes are told of (nodemgr writes them into a node's
 * /etc/resolv.conf): often a neighbour of the host, and the only one whom nodes
 * reach, on port 53.
 */
#ifndef NETD_RESOLVERS_H
#define NETD_RESOLVERS_H

#include <stddef.h>
#include <stdint.h>

#define NETD_RESOLVERS_MAX 8

/* The IPv4 name servers in @text, a resolv.conf, but for those on a loopback.
 * How many; the addresses are in host byte order. */
size_t
netd_resolvers_parse(char *text, uint32_t ret_servers[NETD_RESOLVERS_MAX]);
/* The host's; those behind systemd-resolved where it is used. Reads files. */
size_t netd_resolvers_read(uint32_t ret_servers[NETD_RESOLVERS_MAX]);

#endif
