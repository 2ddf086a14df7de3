/*
 * What a node finds in /etc/hosts and /etc/resolv.conf at its first start.
 */
#ifndef NODEMGR_HOSTS_H
#define NODEMGR_HOSTS_H

#include "nodemgr/nodes/node.h"

/* malloc'ed; NULL: out of memory. */
char *hosts_text(const struct node *n);
/* The host's resolvers, without those on its loopback: a node has its own. */
char *resolv_text(void);

#endif
