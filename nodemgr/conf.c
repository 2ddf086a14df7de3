/*
 * The section [nodemgr] of nexus.conf.
 */
#include <stddef.h>

#include "common/err.h"
#include "nodemgr/nodemgr.h"

#define KEY(n, t, v, lo, hi)                                                  \
	{                                                                     \
		"nodemgr", #n, NX_CONF_##t, offsetof(struct nodemgr_conf, n), \
		    v, lo, hi                                                 \
	}

const struct nx_conf_key nodemgr_conf_keys[] = {
    KEY(cgroup, STRING, "auto", 0, 0),
    KEY(limits, STRING, "enforce", 0, 0),
    KEY(init, STRING, "", 0, 0),
    KEY(id_base, UINT, "1000000", 131072, 4000000000),
    KEY(log_size, SIZE, "1M", 65536, 1 << 30),
    KEY(user_nodes, UINT, "32", 0, 65536),
    KEY(user_storage, SIZE, "100G", 0, 0),
    KEY(functions, UINT, "16", 1, 1024),
    KEY(function_queue, UINT, "64", 0, 65536),
};
const size_t nodemgr_conf_count = NX_ARRAY_SIZE(nodemgr_conf_keys);
