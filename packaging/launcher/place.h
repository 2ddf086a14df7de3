/*
 * Where an instance lives: its directory and the lock on it, who owns what
 * below it, and the private view of the file system in which the daemons find
 * it, even when the clone lies in a directory that is closed to them.
 */
#ifndef UP_PLACE_H
#define UP_PLACE_H

#include "packaging/launcher/up.h"

/*
 * One instance per directory: takes DIR/lock or dies with a sentence. A holder
 * that has died is given ten seconds, its guard may still be tidying up.
 */
void up_lock(struct up *up);

/* Makes DIR/{etc,state,run,log} and what the layout file says is below the
 * second and third, with its owners and modes. */
void up_directories(const struct up *up);

/*
 * Enters a mount namespace of its own with UP_ROOT/{etc,state,run,bin,notify}
 * and a /dev that holds no disk but loop devices, which group disk may use;
 * mounts a cgroup2 on /sys/fs/cgroup where there is none. The host's mount
 * table and device nodes stay as they are.
 */
void up_enter(const struct up *up);

#endif
