/*
 * What makes a directory a disk of this Nexus: the file "nexus-disk" with an
 * identity in it, and "volumes/" beside it. Every call waits for the disk:
 * worker threads only.
 */
#ifndef STORAGED_DISK_IDENTITY_H
#define STORAGED_DISK_IDENTITY_H

#include <sys/types.h>

#include "common/id.h"
#include "storaged/volumes/volume_image.h"

#define DISK_FILE "nexus-disk"

/*
 * Opens the directory of images of the disk at @path if it is the one with
 * @identity. The descriptor, the caller's; or -errno and a sentence: -ENODEV
 * when another disk or none is there.
 */
int
disk_open(const char *path, const char *identity, struct volume_error *error);

/* Writes a page there, syncs it, reads it back from the disk. 0 also when the
 * disk is full; else -errno. @images is what disk_open gave. */
int disk_try_write(int images);

/*
 * Makes the directory @path a disk, with a fresh identity, and opens it as
 * above. Refused with a sentence: what is not empty, is not ours to write, is
 * on the root file system or on one of @devs (another disk's, or the state
 * directory's): then it is no failure domain, or not mounted. One that was made
 * and never used is taken as it is.
 */
int disk_make(const char *path, const dev_t *devs, size_t n_devs,
    char ret_identity[NX_ID_LEN + 1], struct volume_error *error);
/* It is none any more: takes the file and the empty directory away. 0, -errno;
 * -ENOTEMPTY while there are images. */
int disk_unmake(const char *path, const char *identity);

#endif
