/* See client.h. */
#include "gatewayd/account/client.h"

void
client_agent(const struct req *r, char ret_agent[AGENT_MAX + 1])
{
	struct http_span agent = r->x.head.field[HEAD_USER_AGENT];
	size_t len = agent.len < AGENT_MAX ? agent.len : AGENT_MAX;

	for (size_t i = 0; i < len; i++)
		ret_agent[i] =
		    agent.p[i] >= ' ' && agent.p[i] <= '~' ? agent.p[i] : '?';
	ret_agent[len] = '\0';
}
