/*
 * A volume's image file and what hangs on it, done and undone as a whole.
 * Everything here blocks: worker threads, and start-up.
 */
#ifndef STORAGED_VOLUME_IMAGE_H
#define STORAGED_VOLUME_IMAGE_H

#include <stdint.h>

#include "storaged/volumes/formatter.h"
#include "storaged/volumes/loop.h"
#include "storaged/volumes/mount.h"

#define VOLUME_SIZE_MIN (16ULL << 20)

/* Where images and mount points are, and what is needed to mount. */
struct volume_env {
	int images;       /* the directory of <node>.img */
	char mounts[200]; /* path of the directory of mount points */
	int userns;
	struct formatter *formatter;
};

struct volume_mounted {
	struct volume_mount mount;
	int chunks;
	char loop[LOOP_NAME_MAX];
};

/* A sentence about the last failure, for the user; "" for errno's own. */
struct volume_error {
	char text[256];
};

/* Bytes the disk under the images can still give away. */
int volume_image_room(const struct volume_env *env, uint64_t *ret_room);
/* Makes the image and its file system. On failure nothing is left. -ENOSPC
 * before anything is made when the disk has no room. */
int volume_image_create(const struct volume_env *env, const char *node,
    uint64_t size, struct volume_error *error);
/* Binds (or finds) the loop device and mounts. On failure nothing is left. */
int volume_image_attach(const struct volume_env *env, const char *node,
    struct volume_mounted *ret_mounted, struct volume_error *error);
/* Borrows nothing any more after this. */
void volume_image_detach(struct volume_mounted *m);
/*
 * Removes the image and waits, a few seconds, until its loop device is free.
 * 1 when somebody still holds it: the kernel frees device and space when they
 * let go. 0 done, also when there was none.
 */
int volume_image_remove(const struct volume_env *env, const char *node);

#endif
