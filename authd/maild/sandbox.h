/*
 * What maild may do once it runs: its loop, its own directory, its socket to
 * nexusd. No capability, no thread, no network.
 */
#ifndef MAILD_SANDBOX_H
#define MAILD_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox maild_sandbox;
/* The one directory is known with the configuration; borrows @dir. */
void maild_sandbox_dir(const char *dir);

#endif
