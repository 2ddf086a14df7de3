/* The one subnet: its text and its arithmetic. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/subnet.h"

#define DIGITS "0123456789"

static int
parse_prefix(const char *text, uint32_t *ret_prefix)
{
	size_t len = strlen(text);
	uint32_t prefix = 0;

	if (len < 1 || len > 2 || text[0] == '0' || strspn(text, DIGITS) != len)
		return -EINVAL;
	while (*text)
		prefix = prefix * 10 + (uint32_t)(*text++ - '0');
	if (prefix < NX_SUBNET_PREFIX_MIN || prefix > NX_SUBNET_PREFIX_MAX)
		return -EINVAL;
	*ret_prefix = prefix;
	return 0;
}

int
nx_subnet_parse(const char *text, struct nx_subnet *ret_subnet)
{
	struct nx_subnet s = {0};
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	struct in_addr in;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (parse_prefix(slash + 1, &s.prefix) < 0 ||
	    inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;

	s.address = ntohl(in.s_addr);
	s.mask = ~0U << (32 - s.prefix);
	if (s.address == nx_subnet_network(&s) ||
	    s.address == nx_subnet_broadcast(&s))
		return -EINVAL;
	snprintf(s.text, sizeof(s.text), "%s", text);
	*ret_subnet = s;
	return 0;
}

uint32_t
nx_subnet_network(const struct nx_subnet *s)
{
	return s->address & s->mask;
}

uint32_t
nx_subnet_broadcast(const struct nx_subnet *s)
{
	return s->address | ~s->mask;
}

bool
nx_subnet_holds(const struct nx_subnet *s, uint32_t address)
{
	return (address & s->mask) == nx_subnet_network(s) &&
	    address != nx_subnet_network(s) &&
	    address != nx_subnet_broadcast(s) && address != s->address;
}
