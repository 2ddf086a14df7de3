/* What nexusd may do: accept, make socket pairs, no more. See sandbox.c. */
#ifndef NX_NEXUSD_SANDBOX_H
#define NX_NEXUSD_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox nexusd_sandbox;

#endif
