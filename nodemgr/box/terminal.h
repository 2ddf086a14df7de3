/*
 * A terminal of a node's own, for who runs a command in it: made from the
 * node's devpts, so that the name it has there is its own, job control works,
 * and hanging up ends what runs on it. Nothing of the caller's terminal ever
 * gets in; the near end goes out instead, to be relayed.
 */
#ifndef NODEMGR_TERMINAL_H
#define NODEMGR_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Opens a new one in the root this process is in, @rows by @columns (0: as the
 * kernel makes it). The near end and the far end, both CLOEXEC and nobody's
 * controlling terminal. 0, or -errno: -ENODEV when what is at /dev/pts/ptmx is
 * no such thing.
 */
int
nx_terminal_open(uint32_t rows, uint32_t columns, int *ret_near, int *ret_far);
/* Is @fd the near end of a terminal of some devpts? */
bool nx_terminal_is_near(int fd);

#endif
