/*
 * Calls that fail to order: the @nth of a kind, of this program and of the
 * libraries it has, libsqlite3 among them. They take the place of the C library's.
 * What the test itself calls is never among them: it comes first in the program,
 * so what calls from before storaged's own first function is the test.
 *
 * Memory fails storaged only, not the libraries it stands on; and not under the
 * address sanitizer, which has an allocator of its own.
 */
#ifndef STORAGED_FAULTS_H
#define STORAGED_FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <dlfcn.h>
#include <sqlite3.h>

#include "proto/serve_storaged.h"
#include "storaged/storaged.h"

enum fault_kind {
	FAULT_WRITE,
	FAULT_SYNC,
	FAULT_OPEN, /* whatever gives a descriptor */
	FAULT_NAME, /* linkat, rename, unlink */
	FAULT_READ,
	FAULT_DEVICE, /* loop devices and mounts */
	FAULT_MMAP,
	FAULT_MEMORY,
	FAULT_STEP, /* of SQLite */
	FAULT_KINDS,
};

static const char *const fault_names[FAULT_KINDS] = {"write", "sync", "open",
    "name", "read", "device", "mmap", "memory", "step"};

static struct {
	bool armed;
	bool database; /* the catalogue's own calls, or everybody else's */
	bool any;      /* or both */
	enum fault_kind kind;
	int nth, error;
	bool struck;
	int seen[FAULT_KINDS]; /* of each kind since it was armed */
} fault;

/* --- whose call it is -------------------------------------------------------*/

#define CALLER ((uintptr_t)__builtin_return_address(0))

static inline bool
fault_is_tests(uintptr_t caller)
{
	return caller < (uintptr_t)storaged_on_peer;
}

static inline bool
fault_is_storageds(uintptr_t caller)
{
	return !fault_is_tests(caller) && caller < (uintptr_t)serve_volume_list;
}

/* A file or a directory, not a pipe or a socket; is it of the catalogue? */
static inline bool
fault_is_file(int fd, bool *ret_database)
{
	char link[64], path[256];
	struct stat st;
	ssize_t n;

	if (fd >= 0 &&
	    (fstat(fd, &st) < 0 ||
		!(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	*ret_database = strstr(path, "/storage.db") != NULL;
	return true;
}

/* --- whether it is due ------------------------------------------------------*/

static inline bool
fault_due(enum fault_kind kind)
{
	int n;

	if (!__atomic_load_n(&fault.armed, __ATOMIC_SEQ_CST))
		return false;
	n = __atomic_add_fetch(&fault.seen[kind], 1, __ATOMIC_SEQ_CST);
	if (kind != fault.kind || n != fault.nth)
		return false;
	__atomic_store_n(&fault.struck, true, __ATOMIC_SEQ_CST);
	errno = fault.error;
	return true;
}

/* A database that fails ends the program, but for a full disk; that has a test
 * of its own, with @fault.database. */
static inline bool
fault_due_on(enum fault_kind kind, int fd, uintptr_t caller)
{
	bool database = false;

	if (!__atomic_load_n(&fault.armed, __ATOMIC_SEQ_CST) ||
	    fault_is_tests(caller) || !fault_is_file(fd, &database))
		return false;
	if (!fault.any && fault.database != database &&
	    !(database && kind == FAULT_WRITE && fault.error == ENOSPC))
		return false;
	return fault_due(kind);
}

#define FAULT_FD(kind, fd, call) (fault_due_on(kind, fd, CALLER) ? -1 : (call))
#define FAULT_ANY(kind, call)                                          \
	(!fault.database && !fault_is_tests(CALLER) && fault_due(kind) \
		? -1                                                   \
		: (call))

/* --- the calls --------------------------------------------------------------*/

int
fdatasync(int fd)
{
	return (int)FAULT_FD(FAULT_SYNC, fd, syscall(SYS_fdatasync, fd));
}

int
fsync(int fd)
{
	return (int)FAULT_FD(FAULT_SYNC, fd, syscall(SYS_fsync, fd));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return FAULT_FD(FAULT_WRITE, fd, syscall(SYS_write, fd, data, len));
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return FAULT_FD(
	    FAULT_WRITE, fd, syscall(SYS_pwrite64, fd, data, len, at));
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return FAULT_FD(
	    FAULT_WRITE, fd, syscall(SYS_pwrite64, fd, data, len, at));
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return FAULT_FD(
	    FAULT_WRITE, fd, syscall(SYS_pwritev, fd, iov, (long)n, at, 0L));
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	return (int)FAULT_FD(
	    FAULT_WRITE, fd, syscall(SYS_fallocate, fd, mode, at, len));
}

int
ftruncate(int fd, off_t len)
{
	return (int)FAULT_FD(FAULT_WRITE, fd, syscall(SYS_ftruncate, fd, len));
}

ssize_t
pread(int fd, void *to, size_t len, off_t at)
{
	return FAULT_FD(FAULT_READ, fd, syscall(SYS_pread64, fd, to, len, at));
}

ssize_t __pread_chk(int fd, void *to, size_t len, off_t at, size_t room);
ssize_t
__pread_chk(int fd, void *to, size_t len, off_t at, size_t room)
{
	(void)room;
	return FAULT_FD(FAULT_READ, fd, syscall(SYS_pread64, fd, to, len, at));
}

ssize_t
pread64(int fd, void *to, size_t len, off_t at)
{
	return FAULT_FD(FAULT_READ, fd, syscall(SYS_pread64, fd, to, len, at));
}

static inline int
fault_mode(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE
	    ? va_arg(ap, int)
	    : 0;
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = fault_mode(flags, ap);
	va_end(ap);
	return (int)FAULT_ANY(
	    FAULT_OPEN, syscall(SYS_openat, dir, path, flags, mode));
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = fault_mode(flags, ap);
	va_end(ap);
	return (int)FAULT_ANY(
	    FAULT_OPEN, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int
memfd_create(const char *name, unsigned flags)
{
	return (int)FAULT_ANY(
	    FAULT_OPEN, syscall(SYS_memfd_create, name, flags));
}

int
pipe2(int fds[2], int flags)
{
	return (int)FAULT_ANY(FAULT_OPEN, syscall(SYS_pipe2, fds, flags));
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	return (int)FAULT_ANY(
	    FAULT_NAME, syscall(SYS_linkat, from, old, to, new, flags));
}

int
renameat(int from, const char *old, int to, const char *new)
{
	return (int)FAULT_ANY(
	    FAULT_NAME, syscall(SYS_renameat2, from, old, to, new, 0));
}

int
renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	return (int)FAULT_ANY(
	    FAULT_NAME, syscall(SYS_renameat2, from, old, to, new, flags));
}

int
rename(const char *old, const char *new)
{
	return (int)FAULT_ANY(FAULT_NAME,
	    syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0));
}

int
unlinkat(int dir, const char *name, int flags)
{
	return (int)FAULT_ANY(
	    FAULT_NAME, syscall(SYS_unlinkat, dir, name, flags));
}

int
mkdirat(int dir, const char *name, mode_t mode)
{
	return (int)FAULT_ANY(
	    FAULT_NAME, syscall(SYS_mkdirat, dir, name, mode));
}

int
fsopen(const char *name, unsigned flags)
{
	return (int)FAULT_ANY(FAULT_DEVICE, syscall(SYS_fsopen, name, flags));
}

int
fsmount(int fd, unsigned flags, unsigned attributes)
{
	return (int)FAULT_ANY(
	    FAULT_DEVICE, syscall(SYS_fsmount, fd, flags, attributes));
}

int
open_tree(int dir, const char *name, unsigned flags)
{
	return (int)FAULT_ANY(
	    FAULT_DEVICE, syscall(SYS_open_tree, dir, name, flags));
}

int
move_mount(int from, const char *old, int to, const char *new, unsigned flags)
{
	return (int)FAULT_ANY(
	    FAULT_DEVICE, syscall(SYS_move_mount, from, old, to, new, flags));
}

int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (int)FAULT_ANY(
	    FAULT_DEVICE, syscall(SYS_ioctl, fd, request, arg));
}

void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (!fault.database && !fault_is_tests(CALLER) && fault_due(FAULT_MMAP))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}

/* --- SQLite -----------------------------------------------------------------*/

static inline int
fault_step_code(int error)
{
	return error == ENOSPC ? SQLITE_FULL
	    : error == ENOMEM  ? SQLITE_NOMEM
			       : SQLITE_IOERR;
}

int
sqlite3_step(sqlite3_stmt *stmt)
{
	static int (*real)(sqlite3_stmt * stmt);

	if (!real)
		real =
		    (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_step");
	if (fault_is_storageds(CALLER) || !fault_is_tests(CALLER))
		if (fault_due(FAULT_STEP))
			return fault_step_code(fault.error);
	return real(stmt);
}

/* --- memory -----------------------------------------------------------------*/

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

#define FAULT_MEMORY_DUE (fault_is_storageds(CALLER) && fault_due(FAULT_MEMORY))

void *
malloc(size_t size)
{
	return FAULT_MEMORY_DUE ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return FAULT_MEMORY_DUE ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return FAULT_MEMORY_DUE ? NULL : __libc_realloc(p, size);
}

void *
reallocarray(void *p, size_t n, size_t size)
{
	if (FAULT_MEMORY_DUE)
		return NULL;
	if (size > 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, n * size);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return FAULT_MEMORY_DUE ? NULL : __libc_memalign(align, size);
}
#endif

/* --- time -------------------------------------------------------------------*/

static int64_t fault_skipped, fault_skipped_wall; /* seconds */

/* For what is tried again after a while: that while is over. */
static inline void
fault_skip(int64_t seconds)
{
	__atomic_add_fetch(&fault_skipped, seconds, __ATOMIC_SEQ_CST);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 &&
	    (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
		ts->tv_sec += __atomic_load_n(&fault_skipped, __ATOMIC_SEQ_CST);
	if (r == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec +=
		    __atomic_load_n(&fault_skipped_wall, __ATOMIC_SEQ_CST);
	return r;
}

/* --- to order ---------------------------------------------------------------*/

/* The next one of @kind but @nth - 1; @nth 0: they are counted. */
static inline void
fault_arm(enum fault_kind kind, int nth, int error)
{
	memset(fault.seen, 0, sizeof(fault.seen));
	fault.kind = kind;
	fault.nth = nth;
	fault.error = error;
	fault.struck = fault.any = false;
	__atomic_store_n(&fault.armed, true, __ATOMIC_SEQ_CST);
}

/* True: it happened. */
static inline bool
fault_disarm(void)
{
	__atomic_store_n(&fault.armed, false, __ATOMIC_SEQ_CST);
	return fault.struck;
}

#endif
