/* See mount.h; fsopen(2) and its family, mount_setattr(2). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/volumes/mount.h"

int
mount_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	/* A slave: what we mount never shows on the host, and what the host
	 * unmounts is not kept busy by us. */
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	return 0;
}

/* --- the user namespace -----------------------------------------------------*/

static int
write_maps(uid_t uid, gid_t gid)
{
	char map[32];
	int r;

	/* The files of a process that may not be dumped belong to root. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return -errno;
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	r = nx_write_file(AT_FDCWD, "/proc/self/uid_map", map);
	if (r == 0)
		r = nx_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	if (r == 0)
		r = nx_write_file(AT_FDCWD, "/proc/self/gid_map", map);
	return r;
}

/* The namespace must outlive nothing but the descriptor: the child maps its
 * own ids, which needs no privilege, sends the descriptor's number and waits
 * to be let go. */
static void
userns_child(int ready, int let_go, uid_t uid, gid_t gid)
{
	char c;
	int r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;

	if (r == 0)
		r = write_maps(uid, gid);
	if (nx_write_full(ready, &r, sizeof(r)) == 0)
		(void)!read(let_go, &c, 1);
	_exit(0);
}

static int
userns_of(pid_t pid, int ready)
{
	char path[64];
	int r, fd;

	if (nx_read_full(ready, &r, sizeof(r)) < 0)
		return -ECHILD;
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int
mount_userns(void)
{
	nx_cleanup_fd int ready = -1, let_go = -1;
	uid_t uid = getuid();
	gid_t gid = getgid();
	int a[2], b[2], r;
	pid_t pid;

	if (pipe2(a, O_CLOEXEC) < 0)
		return -errno;
	ready = a[0];
	if (pipe2(b, O_CLOEXEC) < 0) {
		r = -errno;
		nx_close(&a[1]);
		return r;
	}
	let_go = b[1];
	pid = fork();
	r = pid < 0 ? -errno : 0;
	if (pid == 0) {
		nx_close(&let_go); /* or it would wait for itself */
		userns_child(a[1], b[0], uid, gid);
	}
	nx_close(&a[1]);
	nx_close(&b[0]);
	if (r < 0)
		return r;
	r = userns_of(pid, ready);
	nx_close(&let_go);
	(void)waitpid(pid, NULL, 0);
	return r;
}

/* --- mounting ---------------------------------------------------------------*/

/* What went wrong, in the kernel's words if it has any ("e Can't find ..."). */
static void
kernel_says(int fs, char *error)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 2)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(error, 256, "%s", text + 2);
}

static int
mount_device(const char *device, char *error)
{
	nx_cleanup_fd int fs = fsopen("ext4", FSOPEN_CLOEXEC);
	int r = 0, fd;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		r = -errno;
		kernel_says(fs, error);
		return r;
	}
	fd = fsmount(fs, FSMOUNT_CLOEXEC,
	    MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
		MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Linux 6.1 clones attached mounts only: that is why ours is attached. */
static int
attach(int fd, const char *at)
{
	if (mkdir(at, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (move_mount(fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int
idmapped_view(int root, int userns)
{
	struct mount_attr attr = {
	    .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns};
	nx_cleanup_fd int fd = open_tree(
	    root, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

static int
make_directories(int view, unsigned what)
{
	static const struct {
		unsigned what;
		const char *name;
		mode_t mode;
	} dirs[] = {
	    {MOUNT_CHUNKS, "chunks", 0700},
	    {MOUNT_NODE, "node", 0755},
	};
	nx_cleanup_fd int top = -1;

	for (size_t i = 0; i < NX_ARRAY_SIZE(dirs); i++) {
		if (!(dirs[i].what & what))
			continue;
		if (mkdirat(view, dirs[i].name, dirs[i].mode) < 0) {
			if (errno != EEXIST)
				return -errno;
			continue;
		}
		/* The umask is ours, the directory is the node's. */
		if (fchmodat(view, dirs[i].name, dirs[i].mode, 0) < 0)
			return -errno;
	}
	top = openat(view, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top < 0 || fsync(top) < 0 ? -errno : 0;
}

int
mount_volume(const char *device, const char *at, int userns, unsigned what,
    struct volume_mount *ret_mount, char *error)
{
	struct volume_mount m = {.root = -1, .view = -1};
	int r;

	error[0] = '\0';
	if (strlen(at) >= sizeof(m.at))
		return -ENAMETOOLONG;
	m.root = mount_device(device, error);
	if (m.root < 0)
		return m.root;
	r = attach(m.root, at);
	if (r < 0) {
		nx_close(&m.root);
		return r;
	}
	memcpy(m.at, at, strlen(at) + 1);
	m.view = idmapped_view(m.root, userns);
	r = m.view < 0 ? m.view : make_directories(m.view, what);
	if (r < 0) {
		unmount_volume(&m);
		return r;
	}
	*ret_mount = m;
	return 0;
}

int
mount_chunks(const struct volume_mount *m)
{
	int fd = openat(
	    m->view, "chunks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
mount_node(const struct volume_mount *m)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_NOEXEC};
	nx_cleanup_fd int fd =
	    open_tree(m->root, "node", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* The node may run what it stores; never devices or set-id files of
	 * the file system itself. */
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return nx_take_fd(&fd);
}

void
unmount_volume(struct volume_mount *m)
{
	nx_close(&m->view);
	nx_close(&m->root);
	if (m->at[0]) {
		/* Lazily: a reader may still hold a chunk. */
		(void)umount2(m->at, MNT_DETACH | UMOUNT_NOFOLLOW);
		(void)rmdir(m->at);
		m->at[0] = '\0';
	}
}
