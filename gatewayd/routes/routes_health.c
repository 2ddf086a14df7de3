/*
 * For supervisors and load balancers: is it alive, and has it its daemons.
 */
#include "gatewayd/routes/route.h"

void
health_live(struct req *r)
{
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "status", "ok");
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

void
health_ready(struct req *r)
{
	struct nx_hub *hub = r->gw->hub;
	bool auth = nx_hub_peer(hub, NX_ROLE_AUTH) != NULL;
	bool storage = nx_hub_peer(hub, NX_ROLE_STORAGE) != NULL;
	bool node = nx_hub_peer(hub, NX_ROLE_NODE) != NULL;
	bool ready = auth && storage && node && !r->gw->draining;
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_bool(&b, "ready", ready);
	json_bool(&b, "auth", auth);
	json_bool(&b, "storage", storage);
	json_bool(&b, "node", node);
	json_bool(&b, "draining", r->gw->draining);
	json_close(&b, '}');
	reply_json(r, ready ? 200 : 503, &b);
}
