/*
 * What an ext4 says of itself before it is mounted: how large it is, and whether
 * it was unmounted the last time. Nothing here changes anything.
 */
#ifndef STORAGED_SUPERBLOCK_H
#define STORAGED_SUPERBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/volumes/volume_image.h"

struct superblock {
	uint64_t size; /* bytes of the file system */
	bool unclean;  /* its journal is to be replayed; or it is mounted */
	bool errors;   /* the kernel has found it damaged before */
};

/* Of the device open as @fd. 0, -EINVAL: no ext4 is there, -errno. */
int superblock_read(int fd, struct superblock *ret_superblock);

/*
 * Does the device @fd fit the file system @sb on it, and the @size the catalogue
 * has (0: unknown)? 0; -EINVAL and a sentence: it was cut, or it is another
 * volume's, and to write to it would destroy what is left. -errno.
 */
int superblock_check(int fd, const struct superblock *sb, uint64_t size,
    struct volume_error *error);

#endif
