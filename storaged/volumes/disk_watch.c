/*
 * How disks are: each is asked every few seconds by a thread, whether it is the
 * one it was, can be read and written. What does not answer, is another one or
 * fails is away from then on; what is on it is let go as soon as nobody uses
 * it, and taken in again when the disk is back. One thread for one disk: one
 * that hangs holds up nothing but itself.
 *
 * Trusts nothing a disk says but its identity; owns the decision whether it is
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
#include "storaged/volumes/volume_internal.h"

#define HUNG_US  15000000ULL
#define WRITE_AT 6U /* times of asking: it is written to in one of them */

struct look {
	struct volumes *vs;
	struct disk *disk; /* busy: it stays */
	char path[CATALOG_DISK_PATH + 1];
	char identity[NX_ID_LEN + 1];
	bool write;
	char *list; /* to be written there; NULL: it has it */
	unsigned of;
	int list_result;
	unsigned made;
	struct disk_seen seen;
	int result;
	struct volume_error error;
};

/* --- in a thread of the disk's ----------------------------------------------*/

/* It costs no trust: a full disk has no room for it. */
static void
give_list(struct look *l)
{
	nx_cleanup_fd int top = openat(l->seen.images, "..",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	l->list_result = top < 0 ? -errno : disk_list_write(top, l->list);
}

static void
look_work(void *arg)
{
	struct look *l = arg;
	struct statvfs fs;
	struct volume_env env = {0};

	l->seen.images = disk_open(l->path, l->identity, &l->error);
	l->result = l->seen.images < 0 ? l->seen.images : 0;
	if (l->result < 0)
		return;
	env.images = l->seen.images;
	if (fstat(l->seen.images, &l->seen.st) < 0 ||
	    fstatvfs(l->seen.images, &fs) < 0)
		l->result = -errno;
	else if (fs.f_flag & ST_RDONLY)
		l->result = -EROFS;
	else
		l->result = l->vs->image->room(&env, &l->seen.room);
	if (l->result == 0 && l->write)
		l->result = disk_try_write(l->seen.images);
	if (l->result < 0)
		(void)snprintf(l->error.text, sizeof(l->error.text),
		    "%.180s: %s", l->path, strerror(-l->result));
	else if (l->list)
		give_list(l);
}

struct letting_go {
	struct volumes *vs;
	struct disk *disk;
	struct volume_mounted mounted; /* volume_not_mounted: nothing is */
	struct volume_own own;
	struct chunk_store *store;
};

static void
let_go_work(void *arg)
{
	struct letting_go *job = arg;

	job->store = chunk_store_free(job->store);
	volume_detach(&job->mounted);
	own_unmount(&job->own);
}

/* --- away -------------------------------------------------------------------*/

static bool let_go_one(struct volumes *vs, struct disk *d);

static void
let_go_done(void *arg)
{
	struct letting_go *job = arg;

	job->disk->busy = job->disk->hung = false;
	(void)let_go_one(job->vs, job->disk);
	free(job);
}

/* The file system of one volume on a disk that is away, which nobody uses, is
 * let go: the disk must not be kept busy by us, and what failed is mounted
 * anew when it is back. True when that is under way. */
static bool
let_go_one(struct volumes *vs, struct disk *d)
{
	struct letting_go *job;
	struct volume *v;

	if (d->busy || !d->away)
		return false;
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d && (v->attached || v->own.attached) &&
		    v->refs == 0 && !v->idle &&
		    (v->state == VOLUME_READY || v->unfinished))
			break;
	if (!v)
		return false;
	job = calloc(1, sizeof(*job));
	if (!job)
		return false;
	*job = (struct letting_go){.vs = vs,
	    .disk = d,
	    .mounted = v->mounted,
	    .own = v->own,
	    .store = v->store};
	if (nx_workers_submit(vs->s->disks, let_go_work, let_go_done, job) <
	    0) {
		free(job);
		return false;
	}
	v->attached = v->own.attached = false;
	v->store = NULL;
	volume_not_mounted(v);
	d->busy = true;
	d->asked_us = nx_now_us();
	return true;
}

static void
lose_volume(struct volumes *vs, struct volume *v)
{
	if (v->store)
		chunk_store_lose(v->store);
	v->away_us = nx_now_us();
	/* What was written last may be lost: it has to prove well. */
	volume_suspect(vs, v, -EIO);
	v->proof_us = 1;
}

void
disk_lost(struct volumes *vs, struct disk *d, const char *why)
{
	struct volume *v;

	nx_assert(d->key != 0);
	(void)snprintf(d->why, sizeof(d->why), "%s", why);
	if (d->away)
		return;
	nx_err("event=disk-away disk=%s reason=\"%s\"", d->path, why);
	d->away = d->lost = true;
	d->times_lost++;
	/* We do not keep it busy. */
	(void)dup3(vs->nowhere, d->env.images, O_CLOEXEC);
	d->doubted = false;
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d)
			lose_volume(vs, v);
	vs->doubts++;
	(void)let_go_one(vs, d);
	volumes_changed(vs);
}

/* --- back -------------------------------------------------------------------*/

void
disk_found(struct volumes *vs, struct disk *d, const struct disk_seen *seen)
{
	struct volume *v;

	/* Somebody still uses what is mounted of before. */
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d && (v->attached || v->own.attached))
			return;
	if (dup3(seen->images, d->env.images, O_CLOEXEC) < 0)
		return;
	d->dev = seen->st.st_dev;
	d->ino = seen->st.st_ino;
	d->room = seen->room;
	d->away = false;
	d->why[0] = '\0';
	nx_info("event=disk-%s disk=%s room=%s", d->lost ? "back" : "there",
	    d->path, nx_size_format(d->room));
	TAILQ_FOREACH(v, &vs->list, entry) {
		if (v->disk != d || v->state != VOLUME_READY || v->deleting)
			continue;
		if (own_away(v))
			own_attach(vs, v, NULL);
		volume_reattach(vs, v, NULL);
	}
	volumes_finish_removals(vs, d);
	base_check(vs);
	volumes_changed(vs);
}

/* Images that were being made while it was asked are in what it said, or in
 * part: what is known of them stays what counts, until it is asked again. */
static bool
has_said_all(const struct volumes *vs, const struct look *l)
{
	const struct volume *v;

	if (l->made != l->disk->made)
		return false;
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == l->disk && v->state == VOLUME_MAKING &&
		    !v->attaching)
			return false;
	return true;
}

static void
judge(struct volumes *vs, struct look *l)
{
	struct disk *d = l->disk;

	if (volume_fault_of(l->result) == FAULT_OURS) {
		d->doubted = true; /* no answer: ask again */
		return;
	}
	if (l->result < 0) {
		disk_lost(vs, d, l->error.text);
		return;
	}
	if (has_said_all(vs, l))
		d->room = l->seen.room;
	if (d->away)
		disk_found(vs, d, &l->seen);
	else if (l->seen.st.st_dev != d->dev || l->seen.st.st_ino != d->ino)
		disk_lost(vs, d, "it was mounted anew");
}

static void
note_list(struct disk *d, const struct look *l)
{
	if (!l->list || l->result < 0)
		return;
	if (l->list_result == 0)
		d->listed = l->of;
	else if (!d->unlisted)
		nx_warn("event=disks-not-noted disk=%s error=\"%s\"", d->path,
		    strerror(-l->list_result));
	d->unlisted = l->list_result < 0;
}

static void
look_done(void *arg)
{
	struct look *l = arg;
	struct disk *d = l->disk;

	d->busy = d->hung = false;
	note_list(d, l);
	judge(l->vs, l);
	if (l->seen.images >= 0)
		nx_close(&l->seen.images);
	(void)let_go_one(l->vs, d);
	if (d->doubted && !d->away)
		disk_look(l->vs, d);
	free(l->list);
	free(l);
}

/* --- asking -----------------------------------------------------------------*/

static void
look(struct volumes *vs, struct disk *d, bool write)
{
	struct look *l;

	if (d->key == 0 || d->busy || d->removing)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		return;
	l->vs = vs;
	l->disk = d;
	l->seen.images = -1;
	/* What was away is taken in when it can be written. */
	l->write = write || d->away;
	l->made = d->made;
	l->of = vs->disk_lists;
	if (d->listed != vs->disk_lists)
		l->list = disk_list_text(vs);
	memcpy(l->path, d->path, sizeof(l->path));
	memcpy(l->identity, d->identity, sizeof(l->identity));
	if (nx_workers_submit(vs->s->disks, look_work, look_done, l) < 0) {
		free(l->list);
		free(l);
		return;
	}
	d->busy = true;
	d->doubted = false;
	d->asked_us = nx_now_us();
	d->asked++;
}

void
disk_look(struct volumes *vs, struct disk *d)
{
	d->doubted = true; /* if it is busy: when it is not */
	look(vs, d, true);
}

void
disks_start(struct volumes *vs)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		look(vs, d, true);
}

/* Longer than a good one takes and shorter than who starts us waits. */
bool
disks_settled(const struct volumes *vs)
{
	const struct disk *d;
	const struct volume *v;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (d->busy && !d->hung && !d->lost && d->asked <= 1)
			return false;
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->attaching && !v->disk->hung)
			return false;
	return !disks_adopting(vs);
}

void
disks_tick(struct volumes *vs)
{
	uint64_t now = nx_now_us();
	struct disk *d, *next;

	disks_remove_empty(vs);
	for (d = TAILQ_FIRST(&vs->disks); d; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (d->busy && !d->hung && now - d->asked_us > HUNG_US) {
			d->hung = true;
			disk_lost(vs, d, "it does not answer");
		}
		if (!let_go_one(vs, d))
			look(vs, d, d->doubted || d->asked % WRITE_AT == 0);
	}
}
