/*
 * Rebuilding, step by step; each can be taken again after a crash:
 *
 *	find	the base volumes' images, mounted, and the copies there
 *	make	storage.new, from the copies, and look at all of it
 *	move	what is there of storage.db aside, storage.new into its place
 *	forget	that it was lost
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

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/ledger/ledger.h"
#include "storaged/rescue/rescue_internal.h"
#include "storaged/volumes/volumes.h"

#define VOLUMES 32

struct found {
	struct volume_mounted mounted[VOLUMES];
	int dirs[VOLUMES];
	const struct volume_key *keys[VOLUMES]; /* of what is in dirs */
	size_t n, n_dirs;
	bool absent;      /* there may be more copies */
	char locked[256]; /* one whose key is not here, and why; "" */
};

static bool
is_image(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".img") == 0;
}

/* Calls @each with the name of each image, without ".img". */
static void
each_image(int images, void (*each)(const char *name, int images, void *arg),
    void *arg)
{
	int fd = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	char name[256];

	if (!d) {
		nx_close(&fd);
		return;
	}
	while ((e = readdir(d)))
		if (is_image(e->d_name)) {
			(void)snprintf(name, sizeof(name), "%.*s",
			    (int)strlen(e->d_name) - 4, e->d_name);
			each(name, images, arg);
		}
	closedir(d);
}

static void
note_one(const char *name, int images, void *arg)
{
	(void)name;
	(void)images;
	*(bool *)arg = true;
}

bool
rescue_any_image(int images)
{
	bool any = false;

	each_image(images, note_one, &any);
	return any;
}

/* --- finding ----------------------------------------------------------------*/

struct finding {
	struct storaged *s;
	struct found *found;
};

static void
attach_one(const char *name, int images, void *arg)
{
	struct finding *f = arg;
	struct volume_env env = f->s->volumes->env;
	struct volume_mounted *m = &f->found->mounted[f->found->n];
	struct volume_part part = {.name = name, .what = MOUNT_CHUNKS};
	struct volume_error error;
	char image[NX_ID_LEN + 8];
	struct stat st;
	int r;

	if (!base_name_is(name) || strlen(name) > NX_ID_LEN ||
	    f->found->n == VOLUMES)
		return;
	env.images = images;
	error.text[0] = '\0';
	/* What the catalogue says of its size nobody knows here. */
	(void)snprintf(image, sizeof(image), "%.32s.img", name);
	r = fstatat(images, image, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	part.size = r < 0 ? 0 : (uint64_t)st.st_size;
	if (r == 0)
		r = volume_attach(f->s->volumes, &env, &part, m, &error);
	if (r < 0) {
		nx_warn("event=volume-not-attached node=%s error=\"%s\" "
			"reason=\"%s\"",
		    name, strerror(-r), error.text);
		if (r == -ENOKEY)
			(void)snprintf(f->found->locked,
			    sizeof(f->found->locked), "%s: %.200s", name,
			    error.text);
		return;
	}
	f->found->n++;
	r = openat(m->chunks, ".catalogue",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r >= 0) {
		f->found->keys[f->found->n_dirs] = &m->key;
		f->found->dirs[f->found->n_dirs++] = r;
	}
}

/* What is only on a disk that is not there would be lost without a word: an older
 * copy elsewhere does not tell that there is a newer one. */
static int
find_copies(struct rescue *re, struct found *ret_found)
{
	struct finding f = {re->s, ret_found};
	char missing[RESCUE_MISSING];
	int images[VOLUMES];
	size_t n = rescue_images(re->s, images, VOLUMES, missing);

	for (size_t i = 0; i < n; i++) {
		each_image(images[i], attach_one, &f);
		nx_close(&images[i]);
	}
	ret_found->absent = ret_found->locked[0] || missing[0];
	if (ret_found->locked[0] && !re->partial) {
		(void)snprintf(
		    re->text, sizeof(re->text), "%s", ret_found->locked);
		return -ENOKEY;
	}
	if (!missing[0] || re->partial)
		return 0;
	(void)snprintf(re->text, sizeof(re->text),
	    "a disk with volumes is not there (%.120s): bring it back, or say "
	    "--partial to go on without what is only there",
	    missing);
	return -ENODEV;
}

static void
let_go(struct found *f)
{
	for (size_t i = 0; i < f->n_dirs; i++)
		nx_close(&f->dirs[i]);
	for (size_t i = 0; i < f->n; i++)
		volume_detach(&f->mounted[i]);
}

/* --- making -----------------------------------------------------------------*/

static int
make(struct rescue *re, const struct found *f, const char *to)
{
	struct ledger_rebuild rb = {.base = re->base,
	    .dirs = f->dirs,
	    .keys = f->keys,
	    .n_dirs = f->n_dirs,
	    .to = to,
	    .partial = re->partial,
	    .absent = f->absent};
	int r = ledger_rebuild(&rb);

	re->commits = rb.at.seq;
	re->records = rb.records;
	if (r < 0)
		(void)snprintf(re->text, sizeof(re->text), "%.200s", rb.why);
	return r;
}

struct looking {
	struct rescue *re;
	bool pages;
};

static void
on_found(const struct catalog_finding *f, void *arg)
{
	struct looking *l = arg;

	l->re->found++;
	l->pages = l->pages || strcmp(f->rule, "pages") == 0;
	nx_warn(
	    "event=rebuilt-disagrees rule=%s what=\"%s\"", f->rule, f->text);
}

/* Rows that disagree are no worse than they were; pages that cannot be read
 * would be. */
static int
look_at(struct rescue *re, const char *path)
{
	struct looking l = {.re = re};
	struct catalog_check check = {
	    .path = path, .found = on_found, .arg = &l};
	int r;

	re->found = 0;
	r = catalog_check(&check);
	if (r == 0 && l.pages) {
		(void)snprintf(re->text, sizeof(re->text),
		    "what was made cannot be read; the log says more");
		r = -EBADMSG;
	}
	return r;
}

/* --- putting it in place ----------------------------------------------------*/

/* Nothing is ever deleted here. */
static int
move_aside(struct rescue *re)
{
	static const char *const parts[] = {"-wal", "-shm", ""};
	char from[512], to[600];

	(void)snprintf(re->aside, sizeof(re->aside),
	    "%.400s/storage/storage.db.lost-%" PRIu64,
	    re->s->conf.common.state_dir, nx_wall_us() / 1000);
	for (size_t i = 0; i < NX_ARRAY_SIZE(parts); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "storage.db%s", parts[i]);
		rescue_path(re->s, from, name);
		(void)snprintf(to, sizeof(to), "%s%s", re->aside, parts[i]);
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) <
			0 &&
		    errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int
sync_directory(struct rescue *re)
{
	nx_cleanup_fd int fd = -1;
	char path[512];

	rescue_path(re->s, path, ".");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Closed well, it is one file. */
static int
put_in_place(struct rescue *re, const char *from)
{
	char path[512];
	int r = move_aside(re);

	if (r == 0)
		r = sync_directory(re);
	rescue_path(re->s, path, "storage.db");
	if (r == 0 && rename(from, path) < 0)
		r = -errno;
	if (r == 0)
		r = sync_directory(re);
	rescue_path(re->s, path, "storage.lost");
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	return r == 0 ? sync_directory(re) : r;
}

static void
remove_new(const char *path)
{
	char log[520];

	(void)unlink(path);
	(void)snprintf(log, sizeof(log), "%s-wal", path);
	(void)unlink(log);
}

void
rescue_work(void *arg)
{
	struct rescue *re = arg;
	struct found *f = calloc(1, sizeof(*f));
	char path[512];
	int r = f ? 0 : -ENOMEM;

	re->text[0] = re->aside[0] = '\0';
	rescue_path(re->s, path, "storage.new");
	remove_new(path);
	if (r == 0) {
		r = find_copies(re, f);
		if (r == 0)
			r = make(re, f, path);
	}
	if (r == 0)
		r = look_at(re, path);
	if (r == 0)
		r = put_in_place(re, path);
	if (r < 0) {
		remove_new(path);
		if (!re->text[0])
			(void)snprintf(
			    re->text, sizeof(re->text), "%s", strerror(-r));
	}
	if (f)
		let_go(f);
	free(f);
	re->result = r;
}
