/*
 * A volume's ext4 mounted and opened, and let go again, whatever kind of image
 * it is in. Blocks: worker threads, and start-up.
 */
#ifndef STORAGED_ATTACH_H
#define STORAGED_ATTACH_H

#include "storaged/volumes/mount.h"
#include "storaged/volumes/volume_image.h"
#include "storaged/volumes/volume_key.h"

struct volume_env;
struct volumes;

struct volume_mounted {
	struct volume_mount mount;
	int chunks; /* the directory of chunks */
	int coded;  /* of coded ones; -1: there is none */
	struct volume_key key;
	char loop[VOLUME_DEVICE_MAX]; /* the device's name */
};

/* Opens the device and mounts it, if its size is what its file system and the
 * catalogue (@size) say. On failure nothing is left. 0 or -errno. */
int volume_attach(const struct volumes *vs, const struct volume_env *env,
    const char *name, uint64_t size, struct volume_mounted *ret_mounted,
    struct volume_error *error);
/* Borrows nothing any more after this. */
void volume_detach(struct volume_mounted *m);

#endif
