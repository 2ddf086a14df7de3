/*
 * Making a volume's images, as a table of steps: each is undone when a later one
 * fails, so that nothing half made stays. Blocks: a worker thread.
 */
#ifndef STORAGED_VOLUME_STEPS_H
#define STORAGED_VOLUME_STEPS_H

#include <stdbool.h>

#include "storaged/volumes/attach.h"
#include "storaged/volumes/own.h"

struct volume_steps {
	const struct volumes *vs;
	const struct volume *volume; /* whose sizes and name it has */
	/* The disk's, with images as a descriptor of its own: whatever becomes of
	 * the disk meanwhile, what is made is taken back where it was made. */
	struct volume_env env;
	/* what came of it */
	struct volume_mounted mounted;
	struct volume_own own;
	struct volume_error error;
	bool left; /* an image that could not be removed is still there */
};

/* 0, and all of it is there and mounted; or -errno, error says why where that is
 * known, and nothing is left but for what left tells. */
int volume_steps_go(struct volume_steps *m);
/* After it went well: takes all of it back. */
void volume_steps_undo(struct volume_steps *m);

#endif
