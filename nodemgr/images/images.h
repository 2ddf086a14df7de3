/*
 * The door of images/: root filesystems below <state_dir>/images. The built-in one, `host`,
 * is a skeleton (a made-up /etc, links, mount points) under the host's own
 * /usr, so that a node starts without any download. All others are plain
 * directories whose files bear the ids 0..65535 of the inside.
 */
#ifndef NODEMGR_IMAGES_H
#define NODEMGR_IMAGES_H

#include <stdint.h>

#include "nodemgr/box/box.h"

#define NX_IMAGE_HOST "host"

/* Makes or refreshes the skeleton in the directory @images. The files belong to
 * nodemgr's own user; an idmapped mount shows them as root's. 0 or -errno, with
 * what it was about in @error. */
int nx_image_host_make(int images, char error[256]);

/* 0: there; -ENOENT, or -EINVAL for a name that is none. */
int nx_image_check(int images, const char *name);

/* Detached, read-only mounts. */
struct nx_image_mounts {
	int root, usr; /* @usr -1: the image has its own */
};

/* For the node whose ids begin at @uid_base; @userns maps the whole range. 0 or
 * -errno. */
int nx_image_open(int images, const char *name, uint32_t uid_base, int userns,
    struct nx_image_mounts *ret_mounts, struct nx_fault *f);
/* For functions: `host` as it is. */
int nx_image_open_plain(
    int images, struct nx_image_mounts *ret_mounts, struct nx_fault *f);
void nx_image_mounts_fini(struct nx_image_mounts *m);

#endif
