/*
 * The one parser of [nexus] subnet: what it takes, what it refuses, and which
 * addresses are left for nodes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/subnet.h"

static void
subnets_are_read(void **state)
{
	static const struct {
		const char *text;
		uint32_t address, mask, prefix;
	} cases[] = {
	    {"10.0.42.1/24", 0x0a002a01, 0xffffff00, 24},
	    {"10.0.42.254/24", 0x0a002afe, 0xffffff00, 24},
	    {"10.0.0.1/8", 0x0a000001, 0xff000000, 8},
	    {"10.0.1.0/8", 0x0a000100, 0xff000000, 8},
	    {"192.168.7.9/30", 0xc0a80709, 0xfffffffc, 30},
	    {"192.168.255.254/30", 0xc0a8fffe, 0xfffffffc, 30},
	    /* right beside what means something else */
	    {"1.0.0.1/8", 0x01000001, 0xff000000, 8},
	    {"126.0.0.1/8", 0x7e000001, 0xff000000, 8},
	    {"128.0.0.1/8", 0x80000001, 0xff000000, 8},
	    {"169.253.0.1/16", 0xa9fd0001, 0xffff0000, 16},
	    {"169.255.0.1/16", 0xa9ff0001, 0xffff0000, 16},
	    {"223.255.255.1/24", 0xdfffff01, 0xffffff00, 24},
	};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		struct nx_subnet s = {0};

		assert_int_equal(nx_subnet_parse(cases[i].text, &s), 0);
		assert_int_equal(s.address, cases[i].address);
		assert_int_equal(s.mask, cases[i].mask);
		assert_int_equal(s.prefix, cases[i].prefix);
		assert_string_equal(s.text, cases[i].text);
	}
}

static void
others_are_refused(void **state)
{
	static const char *const cases[] = {
	    "", "/", "/24", "10.0.42.1", "10.0.42.1/", "10.0.42.1/0",
	    "10.0.42.1/7", "10.0.42.1/31", "10.0.42.1/32", "10.0.42.1/024",
	    "10.0.42.1/4294967320", "10.0.42.1/+24", "10.0.42.1/-8",
	    "10.0.42.1/ 24", "10.0.42.1/24 ", "10.0.42.1/24x",
	    "10.0.42.1/24/24", "10.0.42.1 /24", " 10.0.42.1/24", "10.0.42/24",
	    "10.0.42.1.1/24", "10.0.42.256/24", "10.0.042.1/24",
	    "1000000000000000000000000/24", "fd00::1/64", "localhost/24",
	    "10.0.42.0/24",       /* the network's own */
	    "10.0.42.255/24",     /* its broadcast */
	    "10.0.0.0/8",         /* the same, at the ends of the range */
	    "10.255.255.255/8",   /* */
	    "192.168.7.8/30",     /* */
	    "192.168.7.11/30",    /* */
	    "255.255.255.255/30", /* */
	    "0.0.0.1/8",          /* this host */
	    "0.1.2.3/24",         /* */
	    "127.0.0.1/8",        /* the loop */
	    "127.200.0.1/30",     /* */
	    "169.254.1.1/16",     /* link-local, */
	    "169.254.9.1/24",     /* a part of it, */
	    "169.1.0.1/8",        /* and what holds it */
	    "169.255.0.1/15",     /* */
	    "224.0.0.1/24",       /* multicast */
	    "239.255.255.1/8",    /* */
	    "240.0.0.1/24",       /* reserved */
	    "255.255.255.1/24",   /* */
	};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		struct nx_subnet s = {.address = 7};

		if (nx_subnet_parse(cases[i], &s) != -EINVAL)
			fail_msg("'%s' was taken", cases[i]);
		assert_int_equal(s.address, 7); /* untouched */
	}
}

static void
nodes_get_what_is_left(void **state)
{
	struct nx_subnet s;

	(void)state;
	assert_int_equal(nx_subnet_parse("10.0.42.1/24", &s), 0);
	assert_int_equal(nx_subnet_network(&s), 0x0a002a00);
	assert_int_equal(nx_subnet_broadcast(&s), 0x0a002aff);
	assert_true(nx_subnet_holds(&s, 0x0a002a02));
	assert_true(nx_subnet_holds(&s, 0x0a002afe));
	assert_false(nx_subnet_holds(&s, 0x0a002a01)); /* the bridge */
	assert_false(nx_subnet_holds(&s, 0x0a002a00)); /* the network */
	assert_false(nx_subnet_holds(&s, 0x0a002aff)); /* broadcast */
	assert_false(nx_subnet_holds(&s, 0x0a002b02)); /* next door */
	assert_false(nx_subnet_holds(&s, 0));
}

/* In the smallest one there is the bridge, and one node. */
static void
the_smallest_holds_one_node(void **state)
{
	struct nx_subnet s;
	int n = 0;

	(void)state;
	assert_int_equal(nx_subnet_parse("10.0.42.2/30", &s), 0);
	for (uint32_t a = 0x0a002900; a < 0x0a002b00; a++)
		n += nx_subnet_holds(&s, a);
	assert_int_equal(n, 1);
	assert_true(nx_subnet_holds(&s, 0x0a002a01));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(subnets_are_read),
	    cmocka_unit_test(others_are_refused),
	    cmocka_unit_test(nodes_get_what_is_left),
	    cmocka_unit_test(the_smallest_holds_one_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
