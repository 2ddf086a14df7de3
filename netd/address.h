/*
 * IPv4 addresses and routes of a link, on any rtnetlink socket.
 */
#ifndef NETD_ADDRESS_H
#define NETD_ADDRESS_H

#include <stdint.h>

/* Gives link @index the address, if it has not got it. 0 or -errno. */
int netd_address_add(int fd, uint32_t index, uint32_t address, uint32_t prefix,
    uint64_t deadline_us);
/* The same, and takes every other IPv4 address away. */
int
netd_address_only(int fd, uint32_t index, uint32_t address, uint32_t prefix);
/* The default route through @gateway on link @index; replaces another. */
int netd_route_default(
    int fd, uint32_t index, uint32_t gateway, uint64_t deadline_us);

#endif
