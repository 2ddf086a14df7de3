/*
 * What authd may do once it runs: its loop and its threads, its own directory,
 * its socket to nexusd. No capability, no network, no new thread or program.
 */
#ifndef AUTHD_SANDBOX_H
#define AUTHD_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox authd_sandbox;
/* The one directory is known with the configuration; borrows @dir. */
void authd_sandbox_dir(const char *dir);

#endif
