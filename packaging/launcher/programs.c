/*
 * The table of programs: who is started how.
 */
#include <linux/capability.h>

#include "packaging/launcher/programs.h"

#include "authd/maild/sandbox.h"
#include "authd/sandbox.h"
#include "gatewayd/sandbox.h"
#include "netd/sandbox.h"
#include "nexusd/sandbox.h"
#include "nodemgr/sandbox.h"
#include "storaged/sandbox.h"

const struct up_program up_programs[UP_PROGRAMS] = {
    {.name = "nexusd",
	.role = NX_ROLE_SWITCH,
	.sandbox = &nexusd_sandbox,
	.keeps = 128},
    {.name = "storaged",
	.role = NX_ROLE_STORAGE,
	.sandbox = &storaged_sandbox,
	.group = "disk"},
    {.name = "netd",
	.role = NX_ROLE_NET,
	.sandbox = &netd_sandbox,
	.host_net = true},
    {.name = "nodemgr",
	.role = NX_ROLE_NODE,
	.sandbox = &nodemgr_sandbox,
	.delegated = true},
    {.name = "maild",
	.role = NX_ROLE_MAIL,
	.sandbox = &maild_sandbox,
	.mail_net = true},
    {.name = "authd", .role = NX_ROLE_AUTH, .sandbox = &authd_sandbox},
    {.name = "gatewayd",
	.role = NX_ROLE_GATEWAY,
	.sandbox = &gatewayd_sandbox,
	.http = true},
};

uint64_t
up_program_caps(const struct up_program *p)
{
	return p->sandbox->caps | p->sandbox->start_caps |
	    (1ULL << CAP_SETPCAP);
}
