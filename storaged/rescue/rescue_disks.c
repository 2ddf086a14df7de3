/*
 * Where images may be when nobody knows: in the state directory, on the disks
 * that nexus.conf names, and on those that any of these has in its list. What a
 * list says is believed of a disk that has the identity it says, of no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/rescue/rescue_internal.h"
#include "storaged/volumes/volumes.h"

struct places {
	int *fds;
	size_t n, max;
	char *missing; /* may be NULL */
};

/* Consumes @fd. False: it is there already, or there are too many. */
static bool
add(struct places *p, int fd)
{
	struct stat st, other;
	bool new = fd >= 0 && p->n < p->max &&fstat(fd, &st) == 0;

	for (size_t i = 0; new &&i < p->n; i++)
		new = fstat(p->fds[i], &other) < 0 ||
		    other.st_dev != st.st_dev || other.st_ino != st.st_ino;
	if (new)
		p->fds[p->n++] = fd;
	else
		nx_close(&fd);
	return new;
}

static int
open_images(const char *disk, size_t len)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%.*s/volumes", (int)len, disk);
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void
add_conf(struct places *p, const char *disks)
{
	for (const char *at = disks ? disks : ""; *at;) {
		size_t len;

		at += strspn(at, " \t,");
		len = strcspn(at, " \t,");
		if (*at == '/')
			(void)add(p, open_images(at, len));
		at += len;
	}
}

/* Those that the list in @dir names. */
static void
add_listed(struct places *p, int dir)
{
	struct disk_listed listed[DISKS_MAX];
	size_t n = disk_list_read(dir, listed, DISKS_MAX);

	for (size_t i = 0; i < n; i++) {
		struct volume_error error = {0};
		int fd = disk_open(listed[i].path, listed[i].identity, &error);

		if (fd >= 0) {
			(void)add(p, fd);
			continue;
		}
		if (p->missing && !p->missing[0])
			(void)snprintf(
			    p->missing, RESCUE_MISSING, "%.250s", error.text);
		nx_warn("event=disk-not-found disk=%s reason=\"%s\"",
		    listed[i].path, error.text);
	}
}

size_t
rescue_images(
    struct storaged *s, int *ret_fds, size_t max, char missing[RESCUE_MISSING])
{
	struct places p = {.fds = ret_fds, .max = max, .missing = missing};
	const char *state = s->conf.common.state_dir;
	char path[512];
	int dir;

	if (missing)
		missing[0] = '\0';
	(void)add(&p, open_images(state, strlen(state)));
	add_conf(&p, s->conf.disks);
	rescue_path(s, path, ".");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		add_listed(&p, dir);
	nx_close(&dir);
	/* Each that is found may know more. */
	for (size_t i = 0; i < p.n; i++) {
		dir = openat(p.fds[i], "..",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir >= 0)
			add_listed(&p, dir);
		nx_close(&dir);
	}
	return p.n;
}
