/*
 * What maild may do once it runs: its loop, its own directory, its socket to
 * nexusd. No capability. While mails go into the outbox no thread and no network;
 * with [maild] deliver = smtp the calls of TCP and of looking up names, which
 * libcurl does in threads.
 */
#ifndef MAILD_SANDBOX_H
#define MAILD_SANDBOX_H

#include "common/sandbox.h"

extern const struct nx_sandbox maild_sandbox, maild_sandbox_smtp;
/* The one directory is known with the configuration; borrows @dir. */
void maild_sandbox_dir(const char *dir);

#endif
