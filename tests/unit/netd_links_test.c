/*
 * Bridge, links, firewall and teardown, on a network of the test's own.
 */
#include "tests/unit/netd_lab.h"

static struct event_base *base;
static struct netd_links *links;
static struct netd_conf conf;
static struct nx_subnet subnet;
static struct netd_firewall firewall;
static uint32_t bridge;
static int rtnl = -1, nfnl = -1, own_net = -1, own_user = -1;

static bool
exists(const char *name)
{
	struct netd_link link;

	return netd_link_get(rtnl, name, netd_soon(), &link) == 0;
}

static int
count_one(const struct netd_link *link, void *arg)
{
	*(int *)arg += strcmp(link->kind, "veth") == 0;
	return 0;
}

static int
count_links(void)
{
	int n = 0;

	assert_int_equal(netd_link_each(rtnl, count_one, &n), 0);
	return n;
}

/* The kernel removes links of a namespace that ended in its own time. */
static void
wait_links(int wanted)
{
	for (int i = 0; i < 300 && count_links() != wanted; i++)
		usleep(10000);
	assert_int_equal(count_links(), wanted);
}

static int
attach_owner(struct node *n, const char *id, uint32_t address, char *name)
{
	struct netd_owner o = {.address = address};
	char ifname[16] = "", error[256] = "";
	int r;

	memcpy(o.node, id, sizeof(o.node));
	r = netd_links_attach(
	    links, bridge, &subnet, &o, n->sock, name ? name : ifname, error);
	assert_true((r == 0) == (error[0] == '\0'));
	return r;
}

static void
run_loop(unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

/* --- the bridge -------------------------------------------------------------*/

static void
bridge_is_made_once_and_adopted(void **state)
{
	struct netd_link link;
	uint32_t again;
	char error[256];

	(void)state;
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &subnet, &again, error), 0);
	assert_int_equal(again, bridge);
	assert_int_equal(netd_link_get(rtnl, "nexus0", netd_soon(), &link), 0);
	assert_true(link.up);
	assert_string_equal(link.kind, "bridge");
	assert_memory_equal(link.mac, "\x02\x6e\x0a\x00\x2a\x01", 6);
}

static struct nl_msg *
stranger(const char *kind, uint32_t group)
{
	struct nl_msg *msg =
	    netd_link_msg(16, 0x600 /* CREATE|EXCL */, 0, 0, 0);
	struct nlattr *info;

	nla_put_string(msg, 3 /* IFLA_IFNAME */, "nexus7");
	nla_put_u32(msg, 27 /* IFLA_GROUP */, group);
	info = nla_nest_start(msg, 18 /* IFLA_LINKINFO */);
	nla_put_string(msg, 1, kind);
	nla_nest_end(msg, info);
	return msg;
}

static void
strangers_are_refused(void **state)
{
	struct netd_link link;
	char error[256] = "";
	uint32_t index = 7;

	(void)state;
	/* A bridge, but not ours. */
	assert_int_equal(
	    netd_talk(rtnl, stranger("bridge", 0), netd_soon(), NULL, NULL), 0);
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus7", &subnet, &index, error),
	    -EEXIST);
	assert_non_null(strstr(error, "nexus7"));
	assert_int_equal(index, 7);
	assert_int_equal(netd_link_get(rtnl, "nexus7", netd_soon(), &link), 0);
	assert_false(link.up);
	/* Nor does an end of ours take it along. */
	assert_int_equal(netd_bridge_remove(rtnl, "nexus7"), 0);
	assert_true(exists("nexus7"));
	assert_int_equal(netd_link_delete(rtnl, link.index), 0);
	/* Our group, but no bridge. */
	assert_int_equal(netd_talk(rtnl, stranger("ifb", netd_group("nexus7")),
			     netd_soon(), NULL, NULL) == 0 ||
		!exists("nexus7"),
	    1);
	if (exists("nexus7"))
		assert_int_equal(
		    netd_bridge_ensure(rtnl, "nexus7", &subnet, &index, error),
		    -EEXIST);
	assert_int_equal(netd_bridge_remove(rtnl, "nexus7"), 0);
}

static void
a_changed_subnet_replaces_the_address(void **state)
{
	struct nx_subnet other;
	char error[256];
	uint32_t index;

	(void)state;
	assert_int_equal(nx_subnet_parse("10.0.43.1/24", &other), 0);
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &other, &index, error), 0);
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &subnet, &index, error), 0);
	assert_int_equal(index, bridge);
}

/* --- attaching --------------------------------------------------------------*/

static void
attach_and_talk_to_the_host(void **state)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	char name[16], again[16];

	(void)state;
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), name), 0);
	assert_string_equal(name, "nex-aaaaaaaaaa0");
	assert_true(exists(name));
	assert_int_equal(node_order(&n, PING, ADDR(2)), 0);
	/* The reply got lost, nodemgr asks again. */
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), again), 0);
	assert_string_equal(again, name);
	assert_int_equal(count_links(), 1);
	assert_int_equal(node_order(&n, PING, ADDR(2)), 0);
	/* Another node's link cannot go into this one as well. */
	assert_int_equal(attach_owner(&n, NODE_B, ADDR(3), NULL), -EEXIST);
	assert_int_equal(count_links(), 1);
	node_end(&n);
	wait_links(0);
}

static void
a_restarted_node_need_not_wait(void **state)
{
	struct node old = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	struct node new = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	char name[16];

	(void)state;
	assert_int_equal(attach_owner(&old, NODE_A, ADDR(2), NULL), 0);
	/* Its old namespace is still there, so the old name is taken. */
	assert_int_equal(attach_owner(&new, NODE_A, ADDR(2), name), 0);
	assert_string_equal(name, "nex-aaaaaaaaaa1");
	assert_int_equal(node_order(&new, PING, ADDR(2)), 0);
	/* What is left of the old one is removed in time. */
	run_loop(1300);
	assert_int_equal(count_links(), 1);
	assert_true(exists(name));
	node_end(&old);
	node_end(&new);
	wait_links(0);
}

static void
detach_removes_if_the_namespace_does_not(void **state)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);

	(void)state;
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), NULL), 0);
	assert_int_equal(netd_links_detach(links, NODE_A), 0);
	/* At once: it cannot send any more. */
	if (firewall.filter)
		assert_int_equal(node_order(&n, PING, ADDR(2)), -ETIMEDOUT);
	run_loop(1300);
	assert_int_equal(count_links(), 0);
	assert_int_equal(netd_links_detach(links, NODE_A), 0);
	node_end(&n);
}

static void
the_hosts_network_is_out_of_bounds(void **state)
{
	struct node own = {.sock = netd_rtnl_open()};
	struct node admins = node_new(CLONE_NEWNET);

	(void)state;
	assert_int_equal(attach_owner(&own, NODE_A, ADDR(2), NULL), -EPERM);
	assert_int_equal(attach_owner(&admins, NODE_A, ADDR(2), NULL), -EPERM);
	assert_int_equal(count_links(), 0);
	nx_close(&own.sock);
	node_end(&admins);
}

static void
a_hostile_node_only_hurts_itself(void **state)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	struct node good = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	uint64_t start = nx_now_us();
	int r;

	(void)state;
	node_order(&n, STEAL, 0);
	r = attach_owner(&n, NODE_A, ADDR(2), NULL);
	assert_true(r == 0 || r == -ETIMEDOUT);
	assert_true(nx_now_us() - start < 4000000);
	if (r < 0)
		assert_int_equal(count_links(), 0);
	assert_int_equal(attach_owner(&good, NODE_B, ADDR(3), NULL), 0);
	node_end(&n);
	node_end(&good);
	wait_links(0);
}

static void
nobody_speaks_for_others(void **state)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);

	(void)state;
	if (!firewall.filter) {
		print_message("no nf_tables for bridges here\n");
		node_end(&n);
		skip();
	}
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), NULL), 0);
	assert_int_equal(node_order(&n, PING, ADDR(2)), 0);
	assert_int_equal(node_order(&n, ADD, ADDR(9)), 0);
	assert_int_equal(node_order(&n, PING, ADDR(9)), -ETIMEDOUT);
	assert_int_equal(node_order(&n, PING, ADDR(2)), 0);
	assert_int_equal(node_order(&n, SET_MAC, ADDR(9)), 0);
	assert_int_equal(node_order(&n, PING, ADDR(2)), -ETIMEDOUT);
	/* A connection that cannot be closed any more keeps the namespace alive
	 * for minutes after its last process: then the link goes by itself. */
	node_end(&n);
	assert_int_equal(netd_links_detach(links, NODE_A), 0);
	run_loop(1300);
	assert_int_equal(count_links(), 0);
}

static void
a_restart_of_netd_changes_nothing(void **state)
{
	struct node n = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	struct netd_binding *there = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), NULL), 0);
	assert_int_equal(
	    netd_owner_bindings(rtnl, "nexus0", &there, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(there[0].ifname, "nex-aaaaaaaaaa0");
	assert_int_equal(there[0].address, ADDR(2));
	netd_firewall_setup(&conf, &subnet, there, count, &firewall);
	assert_int_equal(node_order(&n, PING, ADDR(2)), 0);
	assert_int_equal(attach_owner(&n, NODE_A, ADDR(2), NULL), 0);
	free(there);
	node_end(&n);
	wait_links(0);
}

static void
teardown_takes_all_of_it(void **state)
{
	struct node a = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	struct node b = node_new(CLONE_NEWUSER | CLONE_NEWNET);
	char error[256];

	(void)state;
	assert_int_equal(attach_owner(&a, NODE_A, ADDR(2), NULL), 0);
	assert_int_equal(attach_owner(&b, NODE_B, ADDR(3), NULL), 0);
	assert_int_equal(netd_teardown("nexus0", error), 0);
	assert_false(exists("nexus0"));
	assert_int_equal(count_links(), 0);
	assert_int_equal(netd_teardown("nexus0", error), 0);
	/* And attaching brings the bridge back first. */
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &subnet, &bridge, error), 0);
	node_end(&a);
	node_end(&b);
}

/* --- the lab ----------------------------------------------------------------*/

static int
setup(void **state)
{
	struct netd_links_config config = {.bridge = "nexus0"};
	char error[256];

	(void)state;
	conf = (struct netd_conf){
	    .bridge = config.bridge ? strdup("nexus0") : NULL, .nat = true};
	if (unshare(CLONE_NEWNET) < 0 || !(base = event_base_new()))
		return -1;
	rtnl = netd_rtnl_open();
	own_net = netd_netns_of(rtnl);
	own_user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	assert_int_equal(nx_subnet_parse("10.0.42.1/24", &subnet), 0);
	assert_int_equal(
	    netd_bridge_ensure(rtnl, "nexus0", &subnet, &bridge, error), 0);
	netd_firewall_setup(&conf, &subnet, NULL, 0, &firewall);
	if (firewall.filter)
		nfnl = netd_nfnl_open();
	config.base = base;
	config.rtnl = rtnl;
	config.nfnl = nfnl;
	config.own_net = own_net;
	config.own_user = own_user;
	return netd_links_new(&config, &links);
}

static int
teardown(void **state)
{
	(void)state;
	links = netd_links_free(links);
	event_base_free(base);
	free(conf.bridge);
	nx_close(&rtnl);
	nx_close(&nfnl);
	nx_close(&own_net);
	nx_close(&own_user);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bridge_is_made_once_and_adopted),
	    cmocka_unit_test(strangers_are_refused),
	    cmocka_unit_test(a_changed_subnet_replaces_the_address),
	    cmocka_unit_test(attach_and_talk_to_the_host),
	    cmocka_unit_test(a_restarted_node_need_not_wait),
	    cmocka_unit_test(detach_removes_if_the_namespace_does_not),
	    cmocka_unit_test(the_hosts_network_is_out_of_bounds),
	    cmocka_unit_test(a_hostile_node_only_hurts_itself),
	    cmocka_unit_test(nobody_speaks_for_others),
	    cmocka_unit_test(a_restart_of_netd_changes_nothing),
	    cmocka_unit_test(teardown_takes_all_of_it),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root for namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
