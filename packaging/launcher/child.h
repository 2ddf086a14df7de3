/*
 * Starting one daemon under its own identity.
 */
#ifndef UP_CHILD_H
#define UP_CHILD_H

#include <sys/types.h>

#include "packaging/launcher/programs.h"
#include "packaging/launcher/up.h"

struct up_ids {
	uid_t uid;
	gid_t gid;
	gid_t group; /* supplementary, or (gid_t)-1 */
};

/* A daemon whose loop has said nothing for so long does not turn any more. */
#define UP_WATCHDOG_MS 30000

/* Looks up the program's user and group, and that it is there. Dies with a
 * sentence. */
void up_ids_find(
    const struct up *up, const struct up_program *p, struct up_ids *ret_ids);

/* Descriptors to hand over, from 3 up, with their names joined by ':'. */
struct up_pass {
	const int *fds;
	size_t n;
	const char *names;
};

/*
 * Forks and executes it with @output as stdout and stderr (borrowed). Whatever
 * fails in the child is a line on @output and exit status 127. Returns the pid
 * or -errno.
 */
pid_t up_child_start(const struct up *up, const struct up_program *p,
    const struct up_ids *ids, const struct up_pass *pass, int output);

#endif
