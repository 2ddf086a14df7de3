/* See disk_identity.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/volumes/disk_identity.h"
#include "storaged/volumes/disk_list.h"

#define IMAGES "volumes"
#define PROBE  ".probe" /* beside the images */
#define PAGE   4096U
#define HEAD   "nexus disk "
#define LENGTH (sizeof(HEAD) - 1 + NX_ID_LEN + 1)

static int __attribute__((format(printf, 3, 4)))
fail(struct volume_error *error, int result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return result;
}

/* 0, -ENOENT: no identity, -EBADMSG: something else, -errno. */
static int
read_identity(int top, char ret_identity[NX_ID_LEN + 1])
{
	nx_cleanup_fd int fd =
	    openat(top, DISK_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[LENGTH + 1] = "";
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, text, LENGTH, 0);
	if (n < 0)
		return -errno;
	if (n != (ssize_t)LENGTH || strncmp(text, HEAD, strlen(HEAD)) != 0 ||
	    text[LENGTH - 1] != '\n')
		return -EBADMSG;
	memcpy(ret_identity, text + strlen(HEAD), NX_ID_LEN);
	ret_identity[NX_ID_LEN] = '\0';
	return nx_id_valid(ret_identity) ? 0 : -EBADMSG;
}

int
disk_open(const char *path, const char *identity, struct volume_error *error)
{
	nx_cleanup_fd int top =
	    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char found[NX_ID_LEN + 1];
	int r, fd;

	if (top < 0)
		return fail(error, -errno, "%s: %s", path, strerror(errno));
	r = read_identity(top, found);
	if (r == -ENOENT)
		return fail(error, -ENODEV, "%s is not mounted", path);
	if (r == -EBADMSG || (r == 0 && strcmp(found, identity) != 0))
		return fail(error, -ENODEV, "another disk is at %s", path);
	if (r < 0)
		return fail(
		    error, r, "%s/%s: %s", path, DISK_FILE, strerror(-r));
	fd = openat(
	    top, IMAGES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(
		    error, -errno, "%s/%s: %s", path, IMAGES, strerror(errno));
	return fd;
}

/* --- writing ----------------------------------------------------------------*/

/* Where there is no O_DIRECT, what is read back may be memory's: then the sync
 * is what counts. */
static int
open_probe(int images)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(images, PROBE, flags | O_DIRECT, 0600);

	if (fd < 0 && errno == EINVAL)
		fd = openat(images, PROBE, flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int
write_and_read(int fd, uint8_t *page)
{
	uint8_t first = (uint8_t)nx_now_us();
	ssize_t n;

	memset(page, first, PAGE);
	n = pwrite(fd, page, PAGE, 0);
	if (n != PAGE)
		return n < 0 ? -errno : -EIO;
	if (fsync(fd) < 0)
		return -errno;
	memset(page, 0, PAGE);
	n = pread(fd, page, PAGE, 0);
	if (n != PAGE)
		return n < 0 ? -errno : -EIO;
	return page[0] == first && page[PAGE - 1] == first ? 0 : -EIO;
}

int
disk_try_write(int images)
{
	nx_cleanup_fd int fd = open_probe(images);
	nx_cleanup_free void *page = NULL;
	int r = fd;

	if (fd >= 0)
		r = posix_memalign(&page, PAGE, PAGE)
		    ? -ENOMEM
		    : write_and_read(fd, page);
	return r == -ENOSPC || r == -EDQUOT ? 0 : r < 0 ? r : 0;
}

/* --- making -----------------------------------------------------------------*/

static bool
is_known(const char *name, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(name, *known) == 0)
			return true;
	return false;
}

/* Nothing in the directory but what is @known: 1, 0, -errno. */
static int
is_empty(int dir, const char *const *known)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int empty = 1;

	if (!d) {
		int r = -errno;

		nx_close(&fd);
		return r;
	}
	while (empty && (entry = readdir(d)))
		empty = is_known(entry->d_name, known);
	closedir(d);
	return empty;
}

static int
check_place(const char *path, const struct stat *st, const dev_t *devs,
    size_t n_devs, struct volume_error *error)
{
	struct stat root;

	if (stat("/", &root) == 0 && root.st_dev == st->st_dev)
		return fail(error, -EXDEV,
		    "%s is on the root file system: is the disk not mounted? "
		    "Volumes of that file system are in the state directory",
		    path);
	for (size_t i = 0; i < n_devs; i++)
		if (devs[i] == st->st_dev)
			return fail(error, -EXDEV,
			    "%s is on the same file system as another disk: "
			    "two copies there would be on one disk; is it not "
			    "mounted?",
			    path);
	return 0;
}

static int
write_identity(int top, const char *identity)
{
	char text[LENGTH + 1];
	nx_cleanup_fd int fd = -1;

	(void)unlinkat(top, DISK_FILE ".new", 0);
	fd = openat(top, DISK_FILE ".new",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), HEAD "%s\n", identity);
	if (nx_write_full(fd, text, LENGTH) < 0 || fsync(fd) < 0)
		return -errno;
	if (renameat(top, DISK_FILE ".new", top, DISK_FILE) < 0)
		return -errno;
	return fsync(top) < 0 ? -errno : 0;
}

/* 0: it is empty, or was made before and holds no image. */
static int
check_empty(int top, const char *path, struct volume_error *error)
{
	static const char *const top_names[] = {".", "..", "lost+found", IMAGES,
	    DISK_FILE, DISK_FILE ".new", DISK_LIST_FILE, DISK_LIST_FILE ".new",
	    NULL};
	static const char *const image_names[] = {".", "..", PROBE, NULL};
	nx_cleanup_fd int images = -1;
	int r = is_empty(top, top_names);

	if (r == 0)
		return fail(error, -ENOTEMPTY,
		    "%s is not empty: a disk is given to Nexus as a whole, or "
		    "an empty directory of it",
		    path);
	if (r < 0)
		return fail(error, r, "%s: %s", path, strerror(-r));
	images = openat(
	    top, IMAGES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (images < 0 && errno == ENOENT)
		return 0;
	r = images < 0 ? -errno : is_empty(images, image_names);
	if (r == 0)
		return fail(error, -ENOTEMPTY,
		    "%s/" IMAGES " has volumes the catalogue does not know: "
		    "they may hold files; move them away",
		    path);
	return r < 0 ? fail(error, r, "%s: %s", path, strerror(-r)) : 0;
}

static int
make_in(int top, char ret_identity[NX_ID_LEN + 1])
{
	int r = read_identity(top, ret_identity);

	if (mkdirat(top, IMAGES, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (r == 0)
		return 0;
	nx_id_new(ret_identity);
	return write_identity(top, ret_identity);
}

int
disk_make(const char *path, const dev_t *devs, size_t n_devs,
    char ret_identity[NX_ID_LEN + 1], struct volume_error *error)
{
	nx_cleanup_fd int top =
	    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int r;

	error->text[0] = '\0';
	if (top < 0 || fstat(top, &st) < 0)
		return fail(error, -errno,
		    "%s cannot be used: %s (it is to be a directory that "
		    "nexus-storage may write, no link)",
		    path, strerror(errno));
	r = check_place(path, &st, devs, n_devs, error);
	if (r == 0)
		r = check_empty(top, path, error);
	if (r < 0)
		return r;
	r = make_in(top, ret_identity);
	if (r == -EROFS)
		return fail(error, r,
		    "%s is read-only for storaged: name it in ReadWritePaths= "
		    "of nexus-storaged.service too (systemctl edit)",
		    path);
	if (r < 0)
		return fail(error, r,
		    "%s cannot be written by storaged (%s): chown "
		    "nexus-storage %s",
		    path, strerror(-r), path);
	return disk_open(path, ret_identity, error);
}

int
disk_unmake(const char *path, const char *identity)
{
	struct volume_error error;
	nx_cleanup_fd int images = disk_open(path, identity, &error), top = -1;

	if (images < 0)
		return images;
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (top < 0)
		return -errno;
	if (unlinkat(images, PROBE, 0) < 0 && errno != ENOENT)
		return -errno;
	(void)unlinkat(top, DISK_LIST_FILE ".new", 0);
	if (unlinkat(top, DISK_LIST_FILE, 0) < 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(top, IMAGES, AT_REMOVEDIR) < 0 ||
	    unlinkat(top, DISK_FILE, 0) < 0)
		return -errno;
	return fsync(top) < 0 ? -errno : 0;
}
