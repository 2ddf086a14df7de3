/*
 * The groups of system calls daemons compose their allow-list from. What is in
 * no group a daemon names, and not in its own list, kills it.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <fcntl.h>

#include "common/err.h"
#include "common/namespaces.h"
#include "common/sandbox_internal.h"

#define ANY(n)            \
	{                 \
		.name = n \
	}
#define EQ(n, a, v)                                                    \
	{                                                              \
		.name = n, .test = NX_ARG_EQ, .arg = (a), .value = (v) \
	}
#define MASK(n, a, m, v)                                                      \
	{                                                                     \
		.name = n, .test = NX_ARG_MASKED_EQ, .arg = (a), .mask = (m), \
		.value = (v)                                                  \
	}

static const struct nx_sys_rule base[] = {
    /* libevent's loop */
    ANY("epoll_wait"),
    ANY("epoll_pwait"),
    ANY("epoll_pwait2"),
    ANY("epoll_ctl"),
    ANY("poll"),
    ANY("ppoll"),
    /* edges and eventfds that exist already */
    ANY("recvmsg"),
    ANY("sendmsg"),
    ANY("read"),
    ANY("readv"),
    ANY("write"),
    ANY("writev"),
    ANY("close"),
    ANY("close_range"),
    ANY("shutdown"),
    ANY("getsockopt"),
    ANY("fstat"),
    ANY("newfstatat"),
    ANY("lseek"),
    EQ("fcntl", 1, F_GETFL),
    EQ("fcntl", 1, F_SETFL),
    EQ("fcntl", 1, F_GETFD),
    EQ("fcntl", 1, F_SETFD),
    EQ("fcntl", 1, F_DUPFD_CLOEXEC),
    EQ("fcntl", 1, F_GET_SEALS),
    EQ("fcntl", 1, F_ADD_SEALS),
    /* memory: nothing becomes executable */
    ANY("brk"),
    MASK("mmap", 2, 4, 0),
    MASK("mprotect", 2, 4, 0),
    ANY("munmap"),
    ANY("mremap"),
    ANY("madvise"),
    /* time, randomness, waiting, own threads */
    ANY("clock_gettime"),
    ANY("clock_nanosleep"),
    ANY("nanosleep"),
    ANY("gettimeofday"),
    ANY("time"),
    ANY("getrandom"),
    ANY("futex"),
    ANY("sched_yield"),
    ANY("getpid"),
    ANY("gettid"),
    ANY("tgkill"),
    ANY("set_robust_list"),
    ANY("rseq"),
    ANY("sched_getaffinity"),
    ANY("getrusage"),
    ANY("uname"),
    ANY("sysinfo"),
    /* signals and the end */
    ANY("rt_sigreturn"),
    ANY("rt_sigaction"),
    ANY("rt_sigprocmask"),
    ANY("sigaltstack"),
    ANY("restart_syscall"),
    ANY("exit"),
    ANY("exit_group"),
};

static const struct nx_sys_rule connect_set[] = {
    {.name = "socket", .test = NX_ARG_EQ, .arg = 0, .value = AF_UNIX},
    ANY("connect"),
};

static const struct nx_sys_rule files[] = {
    ANY("openat"),
    ANY("open"),
    ANY("stat"),
    ANY("lstat"),
    ANY("statx"),
    ANY("access"),
    ANY("faccessat"),
    ANY("faccessat2"),
    ANY("readlink"),
    ANY("readlinkat"),
    ANY("getdents64"),
    ANY("pread64"),
    ANY("preadv"),
    ANY("preadv2"),
    ANY("pwrite64"),
    ANY("pwritev"),
    ANY("fsync"),
    ANY("fdatasync"),
    ANY("ftruncate"),
    ANY("fallocate"),
    ANY("rename"),
    ANY("renameat"),
    ANY("renameat2"),
    ANY("unlink"),
    ANY("unlinkat"),
    ANY("mkdir"),
    ANY("mkdirat"),
    ANY("rmdir"),
    ANY("linkat"),
    ANY("chmod"),
    ANY("fchmod"),
    ANY("fchmodat"),
    ANY("umask"),
    ANY("statfs"),
    ANY("fstatfs"),
    ANY("fadvise64"),
    ANY("getcwd"),
    ANY("utimensat"),
};

static const struct nx_sys_rule sqlite[] = {
    EQ("fcntl", 1, F_SETLK),
    EQ("fcntl", 1, F_GETLK),
    ANY("fchown"),
    ANY("geteuid"),
    ANY("getuid"),
    ANY("getegid"),
    ANY("getgid"),
};

static const struct nx_sys_rule threads[] = {
    /* glibc starts a thread with clone3 and falls back on clone. */
    {.name = "clone3", .refuse_errno = 38 /* ENOSYS: arguments unseen */},
    MASK("clone", 0, NX_NAMESPACES, 0),
    ANY("set_tid_address"),
    ANY("prctl"),
    ANY("sched_setaffinity"),
    ANY("sched_getparam"),
    ANY("sched_getscheduler"),
};

static const struct nx_sys_rule spawn[] = {
    ANY("clone"),
    ANY("clone3"),
    ANY("vfork"),
    ANY("fork"),
    ANY("execve"),
    ANY("execveat"),
    ANY("wait4"),
    ANY("waitid"),
    ANY("dup"),
    ANY("dup2"),
    ANY("dup3"),
    ANY("pipe2"),
    ANY("pipe"),
    ANY("kill"),
    ANY("pidfd_open"),
    ANY("pidfd_send_signal"),
    ANY("getppid"),
    ANY("setsid"),
    ANY("setpgid"),
    ANY("prctl"),
    ANY("prlimit64"),
    ANY("arch_prctl"),
    ANY("set_tid_address"),
};

static const struct nx_sys_rule listen_set[] = {
    ANY("accept4"),
    ANY("accept"),
    ANY("setsockopt"),
    ANY("getsockname"),
    ANY("getpeername"),
    ANY("recvfrom"),
    ANY("sendto"),
    EQ("ioctl", 1, FIONREAD),
};

static const struct nx_sys_rule send_set[] = {
    ANY("sendfile"),
    ANY("splice"),
    ANY("tee"),
};

static const struct nx_sys_rule netlink[] = {
    EQ("socket", 0, AF_NETLINK),
    ANY("bind"),
    ANY("getsockname"),
    ANY("setsockopt"),
    ANY("recvfrom"),
    ANY("sendto"),
};

static const struct nx_sys_rule inet[] = {
    EQ("socket", 0, AF_INET),
    EQ("socket", 0, AF_INET6),
    ANY("bind"),
    ANY("getsockname"),
    ANY("getpeername"),
    ANY("setsockopt"),
    ANY("recvfrom"),
    ANY("sendto"),
    ANY("sendmmsg"),
    EQ("ioctl", 1, FIONREAD),
    EQ("socketpair", 0, AF_UNIX),
    /* getaddrinfo asks the kernel for this host's addresses; without the
     * answer it takes IPv4 and IPv6 to be there. */
    {.name = "socket",
	.test = NX_ARG_EQ,
	.arg = 0,
	.value = AF_NETLINK,
	.refuse_errno = EAFNOSUPPORT},
};

#define LIST(s, l)                     \
	{                              \
		s, l, NX_ARRAY_SIZE(l) \
	}
const struct nx_sys_list nx_sys_lists[] = {
    LIST(NX_SYS_BASE, base),
    LIST(NX_SYS_CONNECT, connect_set),
    LIST(NX_SYS_FILES, files),
    LIST(NX_SYS_SQLITE, sqlite),
    LIST(NX_SYS_THREADS, threads),
    LIST(NX_SYS_SPAWN, spawn),
    LIST(NX_SYS_LISTEN, listen_set),
    LIST(NX_SYS_SEND, send_set),
    LIST(NX_SYS_NETLINK, netlink),
    LIST(NX_SYS_INET, inet),
};
const size_t nx_sys_lists_count = NX_ARRAY_SIZE(nx_sys_lists);
