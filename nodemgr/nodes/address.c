/*
 * [nexus] subnet; see address.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nodemgr/nodes/address.h"

int
address_parse(struct nodemgr *m)
{
	struct in_addr addr;
	char ip[32], tail;
	unsigned prefix;

	if (sscanf(m->conf.common.subnet, "%31[0-9.]/%u%c", ip, &prefix,
		&tail) != 2 ||
	    prefix < 8 || prefix > 30 || inet_pton(AF_INET, ip, &addr) != 1)
		return -EINVAL;
	m->prefix = prefix;
	m->gateway = ntohl(addr.s_addr);
	m->subnet_mask = ~0U << (32 - prefix);
	m->subnet = m->gateway & m->subnet_mask;
	return 0;
}
