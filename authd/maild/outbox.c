/*
 * The maildir. A mail that has a name in new/ is whole and on disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/maild/outbox.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"

struct outbox {
	int tmp, new;         /* directories */
	uint64_t keep, count; /* of mails in new/ */
};

static int
open_folder(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Calls @each with the names in a folder. 0 or -errno. */
static int
walk(
    int folder, int (*each)(int folder, const char *name, void *arg), void *arg)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = -errno;
		nx_close(&fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = each(folder, e->d_name, arg);
	closedir(d);
	return r;
}

static int
count_one(int folder, const char *name, void *arg)
{
	(void)folder;
	(void)name;
	++*(uint64_t *)arg;
	return 0;
}

static int
remove_one(int folder, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int
maild_outbox_open(const struct maild_conf *conf, struct event_base *base,
    const char *dir, void **ret_state, char error[256])
{
	struct outbox *o = calloc(1, sizeof(*o));
	int r = 0, cur = -1;

	(void)base;
	snprintf(error, 256, "cannot use the outbox %.200s", dir);
	if (!o)
		return -ENOMEM;
	o->keep = conf->keep;
	o->tmp = open_folder(dir, "tmp");
	o->new = open_folder(dir, "new");
	cur = open_folder(dir, "cur");
	if (o->tmp < 0 || o->new < 0 || cur < 0)
		r = o->tmp < 0 ? o->tmp : o->new < 0 ? o->new : cur;
	nx_close(&cur);
	/* Only this program writes here: what is in tmp/ was never finished. */
	if (r == 0)
		r = walk(o->tmp, remove_one, NULL);
	if (r == 0)
		r = walk(o->new, count_one, &o->count);
	if (r < 0)
		maild_outbox_close(o);
	else
		*ret_state = o;
	return r;
}

void
maild_outbox_close(void *state)
{
	struct outbox *o = state;

	if (!o)
		return;
	nx_close(&o->tmp);
	nx_close(&o->new);
	free(o);
}

/* --- keeping it small -------------------------------------------------------*/

struct names {
	char (*list)[64];
	size_t n, max;
};

static int
add_name(int folder, const char *name, void *arg)
{
	struct names *names = arg;

	(void)folder;
	if (names->n < names->max && strlen(name) < sizeof(names->list[0]))
		snprintf(names->list[names->n++], sizeof(names->list[0]), "%s",
		    name);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names begin with the time in 10 digits: sorted, the oldest come first. Takes
 * a tenth away at once, so that this is rare. */
static void
prune(struct outbox *o)
{
	nx_cleanup_free void *memory = NULL;
	struct names names = {.max = (size_t)o->count + 16};
	size_t i, excess;

	memory = calloc(names.max, sizeof(names.list[0]));
	names.list = memory;
	if (!memory || walk(o->new, add_name, &names) < 0)
		return;
	qsort(names.list, names.n, sizeof(names.list[0]), by_name);
	excess = o->keep - o->keep / 10;
	excess = names.n > excess ? names.n - excess : 0;
	for (i = 0; i < excess; i++)
		(void)remove_one(o->new, names.list[i], NULL);
	o->count = names.n - excess;
	nx_info("event=outbox-pruned removed=%zu", excess);
}

/* --- delivering -------------------------------------------------------------*/

static int
write_mail(int folder, const char *name, const struct maild_mail *mail)
{
	nx_cleanup_fd int fd = openat(folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = nx_write_full(fd, mail->text, mail->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

static int
store(struct outbox *o, const struct maild_mail *mail)
{
	char name[64], id[NX_ID_LEN + 1];
	uint64_t now = nx_wall_us();
	int r;

	nx_id_new(id);
	snprintf(name, sizeof(name),
	    "%010" PRIu64 ".M%06" PRIu64 "R%.16s.nexus", now / 1000000,
	    now % 1000000, id);
	r = write_mail(o->tmp, name, mail);
	if (r == 0 && renameat(o->tmp, name, o->new, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(o->tmp, name, 0);
		return r;
	}
	o->count++;
	return fsync(o->new) < 0 ? -errno : 0;
}

void
maild_outbox_deliver(void *state, const struct maild_mail *mail,
    void (*done)(int result, void *arg), void *arg)
{
	struct outbox *o = state;
	int r = store(o, mail);

	if (o->count > o->keep)
		prune(o);
	done(r, arg);
}
