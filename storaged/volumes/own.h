/*
 * A node's own part of its volume: an image beside that of the chunks, as large
 * as its owner asked for. So neither fills the other, df in the node speaks of
 * the node's own, and what damages one file system leaves the other: a node is
 * started though its chunks cannot be reached, and the other way round.
 *
 * Volumes that were made before have one image with both (own.size is 0), as
 * have those of the platform, where no node is.
 *
 * Belongs to the loop's thread, but for what blocks.
 */
#ifndef STORAGED_OWN_H
#define STORAGED_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/id.h"
#include "storaged/volumes/attach.h"

struct nx_request;
struct volume;
struct volumes;

struct volume_own {
	uint64_t size; /* bytes of the image; 0: there is none */
	bool attached;
	bool busy; /* a thread mounts it, the volume is referenced */
	struct volume_mount mount;
	char loop[VOLUME_DEVICE_MAX];
	char why[256];            /* a sentence; "": it is there, or unknown */
	struct nx_request *asked; /* who waits for it while it is busy */
};

/* The name of its image, of the volume @node. */
struct own_name {
	char text[VOLUME_IMAGE_NAME];
};
struct own_name own_name(const char *node);
/* What a node of @size bytes gets for chunks, in whole blocks, or UINT64_MAX. */
uint64_t own_chunks(uint64_t size, uint64_t percent);

/* Blocks: mounts it into *ret_own, whose size is set. 0 or -errno. */
int own_mount(const struct volumes *vs, const struct volume_env *env,
    const char *node, struct volume_own *ret_own, struct volume_error *error);
/* Blocks: nothing of it is mounted here afterwards. */
void own_unmount(struct volume_own *own);
/* Takes over what own_mount gave, or remembers why it gave nothing. */
void own_mounted(struct volume *v, int result, const struct volume_own *own,
    const struct volume_error *error);
/* Mounts it in the background, unless that is under way, and answers @r (may be
 * NULL) with the node's mount, or why not. */
void own_attach(struct volumes *vs, struct volume *v, struct nx_request *r);
/* It has one, which should be mounted and is not. */
bool own_away(const struct volume *v);

/* Blocks: removes all images of the volume @node: 0, also when there are none; 1
 * when somebody holds one still (volume_image.h); -errno. */
int own_remove_all(
    const struct volumes *vs, const struct volume_env *env, const char *node);

#endif
