/*
 * The files in /etc that are a node's own. Written by its first process after
 * it has entered the root: whatever a link in there points to is inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"

/* Is that what is there already? A file that need not be written leaves the
 * volume clean. */
static bool
is_there(const char *path, const char *text)
{
	nx_cleanup_free char *now = NULL;

	return nx_read_file(AT_FDCWD, path, 65536, &now) >= 0 &&
	    !strcmp(now, text);
}

static int
put(const char *path, const char *text, bool replace)
{
	nx_cleanup_fd int fd = -1;

	if (replace && is_there(path, text))
		return 0;
	if (replace && unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	return nx_write_full(fd, text, strlen(text));
}

int
nx_etc_write(const struct nx_box *box)
{
	char name[80];
	int r;

	if (mkdir("/etc", 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(name, sizeof(name), "%s\n", box->hostname);
	r = put("/etc/hostname", name, box->fresh);
	if (r == 0)
		r = put("/etc/hosts", box->hosts, box->fresh);
	if (r == 0)
		r = put("/etc/resolv.conf", box->resolv, box->fresh);
	return r;
}
