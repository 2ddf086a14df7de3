/*
 * What an instance needs of the host itself.
 */
#ifndef UP_HOST_H
#define UP_HOST_H

#include "packaging/launcher/up.h"

/* The listening socket on 127.0.0.1. Dies when the port is taken. */
int up_listen(uint16_t port);
/* Asks for the kernel's modules, quietly: they may be built in, or come by
 * themselves. */
void up_modules(void);
/* Turns on IPv4 forwarding when the nodes are to reach the outside, and
 * remembers in run/ how it was. */
void up_forward(const struct up *up);
/* Puts it back as it was. 0 or -errno. */
int up_forward_restore(void);

/* Runs @argv with an environment of PATH and @env (NULL or one NAME=value), as
 * root, its output the terminal's unless @quiet, for at most @timeout_ms, then
 * kills it. The wait status, or -errno (-ETIMEDOUT). */
int up_run(
    const char *const argv[], const char *env, bool quiet, int timeout_ms);

#endif
