/* What gatewayd may do: nothing but serve sockets it has. See sandbox.c. */
#ifndef GW_SANDBOX_H
#define GW_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox gatewayd_sandbox;

#endif
