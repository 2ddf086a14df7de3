/*
 * nodemgr's own mount namespace; see mounts.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/mounts.h"

#define MOUNTINFO_MAX (1U << 20)

/* Is @path @dir or below it? */
static bool
below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return true;
	return !strncmp(path, dir, len) &&
	    (path[len] == '\0' || path[len] == '/');
}

static bool
needed(const char *point, const char *const *keep)
{
	if (below(point, keep[0]))
		return true;
	for (; *keep; keep++)
		if (below(*keep, point))
			return true;
	return false;
}

/* Newest first, as they are stacked. A name with an escape in it is left. */
static void
unmount_all(char *info, const char *const *keep)
{
	char *line = strrchr(info, '\n'), *point;

	if (line)
		*line = '\0';
	while ((line = strrchr(info, '\n')) || info[0]) {
		line = line ? line : info;
		if (sscanf(line + (*line == '\n'), "%*s %*s %*s %*s %ms",
			&point) == 1) {
			if (!strchr(point, '\\') && !needed(point, keep))
				(void)umount2(
				    point, MNT_DETACH | UMOUNT_NOFOLLOW);
			free(point);
		}
		*line = '\0';
	}
}

int
nx_mounts_own(const char *const *keep)
{
	nx_cleanup_free char *info = NULL;
	int r;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	r = nx_read_file(
	    AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &info);
	if (r < 0)
		return r == -EFBIG ? 0 : r;
	unmount_all(info, keep);
	return 0;
}
