/*
 * What a volume is kept in: the seam that another kind of image fills (a block
 * device of a cluster; today files and loop devices). An image has a name, can
 * be made with its file system, be a block device of this host while somebody
 * holds it, and be removed. Mounting is the same for all and not here.
 *
 * Every call blocks: worker threads, and start-up.
 */
#ifndef STORAGED_VOLUME_IMAGE_H
#define STORAGED_VOLUME_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/volumes/formatter.h"

#define VOLUME_SIZE_MIN   (16ULL << 20)
#define VOLUME_BLOCK      4096ULL
#define VOLUME_DEVICE_MAX 32
#define VOLUME_IMAGE_NAME 48 /* an image's name and its NUL */

/* Where images and mount points are, and what is needed to mount. */
struct volume_env {
	int images;       /* the directory of <name>.img */
	char mounts[200]; /* path of the directory of mount points */
	int userns;
	struct formatter *formatter;
};

/* A sentence about the last failure, for the user; "" for errno's own. */
struct volume_error {
	char text[256];
};

/* An image as a block device below /dev. */
struct volume_device {
	char name[VOLUME_DEVICE_MAX]; /* "loop3" */
	int hold;   /* close it once something is mounted, or to let it go */
	bool again; /* it was on that device before: it may be mounted */
};

struct volume_image_ops {
	/* Bytes the disk under the images can still give away. */
	int (*room)(const struct volume_env *env, uint64_t *ret_room);
	/* Makes the image and its ext4, @size bytes that are its own from then
	 * on. On failure nothing is left; -ENOSPC before anything is made. */
	int (*create)(const struct volume_env *env, const char *name,
	    uint64_t size, struct volume_error *error);
	/* The device it is on, or it is put on one; never on a second. */
	int (*open)(const struct volume_env *env, const char *name,
	    struct volume_device *ret_device, struct volume_error *error);
	/*
	 * Removes it and waits, a few seconds, until its device is free. 1 when
	 * somebody still holds it: device and space are freed when they let go.
	 * 0 done, also when there was none.
	 */
	int (*remove)(const struct volume_env *env, const char *name);
};

extern const struct volume_image_ops volume_image_file;

#endif
