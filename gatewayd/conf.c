/*
 * The keys of [gatewayd] in nexus.conf.
 */
#include "common/err.h"
#include "gatewayd/gateway.h"

#define KEY(k, member, type, def, min, max)                                  \
	{                                                                    \
		"gatewayd", #k, type, offsetof(struct gw_conf, member), def, \
		    min, max                                                 \
	}
#define HTTP(k, type, def, min, max) KEY(k, http.k, type, def, min, max)

const struct nx_conf_key gw_conf_keys[] = {
    HTTP(max_connections, NX_CONF_UINT, "2000", 1, 7000),
    HTTP(max_per_address, NX_CONF_UINT, "500", 1, 7000),
    HTTP(header_timeout, NX_CONF_UINT, "10", 1, 600),
    HTTP(idle_timeout, NX_CONF_UINT, "60", 1, 3600),
    HTTP(min_rate, NX_CONF_SIZE, "1K", 1, 1 << 30),
    KEY(max_streams, max_streams, NX_CONF_UINT, "256", 1, 900),
    KEY(max_uploads, max_uploads, NX_CONF_UINT, "256", 1, 7000),
    KEY(proxies, proxies, NX_CONF_STRING, "", 0, 0),
    KEY(proxy_protocol, proxy_protocol, NX_CONF_BOOL, "no", 0, 0),
    KEY(client_header, client_header, NX_CONF_STRING, "X-Forwarded-For", 0, 0),
    KEY(drain_timeout, drain_timeout, NX_CONF_UINT, "20", 0, 3600),
};
const size_t gw_conf_count = NX_ARRAY_SIZE(gw_conf_keys);
