/*
 * Names, and what a link's alias says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "netd/bridge.h"
#include "netd/conf.h"
#include "netd/lan.h"
#include "netd/links.h"
#include "netd/resolvers.h"

static void
names_of_interfaces(void **state)
{
	(void)state;
	assert_true(netd_ifname_valid("nexus0"));
	assert_true(netd_ifname_valid("n"));
	assert_true(netd_ifname_valid("abcdefghijklmno"));
	assert_false(netd_ifname_valid("abcdefghijklmnop"));
	assert_false(netd_ifname_valid(""));
	assert_false(netd_ifname_valid("0nexus"));
	assert_false(netd_ifname_valid("nexus 0"));
	assert_false(netd_ifname_valid("nexus/0"));
	assert_false(netd_ifname_valid("x\" drop; #"));
}

static void
owners_survive_the_kernel(void **state)
{
	static const char *const bad[] = {"", "nexus",
	    "00112233445566778899aabbccddeeff",
	    "00112233445566778899aabbccddeeff ",
	    "00112233445566778899aabbccddeeff 10.0.42",
	    "00112233445566778899AABBCCDDEEFF 10.0.42.2",
	    "00112233445566778899aabbccddeeff\t10.0.42.2",
	    "00112233445566778899aabbccddeeff 10.0.42.2 x",
	    "00112233445566778899aabbccddeeff 10.0.42.2",
	    "00112233445566778899aabbccddeeff 10.0.42.2 -7",
	    "00112233445566778899aabbccddeeff 10.0.42.2 07",
	    "00112233445566778899aabbccddeeff 10.0.42.2 4294967296",
	    "00112233445566778899aabbccddeeff 10.0.42.2 7 7"};
	struct netd_owner o = {.node = "00112233445566778899aabbccddeeff",
			      .address = 0x0a002a02,
			      .user = 7},
			  p = {0};
	char alias[NETD_ALIAS_LEN + 1];

	(void)state;
	netd_owner_format(&o, alias);
	assert_string_equal(
	    alias, "00112233445566778899aabbccddeeff 10.0.42.2 7");
	assert_int_equal(netd_owner_parse(alias, &p), 0);
	assert_string_equal(p.node, o.node);
	assert_int_equal(p.address, o.address);
	assert_int_equal(p.user, 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(netd_owner_parse(bad[i], &p), -EINVAL);
}

static void
groups_and_hardware_addresses(void **state)
{
	uint8_t mac[6];

	(void)state;
	assert_int_not_equal(netd_group("nexus0"), netd_group("nexus1"));
	assert_int_equal(netd_group("nexus0") >> 16, 0x4e58);
	netd_mac(0x0a002a02, mac);
	assert_memory_equal(mac, "\x02\x6e\x0a\x00\x2a\x02", 6);
}

static void
name_servers_are_found(void **state)
{
	char text[] = "# by somebody\nsearch example.org\n"
		      "nameserver 127.0.0.53\nnameserver 192.168.7.1\n"
		      "nameserver fd00::1\nnameserver   10.1.2.3 # x\n"
		      "nameserver 300.1.1.1\nnameservers 10.9.9.9\n";
	uint32_t servers[NETD_RESOLVERS_MAX];

	(void)state;
	assert_int_equal(netd_resolvers_parse(text, servers), 2);
	assert_int_equal(servers[0], 0xc0a80701);
	assert_int_equal(servers[1], 0x0a010203);
}

static void
networks_are_joined(void **state)
{
	struct netd_range r[] = {{0x0a000000, 0x0a0000ff}, {7, 7},
	    {0x0a000080, 0x0a00017f}, {0x0a000180, 0x0a000180},
	    {UINT32_MAX - 1, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}};

	(void)state;
	assert_int_equal(netd_lan_join(r, 6), 3);
	assert_int_equal(r[0].first, 7);
	assert_int_equal(r[0].last, 7);
	assert_int_equal(r[1].first, 0x0a000000);
	assert_int_equal(r[1].last, 0x0a000180);
	assert_int_equal(r[2].first, UINT32_MAX - 1);
	assert_int_equal(r[2].last, UINT32_MAX);
	assert_int_equal(netd_lan_join(r, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_of_interfaces),
	    cmocka_unit_test(owners_survive_the_kernel),
	    cmocka_unit_test(name_servers_are_found),
	    cmocka_unit_test(networks_are_joined),
	    cmocka_unit_test(groups_and_hardware_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
