/*
 * [nexus] subnet, as every program reads it: the bridge's address with the
 * length of the network's prefix, "10.0.42.1/24". What is not the network's own,
 * its broadcast or the bridge's address is for nodes.
 */
#ifndef NX_SUBNET_H
#define NX_SUBNET_H

#include <stdbool.h>
#include <stdint.h>

/* Larger than 10.0.0.0/8 is no private network, smaller than /30 has no room
 * for the bridge and one node. */
#define NX_SUBNET_PREFIX_MIN 8
#define NX_SUBNET_PREFIX_MAX 30

/* What a sentence that refuses one says it is not. */
#define NX_SUBNET_FORM                                                    \
	"an address of a network for nodes with a prefix of 8 to 30, as " \
	"10.0.42.1/24: choose one of 10.0.0.0/8, 172.16.0.0/12 or "       \
	"192.168.0.0/16"

/* In host byte order. */
struct nx_subnet {
	uint32_t address; /* the bridge's */
	uint32_t mask;
	uint32_t prefix; /* NX_SUBNET_PREFIX_MIN..NX_SUBNET_PREFIX_MAX */
	char text[32];   /* as it was written */
};

/*
 * Four decimal numbers without leading zeros (inet_pton(3)), a slash, and a
 * prefix in range of one or two digits without a leading zero; nothing before,
 * between or behind. Refused too are the network's own address and its
 * broadcast: the address is the bridge's, and those are no host's. So are
 * networks that hold addresses which mean something else to every host (RFC
 * 6890): 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3. 0 or -EINVAL.
 */
int nx_subnet_parse(const char *text, struct nx_subnet *ret_subnet);

/* The network's own address: the first of it, no host's. */
uint32_t nx_subnet_network(const struct nx_subnet *s);
/* The broadcast: the last of it, no host's. */
uint32_t nx_subnet_broadcast(const struct nx_subnet *s);

/* May @address be a node's: in the network, neither the network's own, nor the
 * broadcast, nor the bridge's? */
bool nx_subnet_holds(const struct nx_subnet *s, uint32_t address);

#endif
