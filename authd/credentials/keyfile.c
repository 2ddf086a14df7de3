/*
 * Secrets in files: made once, synced, and refused when anybody else could have
 * read them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/credentials/keyfile.h"
#include "common/fd.h"

int
auth_keyfile_read(
    int dirfd, const char *name, size_t max, unsigned char **ret_data)
{
	nx_cleanup_fd int fd =
	    openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	nx_cleanup_free unsigned char *data = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return -EPERM;
	if (st.st_size <= 0 || (size_t)st.st_size > max)
		return -EBADMSG;
	data = calloc(1, (size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	r = nx_read_full(fd, data, (size_t)st.st_size);
	if (r < 0)
		return r;
	*ret_data = nx_take_ptr(data);
	return (int)st.st_size;
}

/* A temporary name first: a crash leaves no half a key under the real one. */
static int
write_temp(int dirfd, const char *temp, const void *data, size_t len)
{
	nx_cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = nx_write_full(fd, data, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int
auth_keyfile_write(int dirfd, const char *name, const void *data, size_t len)
{
	const char *temp = "new.tmp";
	int r;

	r = write_temp(dirfd, temp, data, len);
	/* A hard link, for rename(2) would replace an existing key. */
	if (r == 0 && linkat(dirfd, temp, dirfd, name, 0) < 0)
		r = -errno;
	(void)unlinkat(dirfd, temp, 0);
	if (r == 0 && fsync(dirfd) < 0)
		r = -errno;
	return r;
}
