/*
 * Why a process ended, in words.
 */
#ifndef UP_DEATH_H
#define UP_DEATH_H

#include <stddef.h>
#include <sys/types.h>

/*
 * "ended with status 1", "was killed by signal 9 (Killed)". For a process that
 * its own system call filter killed also the name of the call, where the
 * kernel's log has it.
 */
void up_death_describe(pid_t pid, int status, char *out, size_t size);

#endif
