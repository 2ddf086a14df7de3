/*
 * The one table of what runs and as whom. User names come from common/role.h
 * and capabilities from each daemon's own sandbox.c, so that neither is written
 * down twice; packaging/systemd/ says the same to systemd.
 */
#ifndef UP_PROGRAMS_H
#define UP_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/role.h"
#include "common/sandbox.h"

#define UP_PROGRAMS 7

struct up_program {
	const char *name;  /* of the file in bin/ and of its log */
	enum nx_role role; /* nx_role_user() is its user */
	const struct nx_sandbox *sandbox;
	const char *group; /* supplementary group, or NULL */
	bool host_net;     /* else a network namespace with nothing in it */
	bool mail_net;     /* the host's where [maild] says that it sends */
	bool delegated;    /* lives in the cgroup subtree that is its own */
	bool http;         /* gets the listening socket as descriptor 3 */
	unsigned keeps;    /* FDSTORE: most descriptors kept for it */
};

/* In the order of starting; stopped in reverse. The first is nexusd. */
extern const struct up_program up_programs[UP_PROGRAMS];

/* What the program is started with: its own, those it needs until it drops,
 * and SETPCAP to empty the bounding set. */
uint64_t up_program_caps(const struct up_program *p);

#endif
