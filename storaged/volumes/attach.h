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

/* One of a volume's images. */
struct volume_part {
	const char *name;
	uint64_t size; /* as the catalogue has it */
	unsigned what; /* MOUNT_CHUNKS, MOUNT_NODE or both */
};

struct volume_mounted {
	struct volume_mount mount;
	int chunks; /* the directory of chunks */
	int coded;  /* of coded ones; -1: there is none */
	struct volume_key key;
	char loop[VOLUME_DEVICE_MAX]; /* the device's name */
};

/* Opens the device and mounts it, if its size is what its file system and the
 * catalogue say. On failure nothing is left. 0 or -errno. */
int volume_part_mount(const struct volumes *vs, const struct volume_env *env,
    const struct volume_part *part, struct volume_mount *ret_mount,
    char ret_loop[VOLUME_DEVICE_MAX], struct volume_error *error);
/* The same of the part with the chunks, which is called as the volume is; and
 * opens what belongs to them. */
int volume_attach(const struct volumes *vs, const struct volume_env *env,
    const struct volume_part *part, struct volume_mounted *ret_mounted,
    struct volume_error *error);
/* Borrows nothing any more after this; nothing happens if nothing was mounted. */
void volume_detach(struct volume_mounted *m);

#endif
