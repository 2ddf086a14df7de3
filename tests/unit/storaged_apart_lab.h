/* A node's volume in two images: what is asked of both in tests. */
#ifndef STORAGED_APART_LAB_H
#define STORAGED_APART_LAB_H

#include "storaged_disks_lab.h"

#define NODE LAB_NODE("1")

enum apart_image { CHUNKS, OWN };

static inline const char *
apart_path(enum apart_image which, const char *node)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/volumes/%s%s.img", lab.dir, node,
	    which == OWN ? ".node" : "");
	return path;
}

/* Bytes of the image; 0: there is none. */
static inline uint64_t
apart_size(enum apart_image which, const char *node)
{
	struct stat st;

	return stat(apart_path(which, node), &st) == 0 ? (uint64_t)st.st_size
						       : 0;
}

static inline bool
apart_bound(enum apart_image which, const char *node)
{
	int fd = open(apart_path(which, node), O_RDONLY | O_CLOEXEC);
	struct loop loop;
	bool bound;

	assert_true(fd >= 0);
	bound = loop_find(fd, &loop) > 0;
	if (bound)
		nx_close(&loop.fd);
	close(fd);
	return bound;
}

static inline void
apart_wait_free(enum apart_image which, const char *node)
{
	for (int i = 0; i < 600 && apart_bound(which, node); i++)
		usleep(50000);
	assert_false(apart_bound(which, node));
}

/* Lines of this process's mounts that are the volumes'. */
static inline unsigned
apart_mounts(void)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], at[128];
	unsigned n = 0;

	assert_non_null(f);
	snprintf(at, sizeof(at), "%s/storage/mnt/", lab.dir);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, at) != NULL;
	fclose(f);
	return n;
}

/* What is below the volumes' directory and that of mount points. */
static inline unsigned
apart_names(void)
{
	char command[400];
	unsigned n = 0;
	FILE *p;

	snprintf(command, sizeof(command),
	    "find %s/volumes %s/storage/mnt -mindepth 1 -maxdepth 1 | wc -l",
	    lab.dir, lab.dir);
	p = popen(command, "re");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

/* The node's part, as nodemgr gets it: the caller's. */
static inline Nx__Status
apart_attach(const char *node, int *ret_fd)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;
	Nx__Status status;

	*ret_fd = -1;
	q.node = (char *)(uintptr_t)node;
	status = lab_node_call(NX__METHOD__VOLUME_ATTACH, &q);
	if (status == NX__STATUS__OK)
		*ret_fd = nx_take_fd(&reply.fds[0]);
	return status;
}

/* Writes a file there until there is no room any more. */
static inline uint64_t
apart_fill(int dir)
{
	static uint8_t junk[1 << 20];
	uint64_t written = 0;
	int fd = openat(dir, "junk", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n;

	assert_true(fd >= 0);
	for (size_t len = sizeof(junk); len > 0;) {
		n = write(fd, junk, len);
		if (n > 0)
			written += (uint64_t)n;
		if (n != (ssize_t)len)
			len /= 2;
	}
	assert_int_equal(errno, ENOSPC);
	(void)fsync(fd);
	close(fd);
	return written;
}

static inline bool
apart_can_write(int dir)
{
	int fd =
	    openat(dir, "more", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool can = fd >= 0 && write(fd, "hello", 5) == 5 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return can;
}

static inline struct volume *
apart_volume(void)
{
	struct volume *v = volume_find(lab.s.volumes, NODE);

	assert_non_null(v);
	return v;
}

#endif
