/*
 * What netd reads as text: a subnet from the configuration, and a link's alias,
 * which the kernel gives back. Whatever is accepted must come out the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct nx_subnet s, again;
	struct netd_owner o, p;
	char alias[NETD_ALIAS_LEN + 1];

	if (!text)
		return 0;
	if (nx_subnet_parse(text, &s) == 0) {
		assert(!nx_subnet_holds(&s, s.address));
		assert(nx_subnet_parse(s.text, &again) == 0);
		assert(again.address == s.address && again.mask == s.mask);
	}
	if (netd_owner_parse(text, &o) == 0) {
		netd_owner_format(&o, alias);
		assert(netd_owner_parse(alias, &p) == 0);
		assert(memcmp(&o, &p, sizeof(o)) == 0);
	}
	if (netd_ifname_valid(text))
		assert(strlen(text) <= NETD_IFNAME_LEN);
	free(text);
	return 0;
}
