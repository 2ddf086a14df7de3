/* What netd may do: NET_ADMIN over netlink, and no file. See sandbox.c. */
#ifndef NETD_SANDBOX_H
#define NETD_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox netd_sandbox;

#endif
