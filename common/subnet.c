/* The one subnet: its text and its arithmetic. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
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

/* Has it an address that is no host's in a network: this host's own, the loop,
 * link-local, many at once, or kept for the future? */
static bool
is_special(const struct nx_subnet *s)
{
	static const struct {
		uint32_t network, mask;
	} specials[] = {
	    {0x00000000, 0xff000000}, /* 0.0.0.0/8 */
	    {0x7f000000, 0xff000000}, /* 127.0.0.0/8 */
	    {0xa9fe0000, 0xffff0000}, /* 169.254.0.0/16 */
	    {0xe0000000, 0xe0000000}, /* 224.0.0.0/3 */
	};

	for (size_t i = 0; i < NX_ARRAY_SIZE(specials); i++)
		if (((s->address ^ specials[i].network) & s->mask &
			specials[i].mask) == 0)
			return true;
	return false;
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
	    s.address == nx_subnet_broadcast(&s) || is_special(&s))
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
