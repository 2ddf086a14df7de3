/*
 * The rules as text, and their way into the kernel.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nftables/libnftables.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "netd/bridge.h"
#include "netd/firewall.h"
#include "netd/resolvers.h"

/* Naming a table before deleting it makes the deletion succeed when it was not
 * there; all in one transaction, so there is no moment without rules. */
#define REPLACE(family)           \
	"table " family " %1$s\n" \
	"delete table " family " %1$s\n"

/*
 * %1 the bridge, %2 its address, %3 what is refused as private (or nothing),
 * %4 name servers, %5 the way out of the rest.
 *
 * A reset and not silence where a node asks for what it is not to have: a
 * program that waits for a time-out is one more fault to look for. Link-local
 * addresses, where clouds keep their secrets, are no place at all.
 * From the bridge to the bridge is what the other table has let pass: where
 * br_netfilter is at work, it comes by here as well.
 */
static const char inet_rules[] =
    REPLACE("inet") "table inet %1$s {\n"
		    "  set connected { type ipv4_addr; flags interval; }\n"
		    "  set resolvers { type ipv4_addr; %4$s }\n"
		    "  chain input {\n"
		    "    type filter hook input priority 0; policy accept;\n"
		    "    iifname != \"%1$s\" accept\n"
		    "    ct state established,related accept\n"
		    "    ip daddr %2$s icmp type echo-request accept\n"
		    "    ip daddr 169.254.0.0/16 counter drop\n"
		    "    meta l4proto tcp counter reject with tcp reset\n"
		    "    counter reject with icmpx admin-prohibited\n"
		    "  }\n"
		    "  chain forward {\n"
		    "    type filter hook forward priority 0; policy accept;\n"
		    "    iifname \"%1$s\" goto out\n"
		    "    oifname \"%1$s\" goto in\n"
		    "  }\n"
		    "  chain out {\n"
		    "    oifname \"%1$s\" accept\n"
		    "    ct state established,related accept\n"
		    "    meta nfproto ipv6 counter drop\n"
		    "    ip daddr 169.254.0.0/16 counter drop\n"
		    "    ip daddr @resolvers meta l4proto { tcp, udp } th "
		    "dport 53 accept\n"
		    "    %3$s\n"
		    "    %5$s\n"
		    "  }\n"
		    "  chain in {\n"
		    "    ct state established,related accept\n"
		    "    ct status dnat accept\n"
		    "    counter drop\n"
		    "  }\n"
		    "}\n";

#define PROHIBIT "counter reject with icmpx admin-prohibited"
/* Private addresses, multicast, and what is no address of anybody's. */
#define NEIGHBOURS                                                         \
	"ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, " \
	"192.168.0.0/16, 224.0.0.0/3 } " PROHIBIT "\n"                     \
	"    ip daddr @connected " PROHIBIT

/* Not where the table is replaced: without NAT nodes are kept apart as well. */
static const char nat_rules[] =
    "table inet %1$s {\n"
    "  chain postrouting {\n"
    "    type nat hook postrouting priority 100; policy accept;\n"
    "    ip saddr %2$s oifname != \"%1$s\" masquerade\n"
    "  }\n"
    "}\n";

/*
 * %1 the bridge, %2 its link group: by group and not by name, as every link of
 * ours is in it from birth; %3 who may send what, %4 to whom, %5 to %7 the
 * elements that are there already, %8 the subnet, %9 the bridge's address.
 * What is for the bridge's own hardware (pkttype host) and for another node
 * wants to be routed to it, past "forward". The mark ends where the link does:
 * the kernel clears it on the way into another namespace.
 */
static const char bridge_rules[] = REPLACE(
    "bridge") "table bridge %1$s {\n"
	      "  set links { type ifname . ether_addr . ipv4_addr; %5$s }\n"
	      "  map owners { type ifname : mark; %6$s }\n"
	      "  set owned { type ifname . mark; %7$s }\n"
	      "  chain prerouting {\n"
	      "    type filter hook prerouting priority -300; policy accept;\n"
	      "    iifgroup != %2$u accept\n"
	      "    ether type ip ip saddr 169.254.0.0/16 counter drop\n"
	      "    ether type ip ip daddr 169.254.0.0/16 counter drop\n"
	      "    meta pkttype host ip daddr %8$s ip daddr != %9$s counter "
	      "drop\n"
	      "    %3$s\n"
	      "  }\n"
	      "  chain forward {\n"
	      "    type filter hook forward priority 0; policy accept;\n"
	      "    iifgroup != %2$u accept\n"
	      "    oifgroup != %2$u accept\n"
	      "    %4$s\n"
	      "    counter drop\n"
	      "  }\n"
	      "  chain output {\n"
	      "    type filter hook output priority 0; policy accept;\n"
	      "    oifgroup %2$u ether type ip ip saddr 169.254.0.0/16 counter "
	      "drop\n"
	      "  }\n"
	      "}\n";

#define OWN_ADDRESSES                                                    \
	"ether type ip iifname . ether saddr . ip saddr @links accept\n" \
	"    ether type arp iifname . ether saddr . arp saddr ip @links" \
	" iifname . arp saddr ether . arp saddr ip @links accept\n"      \
	"    counter drop"
#define OWN_NODES \
	"meta mark set iifname map @owners oifname . meta mark @owned accept"

/* NULL, or what the kernel or the library did not like; free() it. */
static char *
run(const char *rules)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char *error = NULL;

	if (!nft)
		return strdup("no context");
	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	if (nft_run_cmd_from_buffer(nft, rules) != 0) {
		error = strdup(nft_ctx_get_error_buffer(nft));
		if (error)
			error[strcspn(error, "\n")] = '\0';
	}
	nft_ctx_free(nft);
	return error;
}

__attribute__((format(printf, 1, 2))) static char *
format(const char *rules, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, rules);
	if (vasprintf(&text, rules, ap) < 0)
		nx_fatal(-ENOMEM, "rules");
	va_end(ap);
	return text;
}

/* False, and a line in the log, when this kernel cannot. Frees @rules. */
static bool
put(char *rules, const char *event, const char *effect)
{
	nx_cleanup_free char *error = run(rules);

	free(rules);
	if (error)
		nx_warn("event=%s reason=\"%s\" effect=\"%s\"", event, error,
		    effect);
	return !error;
}

/* --- elements that are there from the start -------------------------------------*/

#define ADDRESS   "%u.%u.%u.%u"
#define OCTETS(a) (a) >> 24, (a) >> 16 & 255, (a) >> 8 & 255, (a)&255

static void
print_link(FILE *f, const struct netd_binding *b)
{
	const uint8_t *m = b->mac;

	fprintf(f, "\"%s\" . %02x:%02x:%02x:%02x:%02x:%02x . " ADDRESS,
	    b->ifname, m[0], m[1], m[2], m[3], m[4], m[5], OCTETS(b->address));
}

static void
print_owner(FILE *f, const struct netd_binding *b)
{
	fprintf(f, "\"%s\" : %u", b->ifname, b->user);
}

static void
print_owned(FILE *f, const struct netd_binding *b)
{
	fprintf(f, "\"%s\" . %u", b->ifname, b->user);
}

/* "elements = { a, b };" of a set; empty for none. free() it. */
static char *
elements(void (*print)(FILE *f, const struct netd_binding *b),
    const struct netd_binding *links, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		nx_fatal(-ENOMEM, "rules");
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "elements = { ", f);
		print(f, &links[i]);
	}
	fputs(n ? " };" : "", f);
	if (fclose(f) != 0)
		nx_fatal(-ENOMEM, "rules");
	return text;
}

static char *
resolvers(void)
{
	uint32_t servers[NETD_RESOLVERS_MAX];
	size_t n = netd_resolvers_read(servers);
	char *text = format("%s", n ? "elements = { " : "");

	for (size_t i = 0; i < n; i++) {
		nx_cleanup_free char *before = text;

		text = format("%s" ADDRESS "%s", before, OCTETS(servers[i]),
		    i + 1 < n ? ", " : " };");
	}
	return text;
}

/* --- the tables -----------------------------------------------------------------*/

static bool
setup_routed(const struct netd_conf *conf, const char *gateway)
{
	nx_cleanup_free char *servers = resolvers();

	return put(format(inet_rules, conf->bridge, gateway,
		       conf->lan ? "" : NEIGHBOURS, servers,
		       conf->nat ? "accept" : PROHIBIT),
	    "no-isolation",
	    "nodes reach the services of this host and its neighbours");
}

static bool
setup_nat(const struct netd_conf *conf, const char *cidr)
{
	return put(format(nat_rules, conf->bridge, cidr), "no-nat",
	    "nodes do not reach the outside");
}

static bool
setup_filter(const struct netd_conf *conf, const char *cidr,
    const char *gateway, const struct netd_binding *links, size_t n)
{
	nx_cleanup_free char *senders = elements(print_link, links, n);
	nx_cleanup_free char *owners = elements(print_owner, links, n);
	nx_cleanup_free char *owned = elements(print_owned, links, n);

	return put(format(bridge_rules, conf->bridge, netd_group(conf->bridge),
		       conf->spoofing ? "" : OWN_ADDRESSES,
		       conf->isolate ? "" : OWN_NODES, senders, owners, owned,
		       cidr, gateway),
	    "no-filter",
	    "nodes reach those of others and can claim their addresses");
}

void
netd_firewall_setup(const struct netd_conf *conf,
    const struct nx_subnet *subnet, const struct netd_binding *links, size_t n,
    struct netd_firewall *ret_firewall)
{
	uint32_t net = nx_subnet_network(subnet);
	nx_cleanup_free char *cidr =
	    format(ADDRESS "/%u", OCTETS(net), subnet->prefix);
	nx_cleanup_free char *gateway =
	    format(ADDRESS, OCTETS(subnet->address));
	struct netd_firewall f = {0};

	f.routed = setup_routed(conf, gateway);
	f.nat = conf->nat && setup_nat(conf, cidr);
	f.filter = setup_filter(conf, cidr, gateway, links, n);
	*ret_firewall = f;
}
