/*
 * The skeleton of the image `host`: tables of what is made up and of what is
 * copied from the host's /etc because programs below /usr look for it there.
 * Only what every user of the host may read is copied.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/images/images.h"

#define COPY_MAX (4U << 20)

static const struct {
	const char *path;
	unsigned mode;
} dirs[] = {
    {"data", 0755},
    {"dev", 0755},
    {"etc", 0755},
    {"etc/alternatives", 0755},
    {"etc/ssl", 0755},
    {"etc/ssl/certs", 0755},
    {"home", 0755},
    {"media", 0755},
    {"mnt", 0755},
    {"opt", 0755},
    {"proc", 0555},
    {"root", 0700},
    {"run", 0755},
    {"srv", 0755},
    {"sys", 0555},
    {"tmp", 01777},
    {"usr", 0755},
    {"var", 0755},
    {"var/cache", 0755},
    {"var/lib", 0755},
    {"var/log", 0755},
    {"var/spool", 0755},
    {"var/tmp", 01777},
};

static const struct {
	const char *path, *text;
} files[] = {
    {"etc/passwd",
	"root:x:0:0:root:/root:/bin/sh\n"
	"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
	"bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
	"sys:x:3:3:sys:/dev:/usr/sbin/nologin\n"
	"mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n"
	"www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
	"user:x:1000:1000:user:/tmp:/bin/sh\n"
	"nobody:x:65534:65534:nobody:/nonexistent:"
	"/usr/sbin/nologin\n"},
    {"etc/group",
	"root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\n"
	"tty:x:5:\ndisk:x:6:\nmail:x:8:\nwww-data:x:33:\n"
	"shadow:x:42:\nutmp:x:43:\nstaff:x:50:\nusers:x:100:\n"
	"user:x:1000:\nnogroup:x:65534:\n"},
    {"etc/nsswitch.conf",
	"passwd: files\ngroup: files\nshadow: files\n"
	"hosts: files dns\nnetworks: files\nprotocols: files\n"
	"services: files\n"},
    {"etc/host.conf", "multi on\n"},
    {"etc/shells", "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n"},
    {"etc/profile",
	"export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
	"/usr/bin:/sbin:/bin\n"},
};

static const struct {
	const char *path, *target;
} links[] = {
    {"etc/mtab", "/proc/self/mounts"},
    {"etc/os-release", "../usr/lib/os-release"},
    {"var/run", "/run"},
    {"var/lock", "/run/lock"},
};

static const char *const copied[] = {"ld.so.cache", "ld.so.conf", "localtime",
    "mime.types", "protocols", "services", "timezone",
    "ssl/certs/ca-certificates.crt"};

/* Links in the host's root that lead below /usr. */
static const char *const merged[] = {
    "bin", "sbin", "lib", "lib32", "lib64", "libx32"};

static int
put_file(int root, const char *path, const char *text, size_t len)
{
	nx_cleanup_free char *now = NULL;
	nx_cleanup_fd int fd = -1;
	char tmp[PATH_MAX];
	int r = nx_read_file(root, path, COPY_MAX, &now);

	if (r >= 0 && (size_t)r == len && !memcmp(now, text, len))
		return 0;
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	(void)unlinkat(root, tmp, 0);
	fd = openat(root, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = nx_write_full(fd, text, len);
	if (r < 0)
		return r;
	if (fchmod(fd, 0644) < 0 || renameat(root, tmp, root, path) < 0)
		return -errno;
	return 0;
}

static int
put_link(int root, const char *path, const char *target)
{
	char now[PATH_MAX];
	ssize_t n = readlinkat(root, path, now, sizeof(now) - 1);

	if (n >= 0) {
		now[n] = '\0';
		if (!strcmp(now, target))
			return 0;
	}
	if (unlinkat(root, path, 0) < 0 && errno != ENOENT)
		return -errno;
	return NX_SYS(symlinkat(target, root, path));
}

static int
put_dir(int root, const char *path, unsigned mode)
{
	if (mkdirat(root, path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return NX_SYS(fchmodat(root, path, mode, 0));
}

/* A file or link of the host's /etc; what is not there, or not for everybody,
 * is left out. */
static int
copy_etc(int root, int etc, const char *name)
{
	nx_cleanup_free char *text = NULL;
	char path[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "etc/%s", name);
	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(etc, name, target, sizeof(target) - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		return put_link(root, path, target);
	}
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH))
		return 0;
	r = nx_read_file(etc, name, COPY_MAX, &text);
	return r < 0 ? 0 : put_file(root, path, text, (size_t)r);
}

static int
copy_alternatives(int root, int etc)
{
	int fd =
	    openat(etc, "alternatives", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char name[PATH_MAX];
	int r = 0;

	if (!dir) {
		nx_close(&fd);
		return 0;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_type != DT_LNK)
			continue;
		snprintf(name, sizeof(name), "alternatives/%s", entry->d_name);
		r = copy_etc(root, etc, name);
	}
	closedir(dir);
	return r;
}

static int
link_merged(int root)
{
	char path[16], target[PATH_MAX];
	size_t i;
	ssize_t n;
	int r = 0;

	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(merged); i++) {
		snprintf(path, sizeof(path), "/%s", merged[i]);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		r = put_link(root, merged[i], target);
	}
	return r;
}

static int
make_up(int root)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(dirs); i++)
		r = put_dir(root, dirs[i].path, dirs[i].mode);
	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(files); i++)
		r = put_file(
		    root, files[i].path, files[i].text, strlen(files[i].text));
	for (i = 0; r == 0 && i < NX_ARRAY_SIZE(links); i++)
		r = put_link(root, links[i].path, links[i].target);
	return r == 0 ? link_merged(root) : r;
}

int
nx_image_host_make(int images, char error[256])
{
	nx_cleanup_fd int root = -1, etc = -1;
	struct stat st;
	size_t i;
	int r;

	if (lstat("/bin", &st) < 0 || !S_ISLNK(st.st_mode)) {
		snprintf(error, 256,
		    "the image host needs a merged /usr (/bin -> usr/bin)");
		return -ENOTSUP;
	}
	r = put_dir(images, NX_IMAGE_HOST, 0755);
	if (r == 0)
		r = root = openat(images, NX_IMAGE_HOST,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r >= 0)
		r = make_up(root);
	etc = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; r == 0 && etc >= 0 && i < NX_ARRAY_SIZE(copied); i++)
		r = copy_etc(root, etc, copied[i]);
	if (r == 0 && etc >= 0)
		r = copy_alternatives(root, etc);
	if (r < 0)
		snprintf(
		    error, 256, "cannot make the image host: %s", strerror(-r));
	return r < 0 ? r : 0;
}
