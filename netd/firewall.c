/*
 * The rules; see firewall.h.
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

/* Naming a table before deleting it makes the deletion succeed when it was not
 * there; all in one transaction, so there is no moment without rules. */
static const char ip_rules[] =
    "table ip %1$s\n"
    "delete table ip %1$s\n"
    "table ip %1$s {\n"
    "  chain postrouting {\n"
    "    type nat hook postrouting priority 100; policy accept;\n"
    "    ip saddr %2$s oifname != \"%1$s\" masquerade\n"
    "  }\n"
    "  chain forward {\n"
    "    type filter hook forward priority 0; policy accept;\n"
    "    iifname \"%1$s\" accept\n"
    "    oifname != \"%1$s\" accept\n"
    "    ct state established,related accept\n"
    "    ct status dnat accept\n"
    "    drop\n"
    "  }\n"
    "}\n";

/* By link group and not by name: every link of ours is in it from birth. */
static const char bridge_rules[] =
    "table bridge %1$s\n"
    "delete table bridge %1$s\n"
    "table bridge %1$s {\n"
    "  set links { type ifname . ether_addr . ipv4_addr; %4$s }\n"
    "  chain prerouting {\n"
    "    type filter hook prerouting priority -300; policy accept;\n"
    "    iifgroup != %2$u accept\n"
    "    ether type ip iifname . ether saddr . ip saddr @links accept\n"
    "    ether type arp iifname . ether saddr . arp saddr ip @links\\\n"
    "      iifname . arp saddr ether . arp saddr ip @links accept\n"
    "    drop\n"
    "  }\n"
    "  chain forward {\n"
    "    type filter hook forward priority 0; policy accept;\n"
    "    %3$s\n"
    "  }\n"
    "}\n";

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

static bool
setup_nat(const struct netd_conf *conf, const struct netd_subnet *s)
{
	uint32_t net = s->address & s->mask;
	nx_cleanup_free char *rules = NULL, *error = NULL;
	char cidr[32];

	snprintf(cidr, sizeof(cidr), "%u.%u.%u.%u/%u", net >> 24,
	    net >> 16 & 255, net >> 8 & 255, net & 255, s->prefix);
	if (asprintf(&rules, ip_rules, conf->bridge, cidr) < 0)
		nx_fatal(-ENOMEM, "rules");
	error = run(rules);
	if (error)
		nx_warn("event=no-nat reason=\"%s\" "
			"effect=\"nodes do not reach the outside\"",
		    error);
	return !error;
}

/* "elements = { a, b }" of a set; empty for none. free() it. */
static char *
elements(const struct netd_binding *links, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		nx_fatal(-ENOMEM, "rules");
	for (size_t i = 0; i < n; i++) {
		const uint8_t *m = links[i].mac;
		uint32_t a = links[i].address;

		fprintf(f,
		    "%s\"%s\" . %02x:%02x:%02x:%02x:%02x:%02x . "
		    "%u.%u.%u.%u",
		    i ? ", " : "elements = { ", links[i].ifname, m[0], m[1],
		    m[2], m[3], m[4], m[5], a >> 24, a >> 16 & 255,
		    a >> 8 & 255, a & 255);
	}
	fputs(n ? " };" : "", f);
	if (fclose(f) != 0)
		nx_fatal(-ENOMEM, "rules");
	return text;
}

static bool
setup_filter(
    const struct netd_conf *conf, const struct netd_binding *links, size_t n)
{
	nx_cleanup_free char *rules = NULL, *error = NULL, *set = NULL;
	uint32_t group = netd_group(conf->bridge);
	char isolate[64] = "";

	if (conf->isolate)
		snprintf(isolate, sizeof(isolate),
		    "iifgroup %u oifgroup %u drop", group, group);
	set = elements(links, n);
	if (asprintf(&rules, bridge_rules, conf->bridge, group, isolate, set) <
	    0)
		nx_fatal(-ENOMEM, "rules");
	error = run(rules);
	if (error)
		nx_warn("event=no-filter reason=\"%s\" effect=\"nodes can "
			"claim each other's addresses\"",
		    error);
	return !error;
}

void
netd_firewall_setup(const struct netd_conf *conf,
    const struct netd_subnet *subnet, const struct netd_binding *links,
    size_t n, struct netd_firewall *ret_firewall)
{
	struct netd_firewall f = {0};

	if (conf->nat)
		f.nat = setup_nat(conf, subnet);
	if (!conf->spoofing || conf->isolate)
		f.filter = setup_filter(conf, links, n);
	*ret_firewall = f;
}
