/*
 * netd's keys, and the arithmetic of its one subnet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "netd/conf.h"

#define AT(field) offsetof(struct netd_conf, field)

const struct nx_conf_key netd_conf_keys[] = {
    {"netd", "bridge", NX_CONF_STRING, AT(bridge), "nexus0", 0, 0},
    {"netd", "nat", NX_CONF_BOOL, AT(nat), "yes", 0, 0},
    {"netd", "allow_spoofing", NX_CONF_BOOL, AT(spoofing), "no", 0, 0},
    {"netd", "isolate", NX_CONF_BOOL, AT(isolate), "no", 0, 0},
    {"netd", "reach_lan", NX_CONF_BOOL, AT(lan), "no", 0, 0},
    {"netd", "teardown", NX_CONF_BOOL, AT(teardown), "no", 0, 0},
};
const size_t netd_conf_count = NX_ARRAY_SIZE(netd_conf_keys);

int
netd_subnet_parse(const char *text, struct netd_subnet *ret_subnet)
{
	struct netd_subnet s = {0};
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	struct in_addr in;
	unsigned long prefix;
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(address) ||
	    slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	prefix = strtoul(slash + 1, &end, 10);
	if (*end || prefix < 8 || prefix > 30 ||
	    inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;

	s.address = ntohl(in.s_addr);
	s.prefix = (uint32_t)prefix;
	s.mask = ~0U << (32 - prefix);
	/* The network's own and the broadcast address are no host's. */
	if ((s.address & ~s.mask) == 0 || (s.address | s.mask) == ~0U)
		return -EINVAL;
	snprintf(s.text, sizeof(s.text), "%s/%lu", address, prefix);
	*ret_subnet = s;
	return 0;
}

bool
netd_subnet_holds(
    const struct netd_subnet *s, uint32_t address, uint32_t prefix)
{
	return prefix == s->prefix &&
	    (address & s->mask) == (s->address & s->mask) &&
	    (address & ~s->mask) != 0 && (address | s->mask) != ~0U &&
	    address != s->address;
}

bool
netd_ifname_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= NETD_IFNAME_LEN && name[0] >= 'a' &&
	    name[0] <= 'z' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}
