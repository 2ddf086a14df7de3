/*
 * System calls that the C library does not wrap (or only newer ones do).
 * Thin: each returns what the kernel says, -errno for a failure.
 */
#ifndef NODEMGR_SYS_H
#define NODEMGR_SYS_H

#include <stdint.h>
#include <sys/types.h>
#include <linux/openat2.h>
#include <linux/sched.h>

/* clone3(2): the pid in the parent, 0 in the child. */
pid_t sys_clone3(struct clone_args *args);
/* openat2(2), always O_CLOEXEC. */
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_execveat(
    int dirfd, const char *path, char *const argv[], char *const envp[]);

#endif
