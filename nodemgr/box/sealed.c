/*
 * Making the sealed copy of nexus-init, once, as root or as nodemgr.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "nodemgr/box/sealed.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

int
nx_sealed_program(const char *path)
{
	nx_cleanup_fd int from = open(path, O_RDONLY | O_CLOEXEC);
	nx_cleanup_fd int fd = -1;
	struct stat st;
	off_t offset = 0;

	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	fd = memfd_create(
	    "nexus-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd =
		    memfd_create("nexus-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	while (offset < st.st_size)
		if (sendfile(
			fd, from, &offset, (size_t)(st.st_size - offset)) <= 0)
			return errno ? -errno : -EIO;
	if (fchmod(fd, 0555) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return nx_take_fd(&fd);
}
