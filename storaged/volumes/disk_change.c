/*
 * Disks that come and go on purpose. One that comes is made in a thread, then
 * the catalogue learns of it, then it is used; what a crash leaves in between
 * is an empty disk nobody knows, which is taken when it is added again. One
 * that goes is emptied first (care/evacuate.c); its row goes after its last
 * volume, and then what made it a disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/disk.h"
#include "storaged/volumes/disk_identity.h"
#include "storaged/volumes/disk_list.h"
#include "storaged/volumes/volume.h"

struct adoption {
	struct volumes *vs;
	dev_t devs[DISKS_MAX + 1]; /* of those there are */
	size_t n_devs;
	struct disk_seen seen;
	struct volume_error error;
	struct catalog_disk_op op;
	struct disk *disk; /* what it will be: once it is saved nothing fails */
	int result;
	disk_adopted *done;
	void *arg;
};

const char *
disk_path_bad(const char *path)
{
	if (path[0] != '/' || path[1] == '\0')
		return "a disk is named by the whole path of its directory";
	if (strlen(path) > CATALOG_DISK_PATH)
		return "the path of a disk has at most 200 bytes";
	if (path[strcspn(path, ", \t\n\"\\")] != '\0')
		return "the path of a disk has no blanks, commas, quotes";
	if (strstr(path, "//") || strstr(path, "/../") || strstr(path, "/./") ||
	    path[strlen(path) - 1] == '/')
		return "the path of a disk has no //, .. or / at its end";
	return NULL;
}

/* --- coming -----------------------------------------------------------------*/

static void
adopt_work(void *arg)
{
	struct adoption *a = arg;
	struct catalog_disk *row = &a->op.disk;
	struct volume_env env = {0};

	a->seen.images =
	    disk_make(row->path, a->devs, a->n_devs, row->identity, &a->error);
	a->result = a->seen.images < 0 ? a->seen.images : 0;
	if (a->result < 0)
		return;
	env.images = a->seen.images;
	if (fstat(a->seen.images, &a->seen.st) < 0)
		a->result = -errno;
	else
		a->result = a->vs->image->room(&env, &a->seen.room);
	if (a->result == 0)
		a->result = disk_try_write(a->seen.images);
}

static void
adoption_end(struct adoption *a, struct disk *d)
{
	a->vs->adopting--;
	if (a->result < 0) {
		if (!a->error.text[0])
			(void)snprintf(a->error.text, sizeof(a->error.text),
			    "%.180s: %s", a->op.disk.path,
			    strerror(-a->result));
		nx_err("event=disk-not-added disk=%s reason=\"%s\"",
		    a->op.disk.path, a->error.text);
	}
	if (a->done)
		a->done(d, a->result, a->error.text, a->arg);
	if (a->seen.images >= 0)
		nx_close(&a->seen.images);
	(void)disk_free(a->disk);
	free(a);
}

static void
adopt_saved(int result, void *arg)
{
	struct adoption *a = arg;
	struct disk *d = NULL;

	a->result = result;
	if (result == -EEXIST)
		(void)snprintf(a->error.text, sizeof(a->error.text),
		    "that disk, or one at that path, is there already");
	if (result == 0) {
		d = a->disk;
		a->disk = NULL;
		disk_take_in(a->vs, d, &a->op.disk);
		nx_info("event=disk-added disk=%s", d->path);
		disk_found(a->vs, d, &a->seen);
		disk_list_changed(a->vs);
	}
	adoption_end(a, d);
}

static void
adopt_done(void *arg)
{
	struct adoption *a = arg;

	if (a->result == 0 && !(a->disk = disk_new(a->vs)))
		a->result = -ENOMEM;
	if (a->result < 0) {
		adoption_end(a, NULL);
		return;
	}
	a->op.add = true;
	a->op.done = adopt_saved;
	a->op.arg = a;
	catalog_disk_save(a->vs->s->catalog, &a->op);
}

/* The state directory's too: two copies there and here would be on one disk. */
static void
note_devs(struct adoption *a)
{
	struct disk *d;
	struct stat st;

	if (fstat(a->vs->env.images, &st) == 0)
		a->devs[a->n_devs++] = st.st_dev;
	TAILQ_FOREACH(d, &a->vs->disks, entry)
		if (d->dev != 0 && a->n_devs < NX_ARRAY_SIZE(a->devs))
			a->devs[a->n_devs++] = d->dev;
}

int
disk_adopt(struct volumes *vs, const char *path, disk_adopted *done, void *arg)
{
	struct adoption *a = calloc(1, sizeof(*a));
	int r;

	nx_assert(!disk_path_bad(path));
	if (!a)
		return -ENOMEM;
	a->vs = vs;
	a->done = done;
	a->arg = arg;
	a->seen.images = -1;
	(void)snprintf(a->op.disk.path, sizeof(a->op.disk.path), "%s", path);
	note_devs(a);
	r = nx_workers_submit(vs->s->disks, adopt_work, adopt_done, a);
	if (r < 0) {
		free(a);
		return r;
	}
	vs->adopting++;
	return 0;
}

bool
disks_adopting(const struct volumes *vs)
{
	return vs->adopting > 0;
}

static void
adopt_named(struct volumes *vs, const char *path)
{
	const char *bad = disk_path_bad(path);
	int r = 0;

	if (strcmp(path, "state") == 0 || disk_find(vs, path))
		return;
	if (!bad)
		r = disk_adopt(vs, path, NULL, NULL);
	if (bad || r < 0)
		nx_err("event=disk-not-added disk=%s reason=\"%s\"", path,
		    bad ? bad : strerror(-r));
}

void
disks_adopt_conf(struct volumes *vs)
{
	const char *conf = vs->s->conf.disks ? vs->s->conf.disks : "";
	unsigned n = 0;

	for (const char *at = conf; *at;) {
		char path[CATALOG_DISK_PATH + 2];
		size_t len;

		at += strspn(at, ", \t");
		len = strcspn(at, ", \t");
		(void)snprintf(path, sizeof(path), "%.*s", (int)len, at);
		at += len;
		if (len > 0 && n++ < DISKS_MAX)
			adopt_named(vs, path);
	}
}

/* --- going ------------------------------------------------------------------*/

struct leaving {
	struct volumes *vs;
	struct disk *disk;
	bool leave;
	struct catalog_disk_op op;
	catalog_done *done;
	void *arg;
};

static void
leave_saved(int result, void *arg)
{
	struct leaving *l = arg;

	if (result == 0) {
		l->disk->leaving = l->leave;
		nx_info("event=disk-%s disk=%s", l->leave ? "leaving" : "stays",
		    l->disk->path);
		volumes_changed(l->vs);
		base_check(l->vs);
	}
	l->done(result, l->arg);
	free(l);
}

int
disk_leave(struct volumes *vs, struct disk *d, bool leave, catalog_done *done,
    void *arg)
{
	struct leaving *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct leaving){
	    .vs = vs, .disk = d, .leave = leave, .done = done, .arg = arg};
	l->op =
	    (struct catalog_disk_op){.disk = {.key = d->key, .leaving = leave},
		.done = leave_saved,
		.arg = l};
	catalog_disk_save(vs->s->catalog, &l->op);
	return 0;
}

struct removal {
	struct volumes *vs;
	struct disk *disk;
	struct catalog_disk_op op;
};

static void
unmake_work(void *arg)
{
	struct removal *job = arg;
	int r = disk_unmake(job->disk->path, job->disk->identity);

	if (r < 0)
		nx_warn("event=disk-not-unmade disk=%s error=\"%s\"",
		    job->disk->path, strerror(-r));
}

static void
unmake_done(void *arg)
{
	struct removal *job = arg;

	job->disk->busy = false;
	disk_drop(job->vs, job->disk);
	free(job);
}

/* Nothing counts on it any more: what stays on it when this fails is an empty
 * disk with a name. */
static void
row_gone(int result, void *arg)
{
	struct removal *job = arg;
	struct disk *d = job->disk;

	if (result != 0) {
		nx_warn(
		    "event=disk-not-removed disk=%s error=%d", d->path, result);
		d->removing = false;
		free(job);
		return;
	}
	nx_info("event=disk-removed disk=%s", d->path);
	d->busy = true;
	disk_list_changed(job->vs);
	if (d->away ||
	    nx_workers_submit(
		job->vs->s->disks, unmake_work, unmake_done, job) < 0)
		unmake_done(job);
}

static bool
has_volumes(const struct volumes *vs, const struct disk *d)
{
	const struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d)
			return true;
	return false;
}

void
disks_remove_empty(struct volumes *vs)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry) {
		struct removal *job;

		/* The state directory only has no volumes any more. */
		if (d->key == 0 || !d->leaving || d->removing || d->busy ||
		    has_volumes(vs, d))
			continue;
		job = calloc(1, sizeof(*job));
		if (!job)
			return;
		d->removing = true;
		*job = (struct removal){.vs = vs, .disk = d};
		job->op = (struct catalog_disk_op){
		    .disk.key = d->key, .done = row_gone, .arg = job};
		catalog_disk_delete(vs->s->catalog, &job->op);
	}
}
