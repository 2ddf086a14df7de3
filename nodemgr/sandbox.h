/*
 * What nodemgr keeps: see sandbox.c.
 */
#ifndef NODEMGR_SANDBOX_H
#define NODEMGR_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox nodemgr_sandbox;

#endif
