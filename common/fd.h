/*
 * File descriptors and memory that clean up after themselves.
 *
 *	nx_cleanup_fd int fd = open(...);
 *	...
 *	return nx_take_fd(&fd);
 *
 * Every descriptor is CLOEXEC from birth; an invalid one is -1.
 */
#ifndef NX_FD_H
#define NX_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Closes *fd unless it is negative and sets it to -1; keeps errno. */
void nx_close(int *fd);
/* Returns *fd and leaves -1 behind. */
int nx_take_fd(int *fd);

static inline void
nx_freep(void *p)
{
	free(*(void **)p);
}
static inline void
nx_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define nx_cleanup(f)     __attribute__((cleanup(f)))
#define nx_cleanup_fd     nx_cleanup(nx_close)
#define nx_cleanup_free   nx_cleanup(nx_freep)
#define nx_cleanup_fclose nx_cleanup(nx_fclosep)
#define nx_take_ptr(p)                    \
	({                                \
		__typeof__(p) *p_ = &(p); \
		__typeof__(p) v_ = *p_;   \
		*p_ = NULL;               \
		v_;                       \
	})

/* 0 or -errno. */
int nx_fd_nonblock(int fd, bool on);
/* Marks every descriptor from @first up CLOEXEC. 0 or -errno. */
int nx_fd_cloexec_from(int first);
/* Number of descriptors this process has open, or -errno. */
int nx_fd_count(void);

/* Write and read the whole of @len, waiting if need be. 0 or -errno;
 * reading: -ENODATA when the file ends before. */
int nx_write_full(int fd, const void *data, size_t len);
int nx_read_full(int fd, void *data, size_t len);
/* The same at @offset, which leaves the file's own where it is. */
int nx_pwrite_full(int fd, const void *data, size_t len, uint64_t offset);
int nx_pread_full(int fd, void *data, size_t len, uint64_t offset);
/* A small file as a NUL-terminated string, at most @max bytes (else -EFBIG).
 * @dirfd as in openat. Returns the length or -errno; *ret_text: free() it. */
int nx_read_file(int dirfd, const char *path, size_t max, char **ret_text);
/* Writes @text in one write(2) to an existing file (cgroupfs, procfs). */
int nx_write_file(int dirfd, const char *path, const char *text);

/* A sealed, read-only-from-now-on memfd holding @data. The fd or -errno. */
int nx_memfd_sealed(const char *name, const void *data, size_t len);
/* Checks that @fd is a memfd with all of WRITE, SHRINK, GROW sealed and at
 * most @max bytes; its size in *ret_size. 0, -EPROTO or -EFBIG. */
int nx_memfd_check(int fd, size_t max, size_t *ret_size);

/* Kinds of object a peer may pass, for nx_fd_is(). */
enum nx_fd_kind {
	NX_FD_ANY,
	NX_FD_MEMFD, /* see nx_memfd_check */
	NX_FD_PIPE_READ,
	NX_FD_PIPE_WRITE,
	NX_FD_FILE_READ, /* a regular file open for reading only */
	NX_FD_DIRECTORY, /* directory or O_PATH of one (mounts) */
	NX_FD_RTNETLINK, /* AF_NETLINK, NETLINK_ROUTE */
	NX_FD_SEQPACKET, /* AF_UNIX SOCK_SEQPACKET */
};
/* True when @fd is what the method's table says it must be. */
bool nx_fd_is(int fd, enum nx_fd_kind kind);

#endif
