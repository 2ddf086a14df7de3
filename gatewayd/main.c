/*
 * gatewayd: REST over HTTP/1.1 for end users. It trusts no client, holds no key
 * and no file, and can do for a user only what that user's tickets allow; the
 * daemons behind it believe the tickets, not the gateway.
 *
 * It owns the listening socket it inherits (descriptor 3) and its connections.
 */
#include <errno.h>
#include <strings.h>
#include <sys/resource.h>
#include <sodium.h>

#include "common/daemon.h"
#include "common/err.h"
#include "common/log.h"
#include "gatewayd/gateway.h"
#include "gatewayd/routes/routes.h"
#include "gatewayd/sandbox.h"

#define LOST_DRAIN_S 2U   /* new clients wait for the fresh start */
#define TOKENS       4096 /* users' tickets kept at once */

static struct gw_conf conf;
static struct gw gw;
static struct proxies proxies;
static struct nx_daemon daemon_;
static bool nexusd_lost, draining;

static void
on_drained(void *ctx)
{
	(void)ctx;
	nx_daemon_quit(&daemon_);
}

static void
on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	nx_warn("event=drain-timeout connections=%zu",
	    http_server_count(gw.server));
	nx_daemon_quit(&daemon_);
}

/* Finish what is there, take nothing new, go. */
static void
drain(uint64_t seconds)
{
	struct timeval tv = {.tv_sec = (time_t)seconds};

	if (draining)
		return;
	draining = true;
	event_base_once(gw.base, -1, EV_TIMEOUT, on_drain_timeout, NULL, &tv);
	http_server_drain(gw.server);
}

static void
on_stop(void *ctx)
{
	(void)ctx;
	drain(conf.drain_timeout);
}

/* No path leads to nexus.sock from here: the edges there are go on, and when
 * one of them breaks only a fresh start can replace it. */
static void
on_nexusd_lost(void *ctx)
{
	(void)ctx;
	nexusd_lost = true;
	nx_warn("event=nexusd-lost");
}

static void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	(void)ctx;
	if (peer->role == NX_ROLE_SWITCH)
		return;
	/* A daemon that starts has a new ticket key. */
	if (up)
		tokens_forget_all(gw.tokens);
	else if (nexusd_lost)
		drain(LOST_DRAIN_S);
}

static void
listen_inherited(void)
{
	int i, r;

	if (daemon_.listen_fds == 0)
		nx_fatal(0,
		    "no listening socket was passed (LISTEN_FDS); systemd's "
		    "nexus-http.socket and nexus-up do that");
	for (i = 0; i < daemon_.listen_fds; i++) {
		r = http_server_listen(gw.server, 3 + i);
		if (r < 0)
			nx_fatal(r, "listening socket %d", 3 + i);
	}
}

/*
 * A connection with a download holds itself and two windows. Descriptors must
 * not run out: an edge that cannot receive one is lost.
 */
#define FDS_EACH   9U
#define FDS_OTHERS 64U
static void
fit_descriptors(void)
{
	struct rlimit rl;
	uint64_t most;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		nx_fatal(-errno, "getrlimit");
	most = rl.rlim_cur > FDS_OTHERS + FDS_EACH
	    ? (rl.rlim_cur - FDS_OTHERS) / FDS_EACH
	    : 1;
	if (conf.http.max_connections <= most)
		return;
	nx_warn("event=fewer-connections wanted=%llu descriptors=%llu "
		"connections=%llu",
	    (unsigned long long)conf.http.max_connections,
	    (unsigned long long)rl.rlim_cur, (unsigned long long)most);
	conf.http.max_connections = most;
}

/* Whose word on a client's address is taken. */
static void
read_proxies(struct http_config *config)
{
	if (!proxies_parse(&proxies, conf.proxies))
		nx_fatal(0,
		    "[gatewayd] proxies: \"%s\" is not a list of addresses "
		    "and networks, such as 127.0.0.1, 10.0.0.0/8",
		    conf.proxies);
	config->forwarded = strcasecmp(conf.client_header, "Forwarded") == 0;
	if (!config->forwarded &&
	    strcasecmp(conf.client_header, "X-Forwarded-For") != 0)
		nx_fatal(0,
		    "[gatewayd] client_header: \"%s\" is neither "
		    "X-Forwarded-For nor Forwarded",
		    conf.client_header);
	config->proxies = &proxies;
	config->proxy_protocol = conf.proxy_protocol;
}

int
main(int argc, char **argv)
{
	struct http_config config;

	daemon_ = (struct nx_daemon){
	    .name = "gatewayd",
	    .role = NX_ROLE_GATEWAY,
	    .sandbox = &gatewayd_sandbox,
	    .on_peer = on_peer,
	    .on_stop = on_stop,
	    .says_much = true,
	    .on_nexusd_lost = on_nexusd_lost,
	    .conf = &conf,
	    .conf_keys = gw_conf_keys,
	    .n_conf_keys = gw_conf_count,
	};
	nx_daemon_start(&daemon_, argc, argv);
	if (sodium_init() < 0)
		nx_fatal(0, "libsodium");
	gw = (struct gw){.base = daemon_.base,
	    .conf = &conf,
	    .tokens = tokens_new(TOKENS),
	    .shares = shares_new(),
	    .routes = gw_routes};
	config = (struct http_config){.base = daemon_.base,
	    .limits = &conf.http,
	    .ops = &req_exchange_ops,
	    .ctx = &gw,
	    .shares = gw.shares,
	    .on_drained = on_drained};
	read_proxies(&config);
	if (!gw.tokens || !gw.shares ||
	    http_server_new(&config, &gw.server) < 0)
		nx_fatal(-ENOMEM, "start");
	/* Before the drop, which takes the path to nexus.sock away. The uid is
	 * its own from the first instruction, so nexusd sees the right one. */
	nx_daemon_connect(&daemon_);
	gw.hub = daemon_.hub;
	nx_daemon_drop(&daemon_);
	fit_descriptors();
	listen_inherited();
	return nx_daemon_run(&daemon_);
}
