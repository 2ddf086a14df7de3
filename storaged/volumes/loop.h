/*
 * Loop devices: binding an image, finding the one that is bound already.
 * Blocks; used from worker threads and at start-up. Owns nothing: a device
 * stays bound while it is open or mounted (AUTOCLEAR), and no longer.
 */
#ifndef STORAGED_LOOP_H
#define STORAGED_LOOP_H

#include <stdbool.h>

#define LOOP_NAME_MAX 32

struct loop {
	int fd;                   /* keep it until something is mounted */
	char name[LOOP_NAME_MAX]; /* "loop3" */
	bool found;               /* it was bound before */
	bool direct;              /* past the page cache of the image */
};

/*
 * Binds @image (a regular file open for reading and writing) to a loop device,
 * or finds the device it is bound to: never a second one over one image.
 * Borrows @image. 0 or -errno; -EBUSY when the device that is bound to it is
 * not ours to use.
 */
int loop_bind(int image, struct loop *ret_loop);
/* The device bound to @image: 1 in *ret_loop, 0 none, -errno. */
int loop_find(int image, struct loop *ret_loop);

#endif
