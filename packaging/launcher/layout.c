/*
 * Directories and their owners, read from the same tmpfiles.d file that an
 * installed host gives to systemd-tmpfiles: "d PATH MODE USER GROUP -" lines
 * below /var/lib/nexus and /run/nexus. Everything else in it does not concern
 * an instance in a directory of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "packaging/launcher/place.h"

static const struct {
	const char *installed, *here;
} prefixes[] = {
    {"/var/lib/nexus", "state"},
    {"/run/nexus", "run"},
};

/* @path of an installed host as one below the instance's directory; false: not
 * ours. */
static bool
translate(const char *path, char *out, size_t size)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].installed);

		if (strncmp(path, prefixes[i].installed, len) != 0 ||
		    (path[len] != '/' && path[len] != '\0'))
			continue;
		return snprintf(out, size, "%s%s", prefixes[i].here,
			   path + len) < (int)size;
	}
	return false;
}

static void
make(const struct up *up, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	nx_cleanup_fd int fd = -1;

	if (mkdirat(up->opt.dir_fd, path, 0700) < 0 && errno != EEXIST)
		up_die("cannot make %s/%s: %s", up->opt.dir, path,
		    strerror(errno));
	/* By descriptor and without following a link: what lies below a
	 * directory of a daemon's own is under its control. */
	fd = openat(up->opt.dir_fd, path,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		up_die("cannot give %s/%s to its owner: %s", up->opt.dir, path,
		    strerror(errno));
}

static void
line(const struct up *up, const char *text, unsigned number)
{
	char type[8], path[PATH_MAX], mode[16], user[64], group[64];
	char here[PATH_MAX];
	struct passwd *pw;
	struct group *gr;
	int n;

	n = sscanf(
	    text, "%7s %4095s %15s %63s %63s", type, path, mode, user, group);
	if (n < 1 || type[0] == '#' || strcmp(type, "d") != 0)
		return;
	if (n != 5)
		up_die("%s:%u: a directory needs a mode, a user and a group",
		    up->opt.layout, number);
	if (!translate(path, here, sizeof(here)))
		return;
	pw = getpwnam(user);
	gr = getgrnam(group);
	if (!pw || !gr)
		up_die("there is no system user %s or group %s; "
		       "packaging/up.sh makes them, start it by \"make up\".",
		    user, group);
	make(up, here, (mode_t)strtoul(mode, NULL, 8), pw->pw_uid, gr->gr_gid);
}

void
up_directories(const struct up *up)
{
	nx_cleanup_fclose FILE *f = NULL;
	char text[PATH_MAX + 256];

	make(up, "etc", 0755, 0, 0);
	make(up, "log", 0755, 0, 0);
	make(up, "state", 0755, 0, 0);
	make(up, "run", 0755, 0, 0);
	f = fopen(up->opt.layout, "re");
	if (!f)
		up_die("cannot read %s: %s", up->opt.layout, strerror(errno));
	for (unsigned number = 1; fgets(text, sizeof(text), f); number++)
		line(up, text, number);
}
