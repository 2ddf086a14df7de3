/*
 * What a node may have: one table for nodemgr, which holds nodes to it, and for
 * gatewayd and nexusctl, which tell people before they ask.
 */
#ifndef NX_NODE_LIMITS_H
#define NX_NODE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum nx_node_limit {
	NX_NODE_MEMORY,
	NX_NODE_STORAGE,
	NX_NODE_CPU,
	NX_NODE_PIDS,
	NX_NODE_LIMITS
};

/* Of the table, for other tables. */
#define NX_NODE_MEMORY_MIB    128 /* standard */
#define NX_NODE_STORAGE_MIB   16  /* least */
#define NX_NODE_CPU_STANDARD  512
#define NX_NODE_CPU_MAX       10000
#define NX_NODE_PIDS_STANDARD 512
#define NX_NODE_PIDS_MAX      4194304
#define NX_NODE_TEXT(number)  NX_NODE_TEXT_(number)
#define NX_NODE_TEXT_(number) #number

struct nx_node_limit_row {
	const char *field; /* in NodeCreateRequest */
	const char *what;  /* in sentences */
	uint64_t standard; /* when nothing is asked for; 0: it must be */
	uint64_t min, max; /* max 0: what the host has */
	bool bytes;
	const char *cgroup; /* the file that enforces it, NULL: another */
};
extern const struct nx_node_limit_row nx_node_limits[NX_NODE_LIMITS];

#define NX_NODE_LIMIT_WHY 128

/*
 * May a node have @value of it? 0 is the standard, where there is one. @host is
 * the most this host has of it, 0: not known here, or not the question. False
 * with a sentence in @why.
 */
bool nx_node_limit_ok(enum nx_node_limit limit, uint64_t value, uint64_t host,
    char why[NX_NODE_LIMIT_WHY]);

/* @value, or the standard for 0. */
uint64_t nx_node_limit_value(enum nx_node_limit limit, uint64_t value);

#endif
