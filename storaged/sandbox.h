/* What storaged and its mkfs child may do; read by the tests. */
#ifndef STORAGED_SANDBOX_H
#define STORAGED_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox storaged_sandbox;
/* The child that runs mkfs.ext4: no capability at all. */
extern const struct nx_sandbox formatter_sandbox;

#endif
