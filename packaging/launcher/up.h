/*
 * nexus-up: a whole Nexus in the foreground, for `make up`. What systemd and
 * the package do on an installed host, this does from a clone: the users'
 * identities, directories, capabilities, namespaces, a delegated cgroup, the
 * listening socket, supervision, and leaving nothing behind.
 *
 * It runs as root and trusts the person who started it, the programs in bin/
 * and the files packaging/ holds. From the daemons it takes lines of text and
 * notify messages, each on a channel of the daemon's own; it parses nothing
 * else and is reachable by nobody else.
 */
#ifndef UP_UP_H
#define UP_UP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "netd/conf.h"

#define UP_ROOT "/mnt/nexus" /* where the daemons find everything */

/* Options and what follows from them. Paths are absolute, of the host. */
struct up_options {
	uint16_t port;
	char dir[PATH_MAX];    /* state of this instance: build/up */
	int dir_fd;            /* the same, seen to be root's alone: what is
				* written there goes through it, for the
				* directories above may be others' */
	char bin[PATH_MAX];    /* the programs */
	char layout[PATH_MAX]; /* packaging/tmpfiles.d/nexus.conf */
	char bridge[16];       /* for a configuration file yet to be written */
	char subnet[32];
};

/* Exits after --help and on wrong usage. */
void up_options_parse(struct up_options *o, int argc, char **argv);

struct up {
	struct up_options opt;
	int lock_fd;
	int listen_fd;
	int bridge_lock;
	struct netd_conf net; /* of the instance's nexus.conf */
	char cgroup[64];      /* its own, below /sys/fs/cgroup */
	bool controllers;     /* cgroup v2 memory, cpu and pids are here */
};

/* For people: "nexus-up: ..." on stderr. up_die() exits 1. */
void up_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void up_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void
up_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
