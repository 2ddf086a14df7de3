/*
 * For supervisors and load balancers: is it alive, and has it its daemons.
 */
#include "common/err.h"
#include "gatewayd/routes/route.h"

static void
health_live(struct req *r)
{
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "status", "ok");
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
health_ready(struct req *r)
{
	struct nx_hub *hub = r->gw->hub;
	bool auth = nx_hub_peer(hub, NX_ROLE_AUTH) != NULL;
	bool storage = nx_hub_peer(hub, NX_ROLE_STORAGE) != NULL;
	bool node = nx_hub_peer(hub, NX_ROLE_NODE) != NULL;
	bool ready = auth && storage && node && !exchange_draining(&r->x);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_bool(&b, "ready", ready);
	json_bool(&b, "auth", auth);
	json_bool(&b, "storage", storage);
	json_bool(&b, "node", node);
	json_bool(&b, "draining", exchange_draining(&r->x));
	json_close(&b, '}');
	reply_json(r, ready ? 200 : 503, &b);
}

/* Whoever probes may put anything behind it, to pass caches. */
static const struct route rows[] = {
    {HTTP_M_GET, "/livez", ROUTE_NO_BODY, ROUTE_SMALL, 0, health_live, "*"},
    {HTTP_M_GET, "/readyz", ROUTE_NO_BODY, ROUTE_SMALL, 0, health_ready, "*"},
};
const struct route_table health_routes = {rows, NX_ARRAY_SIZE(rows)};
