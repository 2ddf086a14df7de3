/*
 * Giving up power, and proving it. Every daemon has one `struct nx_sandbox` in
 * its sandbox.c; the tests compare it with what the kernel says of the running
 * process, and try a call that is not on its list.
 *
 * The supervisor (systemd, or nexus-up behind `make up`) starts each daemon
 * under its own uid with ambient capabilities `caps | start_caps | SETPCAP`.
 *
 * nx_sandbox_drop: no descriptor beyond the expected, umask 077, rlimits, no
 * core, (chroot), bounding set emptied, securebits locked, ambient cleared,
 * permitted = effective = caps, inheritable empty, each of it proven by trying
 * to get it back; not dumpable; no_new_privs.
 * nx_sandbox_filter: Landlock where the kernel has it, then the seccomp
 * allow-list for all threads, default KILL_PROCESS.
 */
#ifndef NX_SANDBOX_H
#define NX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups of system calls (sandbox_sets.c lists what is in each). */
enum nx_sys_set {
	NX_SYS_BASE = 1 << 0,    /* loop, memory, time, signals, open edges */
	NX_SYS_CONNECT = 1 << 1, /* socket(AF_UNIX, SEQPACKET) and connect */
	NX_SYS_FILES = 1 << 2,   /* open, stat, read, write, rename, sync ... */
	NX_SYS_SQLITE = 1 << 3, /* what SQLite in WAL mode needs beyond FILES */
	NX_SYS_THREADS = 1 << 4, /* starting further threads */
	NX_SYS_SPAWN = 1 << 5,   /* fork, exec, wait */
	NX_SYS_LISTEN =
	    1 << 6,           /* accept4 and TCP options on inherited sockets */
	NX_SYS_SEND = 1 << 7, /* sendfile, splice */
	NX_SYS_NETLINK = 1 << 8, /* socket(AF_NETLINK), bind, getsockname */
	NX_SYS_INET = 1 << 9,    /* TCP to others, and asking for their names */
};

/* One further call, with an optional test of one argument. */
struct nx_sys_rule {
	const char *name; /* as libseccomp knows it; unknown ones are skipped */
	enum { NX_ARG_ANY, NX_ARG_EQ, NX_ARG_MASKED_EQ } test;
	unsigned arg;
	uint64_t mask; /* NX_ARG_MASKED_EQ: (arg & mask) == value */
	uint64_t value;
	int refuse_errno; /* not 0: answer with this errno instead of allowing */
};

/* A directory or file the daemon may use, for Landlock. */
struct nx_path_rule {
	const char *path; /* absolute; missing ones are skipped */
	bool write;       /* create, change and remove below it, else read */
	bool execute;
};

struct nx_sandbox {
	const char *name;
	uint64_t caps;       /* kept: mask of 1ULL << CAP_x */
	uint64_t start_caps; /* only until the drop */
	const char *root;    /* chroot to this empty directory, or NULL; the
			      * daemon skeleton puts <run_dir>/empty here;
			      * needs CAP_SYS_CHROOT in start_caps */
	bool keep_dumpable;  /* nodemgr writes its children's uid_map */
	uint32_t nofile;     /* RLIMIT_NOFILE; 0: 1024 */
	uint32_t sys_sets;   /* mask of enum nx_sys_set */
	const struct nx_sys_rule *sys;
	size_t n_sys;
	bool
	    unknown_enosys; /* calls that are on no list get ENOSYS, not a kill:
			      * only where others' programs inherit the filter */
	bool no_landlock;   /* mount(2) is denied under Landlock */
	const struct nx_path_rule *paths;
	size_t n_paths;
};

/* Both exit on any failure: there is no half a sandbox. @paths may have been
 * adjusted to the configuration by the caller. */
void nx_sandbox_drop(const struct nx_sandbox *s);
void nx_sandbox_filter(const struct nx_sandbox *s);
/* The paths alone, now: Landlock reaches the calling thread and those it
 * starts, so who starts threads before nx_sandbox_filter calls this first. */
void nx_sandbox_paths(const struct nx_sandbox *s);
/* Kernel's Landlock ABI, 0: none. */
int nx_landlock_abi(void);
/* For a child that is to exec a helper (mkfs.ext4): clears ambient and all
 * capability sets of the calling process. 0 or -errno. */
int nx_caps_clear(void);

#endif
