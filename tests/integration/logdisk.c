/*
 * A disk that remembers: a file system (FUSE) of one file, `disk`, which is to be
 * the back of a loop device. What is written to it goes to IMAGE, and with every
 * flush in the order in which they came into LOG, before it is answered.
 *
 *	logdisk MOUNTPOINT IMAGE LOG
 *
 * IMAGE has its size already. LOG is records: a header, and of a write the data.
 * Whoever knows how long LOG was when something was acknowledged can tell what
 * a disk holds whose power went then (power_disk.py). One request at a time.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/err.h"

enum { KIND_WRITE = 1, KIND_FLUSH = 2 };

struct header {
	uint64_t offset;
	uint32_t length;
	uint32_t kind;
};

static int image = -1, log_fd = -1;
static off_t image_size;

static int
record(uint32_t kind, const char *data, size_t len, off_t offset)
{
	struct header h = {
	    .offset = (uint64_t)offset, .length = (uint32_t)len, .kind = kind};
	char *bytes;
	struct iovec v[2] = {{&h, sizeof(h)}, {NULL, len}};

	memcpy(&bytes, &data, sizeof(bytes));
	v[1].iov_base = bytes;
	return writev(log_fd, v, 2) == (ssize_t)(sizeof(h) + len) ? 0 : -EIO;
}

static bool
is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static int
disk_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_mode = is_disk(path) ? S_IFREG | 0600 : S_IFDIR | 0700;
	st->st_nlink = 1;
	st->st_size = is_disk(path) ? image_size : 0;
	return is_disk(path) || strcmp(path, "/") == 0 ? 0 : -ENOENT;
}

static int
disk_open(const char *path, struct fuse_file_info *fi)
{
	(void)fi;
	return is_disk(path) ? 0 : -ENOENT;
}

static int
disk_read(const char *path, char *buf, size_t len, off_t offset,
    struct fuse_file_info *fi)
{
	ssize_t n = pread(image, buf, len, offset);

	(void)path;
	(void)fi;
	return n < 0 ? -errno : (int)n;
}

static int
disk_write(const char *path, const char *data, size_t len, off_t offset,
    struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	if (pwrite(image, data, len, offset) != (ssize_t)len ||
	    record(KIND_WRITE, data, len, offset) < 0)
		return -EIO;
	return (int)len;
}

static int
disk_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	(void)fi;
	return record(KIND_FLUSH, NULL, 0, 0);
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .fsync = disk_fsync,
};

int
main(int argc, char **argv)
{
	char *fuse_argv[] = {argv[0], NULL, NULL, NULL, NULL};
	char one[] = "-s", stay[] = "-f";

	if (argc == 4) {
		image = open(argv[2], O_RDWR | O_CLOEXEC);
		log_fd = open(argv[3],
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	}
	image_size = image < 0 ? -1 : lseek(image, 0, SEEK_END);
	if (image_size <= 0 || log_fd < 0) {
		fprintf(stderr, "usage: logdisk MOUNTPOINT IMAGE LOG\n");
		return 2;
	}
	fuse_argv[1] = one;
	fuse_argv[2] = stay;
	fuse_argv[3] = argv[1];
	return fuse_main(4, fuse_argv, &operations, NULL);
}
