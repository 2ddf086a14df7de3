#ifndef GW_SANDBOX_H
#define GW_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox gatewayd_sandbox;

#endif
