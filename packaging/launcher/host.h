/*
 * What an instance needs of the host itself.
 */
#ifndef UP_HOST_H
#define UP_HOST_H

#include "packaging/launcher/up.h"

/* The listening socket on 127.0.0.1. Dies when the port is taken. */
int up_listen(uint16_t port);
/* Takes the bridge's name; dies when another Nexus on this host has it. */
void up_lock_bridge(struct up *up);
/* Asks for the kernel's modules, quietly: they may be built in, or come by
 * themselves. */
void up_modules(void);
/* netd turns on IPv4 forwarding for the nodes' way out. Remembers below etc/
 * how it was; puts it back. 0, also when nothing is remembered, or -errno. */
void up_forward_save(void);
int up_forward_restore(void);

/* Starts @argv as root with an environment of PATH and @env (NULL or one
 * NAME=value), its output the terminal's unless @quiet. The pid or -errno. */
pid_t up_spawn(const char *const argv[], const char *env, bool quiet);
/* The same, and waits at most @timeout_ms, then kills it. The wait status, or
 * -errno (-ETIMEDOUT). */
int
up_run(const char *const argv[], const char *env, bool quiet, int timeout_ms);

#endif
