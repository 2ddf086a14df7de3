/* netd's keys. */
#include <stddef.h>
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

bool
netd_ifname_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= NETD_IFNAME_LEN && name[0] >= 'a' &&
	    name[0] <= 'z' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}
