/*
 * Images as files of the local disk, bound to loop devices: the one kind there
 * is today. Owns the directory's files; blocks, runs in worker threads and at
 * start-up.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/volumes/loop.h"
#include "storaged/volumes/volume_image.h"

#define DISK_RESERVE  (64ULL << 20) /* for the catalogue and the host */
#define RELEASE_TRIES 100
#define RELEASE_NS    50000000L /* times 100: five seconds */

struct image_name {
	char text[VOLUME_IMAGE_NAME + 5];
};

static struct image_name
image_name(const char *node)
{
	struct image_name name;

	(void)snprintf(name.text, sizeof(name.text), "%.47s.img", node);
	return name;
}

static int
image_room(const struct volume_env *env, uint64_t *ret_room)
{
	struct statvfs fs;
	uint64_t room;

	if (fstatvfs(env->images, &fs) < 0)
		return -errno;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	*ret_room = room > DISK_RESERVE ? room - DISK_RESERVE : 0;
	return 0;
}

static int
check_room(
    const struct volume_env *env, uint64_t size, struct volume_error *error)
{
	uint64_t room = 0;
	int r = image_room(env, &room);

	if (r < 0)
		return r;
	if (size <= room)
		return 0;
	(void)snprintf(error->text, sizeof(error->text),
	    "the disk has room for %s more, not for %s: choose a smaller "
	    "volume or delete a node",
	    nx_size_format(room), nx_size_format(size));
	return -ENOSPC;
}

/* Allocated before and after: mkfs may punch holes where it writes zeros, and
 * a volume must never run out of a disk it was promised. */
static int
fill_image(const struct volume_env *env, int fd, uint64_t size,
    struct volume_error *error)
{
	int r;

	if (fallocate(fd, 0, 0, (off_t)size) < 0)
		return -errno;
	r = formatter_run(env->formatter, fd, size, error->text);
	if (r < 0)
		return r;
	if (fallocate(fd, 0, 0, (off_t)size) < 0 || fsync(fd) < 0)
		return -errno;
	return fsync(env->images) < 0 ? -errno : 0;
}

static int
image_create(const struct volume_env *env, const char *node, uint64_t size,
    struct volume_error *error)
{
	struct image_name name = image_name(node);
	nx_cleanup_fd int fd = -1;
	int r;

	error->text[0] = '\0';
	r = check_room(env, size, error);
	if (r < 0)
		return r;
	fd = openat(env->images, name.text,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fill_image(env, fd, size, error);
	if (r < 0)
		(void)unlinkat(env->images, name.text, 0);
	return r;
}

static int
image_open(const struct volume_env *env, const char *name_text,
    struct volume_device *ret_device, struct volume_error *error)
{
	struct image_name name = image_name(name_text);
	nx_cleanup_fd int image =
	    openat(env->images, name.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct loop loop;
	int r;

	if (image < 0)
		return -errno;
	r = loop_bind(image, &loop);
	if (r < 0) {
		(void)snprintf(error->text, sizeof(error->text),
		    "no loop device could be had (%s): storaged needs "
		    "/dev/loop-control and /dev/loop* as group disk",
		    strerror(-r));
		return r;
	}
	nx_info("event=volume-bound node=%s loop=%s again=%s direct-io=%s",
	    name_text, loop.name, loop.found ? "yes" : "no",
	    loop.direct ? "yes" : "no");
	*ret_device =
	    (struct volume_device){.hold = loop.fd, .again = loop.found};
	memcpy(ret_device->name, loop.name, sizeof(ret_device->name));
	return 0;
}

static int
wait_for_release(int image)
{
	struct timespec t = {.tv_nsec = RELEASE_NS};

	for (int i = 0; i < RELEASE_TRIES; i++) {
		struct loop loop;
		int r = loop_find(image, &loop);

		if (r <= 0)
			return 0;
		nx_close(&loop.fd);
		(void)nanosleep(&t, NULL);
	}
	return 1;
}

static int
image_remove(const struct volume_env *env, const char *node)
{
	struct image_name name = image_name(node);
	nx_cleanup_fd int image =
	    openat(env->images, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (image < 0)
		return errno == ENOENT ? 0 : -errno;
	if (unlinkat(env->images, name.text, 0) < 0)
		return -errno;
	if (fsync(env->images) < 0)
		return -errno;
	r = wait_for_release(image);
	if (r > 0)
		nx_warn("event=volume-held node=%s note=\"somebody still "
			"uses it; its space returns when they are done\"",
		    node);
	return r;
}

const struct volume_image_ops volume_image_file = {
    .room = image_room,
    .create = image_create,
    .open = image_open,
    .remove = image_remove,
};
