/*
 * The limits of a node and the sentences about them. It owns nothing and trusts
 * no number: who asks may be anybody.
 */
#include "common/node_limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/err.h"
#include "common/id.h"

#define MIB ((uint64_t)1 << 20)

/* cpu.weight: 1 to 10000 (cgroup-v2.rst); processes: what a pid may be. */
const struct nx_node_limit_row nx_node_limits[NX_NODE_LIMITS] = {
    [NX_NODE_MEMORY] = {"memory", "memory", NX_NODE_MEMORY_MIB *MIB, 4 * MIB, 0,
	true, "memory.max"},
    [NX_NODE_STORAGE] = {"storage", "storage", 0, NX_NODE_STORAGE_MIB *MIB, 0,
	true, NULL},
    [NX_NODE_CPU] = {"cpu_weight", "the CPU weight", NX_NODE_CPU_STANDARD, 1,
	NX_NODE_CPU_MAX, false, "cpu.weight"},
    [NX_NODE_PIDS] = {"pids_max", "the number of processes",
	NX_NODE_PIDS_STANDARD, 4, NX_NODE_PIDS_MAX, false, "pids.max"},
};

static void
say(const struct nx_node_limit_row *row, uint64_t most, char *why)
{
	if (row->bytes && most)
		(void)snprintf(why, NX_NODE_LIMIT_WHY,
		    "%s must be between %" PRIu64 " MiB and the host's %s",
		    row->what, row->min / MIB, nx_size_format(most));
	else if (row->bytes)
		(void)snprintf(why, NX_NODE_LIMIT_WHY,
		    "%s must be at least %" PRIu64 " MiB", row->what,
		    row->min / MIB);
	else
		(void)snprintf(why, NX_NODE_LIMIT_WHY,
		    "%s must be between %" PRIu64 " and %" PRIu64, row->what,
		    row->min, most);
}

bool
nx_node_limit_ok(enum nx_node_limit limit, uint64_t value, uint64_t host,
    char why[NX_NODE_LIMIT_WHY])
{
	const struct nx_node_limit_row *row = &nx_node_limits[limit];
	uint64_t most = row->max ? row->max : host;

	nx_assert(limit < NX_NODE_LIMITS);
	if ((value == 0 && row->standard) ||
	    (value >= row->min && (!most || value <= most)))
		return true;
	say(row, most, why);
	return false;
}

uint64_t
nx_node_limit_value(enum nx_node_limit limit, uint64_t value)
{
	nx_assert(limit < NX_NODE_LIMITS);
	return value ? value : nx_node_limits[limit].standard;
}
