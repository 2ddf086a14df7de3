/* Descriptors: closing, checking what a peer passed, small files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"

void
nx_close(int *fd)
{
	int saved = errno;

	/* EINTR included, Linux has closed it: never try again. */
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int
nx_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int
nx_fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int
nx_fd_cloexec_from(int first)
{
	if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

int
nx_fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

int
nx_write_full(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
nx_read_full(int fd, void *data, size_t len)
{
	uint8_t *p = data;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
nx_pwrite_full(int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int
nx_pread_full(int fd, void *data, size_t len, uint64_t offset)
{
	uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int
nx_read_file(int dirfd, const char *path, size_t max, char **ret_text)
{
	nx_cleanup_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	nx_cleanup_free char *text = NULL;
	size_t len = 0;

	if (fd < 0)
		return -errno;
	text = malloc(max + 2);
	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + len, max + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	text[len] = '\0';
	*ret_text = nx_take_ptr(text);
	return (int)len;
}

int
nx_write_file(int dirfd, const char *path, const char *text)
{
	nx_cleanup_fd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

int
nx_memfd_sealed(const char *name, const void *data, size_t len)
{
	nx_cleanup_fd int fd = memfd_create(
	    name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	int r;

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = nx_write_full(fd, data, len);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

int
nx_memfd_check(int fd, size_t max, size_t *ret_size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPROTO;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static bool
socket_is(int fd, int domain, int type, int protocol)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len) < 0 ||
	    value != domain)
		return false;
	len = sizeof(value);
	if (type &&
	    (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) < 0 ||
		value != type))
		return false;
	len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len) == 0 &&
	    value == protocol;
}

bool
nx_fd_is(int fd, enum nx_fd_kind kind)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	int mode = flags & O_ACCMODE;

	if (flags < 0 || fstat(fd, &st) < 0)
		return false;
	switch (kind) {
	case NX_FD_ANY: return true;
	case NX_FD_MEMFD:
		return S_ISREG(st.st_mode) && fcntl(fd, F_GET_SEALS) >= 0 &&
		    (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS;
	case NX_FD_PIPE_READ: return S_ISFIFO(st.st_mode) && mode == O_RDONLY;
	case NX_FD_PIPE_WRITE: return S_ISFIFO(st.st_mode) && mode == O_WRONLY;
	case NX_FD_FILE_READ:
		return S_ISREG(st.st_mode) && mode == O_RDONLY &&
		    !(flags & O_PATH);
	case NX_FD_DIRECTORY: return S_ISDIR(st.st_mode);
	case NX_FD_RTNETLINK:
		return S_ISSOCK(st.st_mode) &&
		    socket_is(fd, AF_NETLINK, 0, NETLINK_ROUTE);
	case NX_FD_SEQPACKET:
		return S_ISSOCK(st.st_mode) &&
		    socket_is(fd, AF_UNIX, SOCK_SEQPACKET, 0);
	}
	return false;
}
