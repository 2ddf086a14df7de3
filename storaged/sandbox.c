/*
 * storaged keeps CAP_SYS_ADMIN, for four things: configuring loop devices,
 * mounting the ext4 on them, idmapping its view of it, cloning the mount it
 * hands to nodemgr. No other capability: images, chunks and the database are
 * its own files.
 *
 * No Landlock: it denies mount(2) and move_mount(2) to everybody, and files
 * inside a detached mount are beyond its rules (seen on 6.18). What stands in
 * its place: an own mount namespace, an uid that owns nothing but its state
 * directory, and an allow-list without fork, exec and new threads.
 */
#include <linux/capability.h>
#include <linux/loop.h>
#include <fcntl.h>

#include "common/err.h"
#include "storaged/sandbox.h"

#define ANY(n)            \
	{                 \
		.name = n \
	}
#define EQ(n, a, v)                                                    \
	{                                                              \
		.name = n, .test = NX_ARG_EQ, .arg = (a), .value = (v) \
	}

static const struct nx_sys_rule storaged_sys[] = {
    /* volumes */
    EQ("ioctl", 1, LOOP_CTL_GET_FREE),
    EQ("ioctl", 1, LOOP_CONFIGURE),
    EQ("ioctl", 1, LOOP_GET_STATUS64),
    ANY("fsopen"),
    ANY("fsconfig"),
    ANY("fsmount"),
    ANY("open_tree"),
    ANY("move_mount"),
    ANY("mount_setattr"),
    ANY("umount2"),
    ANY("dup3"), /* a disk's images, there or away, keep their number */
    /* chunks */
    ANY("sync_file_range"),
    ANY("mincore"),
    /* what is decoded before it is sent, and whether somebody has it */
    ANY("memfd_create"),
    EQ("fcntl", 1, F_SETLEASE),
    /* keys in locked memory */
    ANY("mlock"),
    ANY("munlock"),
    /* uploads */
    ANY("pipe2"),
    EQ("fcntl", 1, F_SETPIPE_SZ),
};

const struct nx_sandbox storaged_sandbox = {
    .name = "storaged",
    .caps = 1ULL << CAP_SYS_ADMIN,
    .nofile = 8192,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES | NX_SYS_SQLITE,
    .sys = storaged_sys,
    .n_sys = NX_ARRAY_SIZE(storaged_sys),
    .no_landlock = true,
};

/* mkfs.ext4 is somebody else's program: what it may need changes with its
 * version, so unknown calls get ENOSYS. It has one file and no rights. */
static const struct nx_sys_rule formatter_sys[] = {
    ANY("ioctl"),
    ANY("getuid"),
    ANY("geteuid"),
    ANY("getgid"),
    ANY("getegid"),
    ANY("sendto"),
    EQ("fcntl", 1, F_GETLK),
    EQ("fcntl", 1, F_SETLK),
    /* the dynamic loader maps code */
    ANY("mmap"),
    ANY("mprotect"),
    ANY("getrlimit"),
    ANY("setrlimit"),
    ANY("sync_file_range"),
    ANY("setitimer"),
};

const struct nx_sandbox formatter_sandbox = {
    .name = "storaged-mkfs",
    .sys_sets = NX_SYS_BASE | NX_SYS_FILES | NX_SYS_SPAWN,
    .sys = formatter_sys,
    .n_sys = NX_ARRAY_SIZE(formatter_sys),
    .unknown_enosys = true,
    .no_landlock = true,
};
