/* Between the files of rescue only. */
#ifndef STORAGED_RESCUE_INTERNAL_H
#define STORAGED_RESCUE_INTERNAL_H

#include "common/hub.h"
#include "storaged/rescue/rescue.h"

struct rescue {
	struct storaged *s;
	struct nx_daemon *daemon;
	struct nx_workers *thread;
	struct event_base *base; /* the thread's, for its catalogue */
	struct event *quit;
	char why[256];
	bool running, partial, again;
	/* of the one that is under way, the thread's; then the last one's */
	int result;
	uint64_t commits, records, found;
	char text[256];
	char aside[512];
};

/* rescue_work.c: all of it, in the thread. */
void rescue_work(void *arg);
/* rescue_disks.c: directories of images: the state directory's, of [storaged]
 * disks, and of all that any of those knows (disk_list.h). *@missing (may be
 * NULL): one that is known and is not there, and why; or "". */
#define RESCUE_MISSING 300
size_t rescue_images(
    struct storaged *s, int *ret_fds, size_t max, char missing[RESCUE_MISSING]);
/* Is there any image in @images, borrowed? */
bool rescue_any_image(int images);
void rescue_path(const struct storaged *s, char path[512], const char *name);

#endif
