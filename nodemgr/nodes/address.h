/*
 * [nexus] subnet: the bridge's address, and the network that nodes are in.
 */
#ifndef NODEMGR_ADDRESS_H
#define NODEMGR_ADDRESS_H

#include "nodemgr/nodemgr.h"

/* From m->conf into subnet, subnet_mask, gateway, prefix. 0 or -EINVAL. */
int address_parse(struct nodemgr *m);

#endif
