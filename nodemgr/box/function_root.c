/*
 * The root of a function: the skeleton of the image `host` read-only, the
 * host's /usr read-only, one small tmpfs for everything it may write. Nothing
 * of it outlives the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/mnt.h"

#define TIGHT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int
make_proc(int root)
{
	/* of the pid namespace's own processes and of nothing else, so that
	 * there is nothing to mask */
	static const struct nx_mnt_opt opts[] = {{"subset", "pid"}};
	nx_cleanup_fd int fd =
	    nx_mnt_new("proc", opts, NX_ARRAY_SIZE(opts), TIGHT, NULL);

	return fd < 0 ? fd : nx_mnt_attach_at(fd, root, "proc");
}

/* The code becomes a file: tracebacks name it, and its size is bounded. */
static int
copy_code(int work)
{
	nx_cleanup_fd int out = openat(
	    work, "function.py", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct stat st;
	off_t offset = 0;
	ssize_t n;

	if (out < 0 || fstat(NX_BOX_CODE, &st) < 0)
		return -errno;
	while (offset < st.st_size) {
		n = sendfile(
		    out, NX_BOX_CODE, &offset, (size_t)(st.st_size - offset));
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return 0;
}

static int
make_work(const struct nx_box *box, int root)
{
	char size[32];
	const struct nx_mnt_opt opts[] = {
	    {"size", size}, {"nr_inodes", "8192"}, {"mode", "1777"}};
	nx_cleanup_fd int fd = -1;
	int r;

	snprintf(size, sizeof(size), "%" PRIu64, box->work_size);
	fd = nx_mnt_new("tmpfs", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, NULL);
	if (fd < 0)
		return fd;
	r = nx_mnt_attach_at(fd, root, "tmp");
	return r < 0 ? r : copy_code(fd);
}

/* The skeleton seen through an overlay: mountinfo then tells a path of ours and
 * not where the image is kept. */
static int
mount_root(struct nx_fault *f)
{
	static const struct nx_mnt_opt opts[] = {
	    {"source", "function"},
	    {"lowerdir", "lower:void"},
	    {"userxattr", NULL},
	};
	int fd = nx_mnt_new("overlay", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, NULL);

	return nx_step(f, fd, "mount the root");
}

static int
build(const struct nx_box *box, struct nx_fault *f)
{
	static const char *const dirs[] = {"lower", "void", "root", NULL};
	nx_cleanup_fd int base = -1, root = -1;

	NX_TRY(f, nx_scratch(&base, dirs), "mount the scratch tmpfs");
	NX_TRY(f, nx_mnt_attach_at(NX_BOX_ROOT, base, "lower"),
	    "attach the image");
	root = mount_root(f);
	if (root < 0)
		return root;
	NX_TRY(f, nx_mnt_attach_at(root, base, "root"), "attach the root");
	NX_TRY(f, nx_mnt_attach_at(NX_BOX_USR, root, "usr"), "mount /usr");
	NX_TRY(f, nx_dev_make(root, &box->kind->dev, f), "make /dev");
	NX_TRY(f, make_proc(root), "mount /proc");
	NX_TRY(f, make_work(box, root), "make the work directory");
	NX_TRY(f, nx_root_enter(root), "enter the root");
	NX_TRY(f, NX_SYS(chdir("/tmp")), "enter the work directory");
	return 0;
}

const struct nx_box_kind nx_box_function = {
    .root = build,
    .nofile = 256,
    .nofile_max = 256,
    .out = NX_BOX_OUT,
    .err = NX_BOX_ERR,
    .dev = {.frozen = true, .shm_size = "16m", .shm_inodes = "1024"},
};
