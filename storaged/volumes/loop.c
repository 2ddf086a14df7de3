/* See loop.h, and loop(4). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "storaged/volumes/loop.h"

#define BLOCK    4096U /* what mkfs uses; O_DIRECT works for every disk */
#define TRIES    100
#define RETRY_NS 20000000L /* 20 ms: udev needs some to set the group */

static void
pause_a_moment(void)
{
	struct timespec t = {.tv_nsec = RETRY_NS};

	(void)nanosleep(&t, NULL);
}

/* A device that GET_FREE made just now may not have its file yet, or still the
 * kernel's permissions: wait for udev, not for ever. */
static int
open_device(const char *name, bool patient)
{
	char path[LOOP_NAME_MAX + 8];

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	for (int i = 0;; i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (!patient || i == TRIES ||
		    (errno != ENOENT && errno != EACCES && errno != ENXIO))
			return -errno;
		pause_a_moment();
	}
}

/* Is the device behind @fd bound to the file @st? The kernel packs device
 * numbers in the format of new_encode_dev(). */
static bool
is_bound_to(int fd, const struct stat *st, struct loop_info64 *info)
{
	uint64_t dev;

	if (ioctl(fd, LOOP_GET_STATUS64, info) < 0)
		return false;
	dev = (minor(st->st_dev) & 0xffU) | (uint64_t)major(st->st_dev) << 8 |
	    ((uint64_t)minor(st->st_dev) & ~0xffULL) << 12;
	return info->lo_inode == st->st_ino && info->lo_device == dev;
}

static bool
looks_bound(const char *name)
{
	char path[300];

	if (strncmp(name, "loop", 4) != 0 || strlen(name) >= LOOP_NAME_MAX - 1)
		return false;
	(void)snprintf(
	    path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
	return access(path, F_OK) == 0;
}

static int
find_among(DIR *d, const struct stat *st, struct loop *ret_loop)
{
	struct dirent *entry;

	while ((entry = readdir(d))) {
		struct loop_info64 info;
		nx_cleanup_fd int fd = -1;

		if (!looks_bound(entry->d_name))
			continue;
		fd = open_device(entry->d_name, false);
		if (fd < 0 || !is_bound_to(fd, st, &info))
			continue;
		*ret_loop = (struct loop){.found = true,
		    .direct = info.lo_flags & LO_FLAGS_DIRECT_IO};
		(void)snprintf(ret_loop->name, sizeof(ret_loop->name), "%.30s",
		    entry->d_name);
		ret_loop->fd = nx_take_fd(&fd);
		return 1;
	}
	return 0;
}

int
loop_find(int image, struct loop *ret_loop)
{
	struct stat st;
	DIR *d;
	int r;

	if (fstat(image, &st) < 0)
		return -errno;
	d = opendir("/sys/block");
	if (!d)
		return -errno;
	r = find_among(d, &st, ret_loop);
	closedir(d);
	return r;
}

static int
configure(int fd, int image, uint32_t flags)
{
	struct loop_config config = {
	    .fd = (uint32_t)image,
	    .block_size = BLOCK,
	    .info.lo_flags = LO_FLAGS_AUTOCLEAR | flags,
	};

	return ioctl(fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

/* Direct I/O saves the second copy of every page; not every file system under
 * the image can do it. */
static int
configure_best(int fd, int image)
{
	int r = configure(fd, image, LO_FLAGS_DIRECT_IO);

	return r == -EINVAL ? configure(fd, image, 0) : r;
}

int
loop_bind(int image, struct loop *ret_loop)
{
	nx_cleanup_fd int control = -1, fd = -1;
	char name[LOOP_NAME_MAX];
	struct loop_info64 info;
	int number, r;

	r = loop_find(image, ret_loop);
	if (r != 0)
		return r < 0 ? r : 0;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	/* Somebody else may take the free one before us. */
	for (int i = 0; i < TRIES; i++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			return -errno;
		(void)snprintf(name, sizeof(name), "loop%d", number);
		nx_close(&fd);
		fd = open_device(name, true);
		if (fd < 0)
			return fd;
		r = configure_best(fd, image);
		if (r != -EBUSY)
			break;
		pause_a_moment();
	}
	if (r < 0)
		return r;
	*ret_loop = (struct loop){0};
	if (ioctl(fd, LOOP_GET_STATUS64, &info) == 0)
		ret_loop->direct = info.lo_flags & LO_FLAGS_DIRECT_IO;
	memcpy(ret_loop->name, name, sizeof(name));
	ret_loop->fd = nx_take_fd(&fd);
	return 0;
}
