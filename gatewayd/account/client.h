/* What a client says of itself. */
#ifndef GW_CLIENT_H
#define GW_CLIENT_H

#include "gatewayd/routes/routes.h"

#define AGENT_MAX 128

/* Its User-Agent, what fits of it, '?' for what is not plain ASCII. */
void client_agent(const struct req *r, char ret_agent[AGENT_MAX + 1]);

#endif
