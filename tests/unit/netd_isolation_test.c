/*
 * Whom nodes reach, and whom not: the host, its neighbours, the outside, each
 * other. All of it in namespaces of the test's own:
 *
 *	node ── nexus0 ── host ── 192.168.7.2, 203.0.113.2 ── 198.51.100.9
 */
#include "netd/watch.h"
#include "tests/unit/netd_lab.h"

#define IP(a, b, c, d)                                                    \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | \
	    (uint32_t)(d))
#define NODE_C "cccccccccccccccccccccccccccccccc"

static struct event_base *base;
static struct netd_links *links;
static struct netd_watch *watch;
static struct netd_conf conf;
static struct nx_subnet subnet;
static struct netd_firewall firewall;
static uint32_t bridge;
static int rtnl = -1, nfnl = -1, own_net = -1, own_user = -1, listener = -1;
static struct node a, b, c; /* a and b are user 7's, c is user 8's */
static struct node router;  /* and what is behind it */

__attribute__((format(printf, 1, 2))) static void
shell(const char *command, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, command);
	vsnprintf(text, sizeof(text), command, ap);
	va_end(ap);
	assert_int_equal(system(text), 0);
}

static void
run_loop(unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static struct node
attached(const char *id, uint32_t address, uint32_t user)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	struct netd_owner o = {.address = address, .user = user};
	char ifname[16], error[256] = "";

	memcpy(o.node, id, sizeof(o.node));
	assert_int_equal(netd_links_attach(
			     links, bridge, &subnet, &o, n.sock, ifname, error),
	    0);
	assert_int_equal(node_order(&n, LISTEN, 0), 0);
	return n;
}

/* --- the host -----------------------------------------------------------------*/

static void
the_host_answers_ping_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(node_order(&a, PING, ADDR(2)), 0);
	/* A service on 0.0.0.0, by each address the host has. */
	assert_int_equal(node_order(&a, CONNECT, ADDR(1)), -ECONNREFUSED);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(192, 168, 7, 1)), -ECONNREFUSED);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(203, 0, 113, 1)), -ECONNREFUSED);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(169, 254, 7, 7)), -ETIMEDOUT);
}

static void
the_host_reaches_nodes(void **state)
{
	(void)state;
	assert_int_equal(lab_connect(ADDR(2)), 0);
	assert_int_equal(lab_connect(ADDR(4)), 0);
}

/* --- beyond -------------------------------------------------------------------*/

static void
neighbours_are_out_of_reach(void **state)
{
	(void)state;
	assert_int_equal(
	    node_order(&a, CONNECT, IP(192, 168, 7, 2)), -EHOSTUNREACH);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(203, 0, 113, 2)), -EHOSTUNREACH);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(10, 1, 2, 3)), -EHOSTUNREACH);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(169, 254, 169, 254)), -ETIMEDOUT);
}

static void
the_outside_is_not(void **state)
{
	(void)state;
	assert_int_equal(node_order(&a, CONNECT, IP(198, 51, 100, 9)), 0);
}

/* The network behind the router becomes one the host is a part of. */
static void
a_network_that_is_joined_later_counts(void **state)
{
	(void)state;
	shell("ip route replace 198.51.100.0/24 dev lan");
	run_loop(300);
	assert_int_equal(
	    node_order(&a, CONNECT, IP(198, 51, 100, 9)), -EHOSTUNREACH);
	shell("ip route replace 198.51.100.0/24 via 203.0.113.2");
	run_loop(300);
	assert_int_equal(node_order(&a, CONNECT, IP(198, 51, 100, 9)), 0);
}

static void
as_the_configuration_says(void **state)
{
	nx_cleanup_free struct netd_binding *there = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(netd_owner_bindings(rtnl, "nexus0", &there, &n), 0);
	conf.isolate = true;
	netd_firewall_setup(&conf, &subnet, there, n, &firewall);
	assert_int_equal(node_order(&a, CONNECT, ADDR(3)), -ETIMEDOUT);
	assert_int_equal(node_order(&a, PING, ADDR(2)), 0);
	conf.isolate = false;
	conf.lan = true;
	netd_firewall_setup(&conf, &subnet, NULL, 0, &firewall);
	shell("nft list table inet nexus0 | grep -q 169.254");
	shell("! nft list table inet nexus0 | grep -q 192.168");
	conf.lan = conf.nat = false;
	netd_firewall_setup(&conf, &subnet, NULL, 0, &firewall);
	assert_false(firewall.nat);
	assert_true(firewall.routed);
	shell("! nft list table inet nexus0 | grep -q masquerade");
	conf.nat = true;
}

/* --- each other ---------------------------------------------------------------*/

static void
own_nodes_are_reached(void **state)
{
	(void)state;
	assert_int_equal(node_order(&a, CONNECT, ADDR(3)), 0);
	assert_int_equal(node_order(&b, CONNECT, ADDR(2)), 0);
}

static void
those_of_others_are_not(void **state)
{
	int r;

	(void)state;
	r = node_order(&a, CONNECT, ADDR(4));
	assert_true(r == -ETIMEDOUT || r == -EHOSTUNREACH);
	r = node_order(&c, CONNECT, ADDR(2));
	assert_true(r == -ETIMEDOUT || r == -EHOSTUNREACH);
	/* Nor by way of the host, which routes. */
	assert_int_equal(node_order(&a, ROUTE, ADDR(4)), 0);
	assert_int_equal(node_order(&a, CONNECT, ADDR(4)), -ETIMEDOUT);
}

static void
they_stay_apart_when_netd_restarts(void **state)
{
	nx_cleanup_free struct netd_binding *there = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(netd_owner_bindings(rtnl, "nexus0", &there, &n), 0);
	assert_int_equal(n, 3);
	netd_firewall_setup(&conf, &subnet, there, n, &firewall);
	own_nodes_are_reached(state);
	assert_int_equal(node_order(&a, CONNECT, ADDR(4)), -ETIMEDOUT);
}

static void
ended_nodes_leave_the_sets(void **state)
{
	nx_cleanup_free struct netd_binding *there = NULL;
	struct netd_link link;
	size_t n = 0;

	(void)state;
	/* Its link goes with its namespace, and nobody calls detach. */
	node_end(&c);
	for (int i = 0; i < 100; i++) {
		run_loop(50);
		if (netd_link_get(
			rtnl, "nex-cccccccccc0", netd_soon(), &link) == -ENODEV)
			break;
	}
	run_loop(300);
	shell("! nft list table bridge nexus0 | grep -q nex-cccccccccc");
	shell("nft list table bridge nexus0 | grep -q nex-aaaaaaaaaa");
	assert_int_equal(netd_owner_bindings(rtnl, "nexus0", &there, &n), 0);
	assert_int_equal(netd_sets_keep(nfnl, "nexus0", there, n), 0);
	own_nodes_are_reached(state);
	/* And a name changes hands. */
	there[0].user = 9;
	assert_int_equal(netd_sets_bind(nfnl, "nexus0", &there[0], true), 0);
	there[0].user = 7;
	assert_int_equal(netd_sets_bind(nfnl, "nexus0", &there[0], true), 0);
	own_nodes_are_reached(state);
}

/* --- the lab ------------------------------------------------------------------*/

static void
make_surroundings(void)
{
	router = node_new(CLONE_NEWNET);
	shell("ip link set lo up && ip addr add 169.254.7.7/32 dev lo &&"
	      "ip link add lan type veth peer name eth0 netns %d &&"
	      "ip addr add 192.168.7.1/24 dev lan &&"
	      "ip addr add 203.0.113.1/24 dev lan && ip link set lan up &&"
	      "echo 1 >/proc/sys/net/ipv4/ip_forward",
	    router.pid);
	shell("nsenter -t %d -n sh -c 'ip link set lo up &&"
	      "ip addr add 192.168.7.2/24 dev eth0 &&"
	      "ip addr add 203.0.113.2/24 dev eth0 &&"
	      "ip addr add 198.51.100.9/32 dev lo && ip link set eth0 up'",
	    router.pid);
	shell("ip route add 198.51.100.0/24 via 203.0.113.2 &&"
	      "ip route add 10.1.0.0/16 via 203.0.113.2");
	assert_int_equal(node_order(&router, LISTEN, 0), 0);
}

static int
setup(void **state)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_port = htons(PORT)};
	struct netd_links_config config = {.bridge = "nexus0"};
	struct netd_watch_config watching = {.bridge = "nexus0"};
	char error[256];

	(void)state;
	conf = (struct netd_conf){.bridge = strdup("nexus0"), .nat = true};
	if (unshare(CLONE_NEWNET) < 0 || !(base = event_base_new()))
		return -1;
	make_surroundings();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 16), 0);
	config.rtnl = watching.rtnl = rtnl = netd_rtnl_open();
	config.own_net = own_net = netd_netns_of(rtnl);
	config.own_user = own_user =
	    open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	assert_int_equal(nx_subnet_parse("10.0.42.1/24", &subnet), 0);
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &subnet, &bridge, error), 0);
	netd_firewall_setup(&conf, &subnet, NULL, 0, &firewall);
	if (!firewall.filter || !firewall.routed || !firewall.nat)
		return 0;
	config.base = watching.base = base;
	config.nfnl = watching.nfnl = nfnl = netd_nfnl_open();
	assert_int_equal(netd_links_new(&config, &links), 0);
	assert_int_equal(netd_watch_new(&watching, &watch), 0);
	a = attached(NODE_A, ADDR(2), 7);
	b = attached(NODE_B, ADDR(3), 7);
	c = attached(NODE_C, ADDR(4), 8);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	node_end(&a);
	node_end(&b);
	node_end(&router);
	watch = netd_watch_free(watch);
	links = netd_links_free(links);
	event_base_free(base);
	free(conf.bridge);
	nx_close(&rtnl);
	nx_close(&nfnl);
	nx_close(&own_net);
	nx_close(&own_user);
	nx_close(&listener);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_host_answers_ping_and_nothing_else),
	    cmocka_unit_test(the_host_reaches_nodes),
	    cmocka_unit_test(neighbours_are_out_of_reach),
	    cmocka_unit_test(the_outside_is_not),
	    cmocka_unit_test(a_network_that_is_joined_later_counts),
	    cmocka_unit_test(own_nodes_are_reached),
	    cmocka_unit_test(those_of_others_are_not),
	    cmocka_unit_test(they_stay_apart_when_netd_restarts),
	    cmocka_unit_test(ended_nodes_leave_the_sets),
	    cmocka_unit_test(as_the_configuration_says),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root for namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
