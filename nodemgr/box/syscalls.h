/*
 * What programs in nodes and functions may call. Lists that are each used twice:
 * by the node's filter (filter.c) and by nodemgr's own (sandbox.c), which every
 * process in a node inherits and which therefore must not be narrower.
 *
 * Sources: the default profiles of moby and of containers/common, compared; what
 * needs a capability that no node has is left out.
 */
#ifndef NODEMGR_SYSCALLS_H
#define NODEMGR_SYSCALLS_H

/* clang-format off */
/* Allowed in functions and in nodes. */
#define NX_SYSCALLS_COMMON(S)                                                  \
	S(access) S(alarm) S(arch_prctl) S(brk) S(capget) S(chdir)             \
	S(chmod) S(chown) S(clock_getres) S(clock_gettime)                     \
	S(clock_nanosleep) S(clone) S(close) S(close_range)                    \
	S(copy_file_range) S(creat) S(dup) S(dup2) S(dup3)                     \
	S(epoll_create) S(epoll_create1) S(epoll_ctl) S(epoll_pwait)           \
	S(epoll_pwait2) S(epoll_wait) S(eventfd) S(eventfd2) S(execve)         \
	S(execveat) S(exit) S(exit_group) S(faccessat) S(faccessat2)           \
	S(fadvise64) S(fallocate) S(fchdir) S(fchmod) S(fchmodat)              \
	S(fchmodat2) S(fchown) S(fchownat) S(fcntl) S(fdatasync)               \
	S(fgetxattr) S(flistxattr) S(flock) S(fork) S(fremovexattr)            \
	S(fsetxattr) S(fstat) S(fstatfs) S(fsync) S(ftruncate)                 \
	S(futex) S(futex_requeue) S(futex_wait) S(futex_waitv)                 \
	S(futex_wake) S(getcpu) S(getcwd) S(getdents) S(getdents64)            \
	S(getegid) S(geteuid) S(getgid) S(getgroups) S(getitimer)              \
	S(getpeername) S(getpgid) S(getpgrp) S(getpid) S(getppid)              \
	S(getpriority) S(getrandom) S(getresgid) S(getresuid)                  \
	S(getrlimit) S(get_robust_list) S(getrusage) S(getsid)                 \
	S(getsockname) S(getsockopt) S(get_thread_area) S(gettid)              \
	S(gettimeofday) S(getuid) S(getxattr) S(getxattrat)                    \
	S(inotify_add_watch) S(inotify_init) S(inotify_init1)                  \
	S(inotify_rm_watch) S(ioctl) S(ioprio_get) S(kill)                     \
	S(landlock_add_rule) S(landlock_create_ruleset)                        \
	S(landlock_restrict_self) S(lchown) S(lgetxattr) S(link)               \
	S(linkat) S(listmount) S(listxattr) S(listxattrat)                     \
	S(llistxattr) S(lseek) S(lstat) S(madvise) S(membarrier)               \
	S(memfd_create) S(mincore) S(mkdir) S(mkdirat) S(mlock)                \
	S(mlock2) S(mlockall) S(mmap) S(mprotect) S(mremap) S(mseal)           \
	S(msync) S(munlock) S(munlockall) S(munmap) S(nanosleep)               \
	S(newfstatat) S(open) S(openat) S(openat2) S(pause)                    \
	S(personality) S(pidfd_open) S(pidfd_send_signal) S(pipe)              \
	S(pipe2) S(pkey_alloc) S(pkey_free) S(pkey_mprotect) S(poll)           \
	S(ppoll) S(prctl) S(pread64) S(preadv) S(preadv2) S(prlimit64)         \
	S(pselect6) S(pwrite64) S(pwritev) S(pwritev2) S(read)                 \
	S(readahead) S(readlink) S(readlinkat) S(readv) S(recvfrom)            \
	S(recvmmsg) S(recvmsg) S(remap_file_pages) S(removexattr)              \
	S(removexattrat) S(rename) S(renameat) S(renameat2)                    \
	S(restart_syscall) S(rmdir) S(riscv_hwprobe) S(rseq)                   \
	S(rt_sigaction) S(rt_sigpending) S(rt_sigprocmask)                     \
	S(rt_sigqueueinfo) S(rt_sigreturn) S(rt_sigsuspend)                    \
	S(rt_sigtimedwait) S(rt_tgsigqueueinfo) S(sched_getaffinity)           \
	S(sched_getattr) S(sched_getparam) S(sched_get_priority_max)           \
	S(sched_get_priority_min) S(sched_getscheduler)                        \
	S(sched_rr_get_interval) S(sched_setaffinity) S(sched_yield)           \
	S(seccomp) S(select) S(sendfile) S(sendmmsg) S(sendmsg)                \
	S(sendto) S(setitimer) S(setpgid) S(setpriority) S(setrlimit)          \
	S(set_robust_list) S(setsid) S(setsockopt) S(set_thread_area)          \
	S(set_tid_address) S(setxattr) S(setxattrat) S(shutdown)               \
	S(sigaltstack) S(signalfd) S(signalfd4) S(socketpair)                  \
	S(splice) S(stat) S(statfs) S(statmount) S(statx) S(symlink)           \
	S(symlinkat) S(sync_file_range) S(sysinfo) S(tee) S(tgkill)            \
	S(time) S(timer_create) S(timer_delete) S(timer_getoverrun)            \
	S(timer_gettime) S(timer_settime) S(timerfd_create)                    \
	S(timerfd_gettime) S(timerfd_settime) S(times) S(tkill)                \
	S(truncate) S(umask) S(uname) S(unlink) S(unlinkat) S(utime)           \
	S(utimensat) S(utimes) S(vfork) S(vmsplice) S(wait4) S(waitid)         \
	S(write) S(writev)

/* Allowed in nodes only. */
#define NX_SYSCALLS_NODE(S)                                                    \
	S(accept) S(accept4) S(bind) S(cachestat) S(capset) S(chroot)          \
	S(clock_adjtime) S(connect) S(adjtimex) S(io_cancel)                   \
	S(io_destroy) S(io_getevents) S(io_pgetevents) S(ioprio_set)           \
	S(io_setup) S(io_submit) S(listen) S(lremovexattr)                     \
	S(lsetxattr) S(map_shadow_stack) S(memfd_secret) S(mknod)              \
	S(mknodat) S(modify_ldt) S(mq_getsetattr) S(mq_notify)                 \
	S(mq_open) S(mq_timedreceive) S(mq_timedsend) S(mq_unlink)             \
	S(msgctl) S(msgget) S(msgrcv) S(msgsnd) S(name_to_handle_at)           \
	S(process_mrelease) S(ptrace) S(process_vm_readv)                      \
	S(process_vm_writev) S(sched_setattr) S(sched_setparam)                \
	S(sched_setscheduler) S(semctl) S(semget) S(semop)                     \
	S(semtimedop) S(setfsgid) S(setfsuid) S(setgid) S(setgroups)           \
	S(setregid) S(setresgid) S(setresuid) S(setreuid) S(setuid)            \
	S(shmat) S(shmctl) S(shmdt) S(shmget) S(socket) S(sync)                \
	S(syncfs) S(uretprobe)

/* Known, and refused with EPERM wherever they come from. */
#define NX_SYSCALLS_REFUSED(S)                                                 \
	S(add_key) S(bpf) S(clock_settime) S(fanotify_init)                    \
	S(fanotify_mark)                                                       \
	S(fspick) S(get_mempolicy) S(io_uring_enter)                           \
	S(io_uring_register) S(io_uring_setup) S(kcmp) S(keyctl)               \
	S(lookup_dcookie) S(lsm_get_self_attr) S(lsm_list_modules)             \
	S(lsm_set_self_attr) S(mbind) S(migrate_pages) S(move_pages)           \
	S(nfsservctl) S(open_by_handle_at) S(open_tree_attr)                   \
	S(perf_event_open) S(pidfd_getfd) S(process_madvise)                   \
	S(quotactl) S(quotactl_fd) S(request_key) S(set_mempolicy)             \
	S(set_mempolicy_home_node) S(setdomainname) S(settimeofday)            \
	S(syslog) S(userfaultfd) S(uselib) S(ustat) S(vhangup)                 \
	S(_sysctl) S(reboot) S(sysfs) S(vserver) S(afs_syscall)                \
	S(tuxcall) S(getpmsg) S(putpmsg) S(security) S(create_module)          \
	S(get_kernel_syms) S(query_module) S(epoll_ctl_old)                    \
	S(epoll_wait_old)

/* Refused inside, and needed by nodemgr itself to make the inside. */
#define NX_SYSCALLS_MANAGER(S)                                                 \
	S(clone3) S(mount) S(umount2) S(open_tree) S(move_mount)               \
	S(fsopen) S(fsconfig) S(fsmount) S(mount_setattr) S(setns)             \
	S(unshare) S(pivot_root) S(sethostname)

/* clang-format on */
#endif
