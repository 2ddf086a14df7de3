/*
 * The limits of nodes: what is allowed, and what is said of the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/node_limits.h"

#define MIB  (1ULL << 20)
#define HOST (2048 * MIB)

static void
test_edges(void **state)
{
	static const struct {
		enum nx_node_limit limit;
		uint64_t value, host;
		const char *why; /* NULL: it is well */
	} t[] = {
	    {NX_NODE_MEMORY, 0, HOST, NULL},
	    {NX_NODE_MEMORY, 4 * MIB, HOST, NULL},
	    {NX_NODE_MEMORY, HOST, HOST, NULL},
	    {NX_NODE_MEMORY, UINT64_MAX, 0, NULL}, /* for nodemgr to say */
	    {NX_NODE_MEMORY, 4 * MIB - 1, HOST,
		"memory must be between 4 MiB and the host's 2.0 GiB"},
	    {NX_NODE_MEMORY, HOST + 1, HOST,
		"memory must be between 4 MiB and the host's 2.0 GiB"},
	    {NX_NODE_MEMORY, 1, 0, "memory must be at least 4 MiB"},
	    {NX_NODE_STORAGE, 16 * MIB, 0, NULL},
	    {NX_NODE_STORAGE, 0, 0, "storage must be at least 16 MiB"},
	    {NX_NODE_STORAGE, 16 * MIB - 1, 0,
		"storage must be at least 16 MiB"},
	    {NX_NODE_CPU, 0, 0, NULL},
	    {NX_NODE_CPU, 1, 0, NULL},
	    {NX_NODE_CPU, 10000, 0, NULL},
	    {NX_NODE_CPU, 10001, 0,
		"the CPU weight must be between 1 and 10000"},
	    {NX_NODE_CPU, (1ULL << 32) + 1, 0,
		"the CPU weight must be between 1 and 10000"},
	    {NX_NODE_PIDS, 0, 0, NULL},
	    {NX_NODE_PIDS, 4, 0, NULL},
	    {NX_NODE_PIDS, 3, 0,
		"the number of processes must be between 4 and 4194304"},
	    {NX_NODE_PIDS, 4194305, 0,
		"the number of processes must be between 4 and 4194304"},
	};
	char why[NX_NODE_LIMIT_WHY];

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(t); i++) {
		assert_int_equal(
		    nx_node_limit_ok(t[i].limit, t[i].value, t[i].host, why),
		    !t[i].why);
		if (t[i].why)
			assert_string_equal(why, t[i].why);
	}
}

static void
test_standards(void **state)
{
	(void)state;
	assert_int_equal(nx_node_limit_value(NX_NODE_MEMORY, 0), 128 * MIB);
	assert_int_equal(nx_node_limit_value(NX_NODE_MEMORY, 5), 5);
	assert_int_equal(nx_node_limit_value(NX_NODE_CPU, 0), 512);
	assert_int_equal(nx_node_limit_value(NX_NODE_PIDS, 0), 512);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edges),
	    cmocka_unit_test(test_standards),
	};

	return cmocka_run_group_tests_name(
	    "common_node_limits", tests, NULL, NULL);
}
