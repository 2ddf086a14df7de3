/* The list of disks: see disk.h. Trusts the catalogue and nexus.conf. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/storaged.h"
#include "storaged/volumes/disk.h"
#include "storaged/volumes/volume.h"

struct disk *
disk_new(struct volumes *vs)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->env = vs->env;
	/* While it is away there are no images in it. The number stays the
	 * same, for threads at work. */
	d->env.images = fcntl(vs->nowhere, F_DUPFD_CLOEXEC, 0);
	if (d->env.images < 0) {
		free(d);
		return NULL;
	}
	d->away = true;
	(void)snprintf(d->why, sizeof(d->why), "not looked at yet");
	return d;
}

struct disk *
disk_free(struct disk *d)
{
	if (d)
		nx_close(&d->env.images);
	free(d);
	return NULL;
}

void
disk_take_in(struct volumes *vs, struct disk *d, const struct catalog_disk *row)
{
	d->key = row->key;
	d->leaving = row->leaving;
	memcpy(d->path, row->path, sizeof(d->path));
	memcpy(d->identity, row->identity, sizeof(d->identity));
	TAILQ_INSERT_TAIL(&vs->disks, d, entry);
}

void
disk_drop(struct volumes *vs, struct disk *d)
{
	nx_assert(!d->busy);
	TAILQ_REMOVE(&vs->disks, d, entry);
	(void)disk_free(d);
}

void
disks_free(struct volumes *vs)
{
	struct disk *d;

	while ((d = TAILQ_FIRST(&vs->disks))) {
		d->busy = false; /* threads have ended */
		disk_drop(vs, d);
	}
}

struct loading {
	struct volumes *vs;
	int result;
};

static void
load_row(const struct catalog_disk *row, void *arg)
{
	struct loading *l = arg;
	struct disk *d = disk_new(l->vs);

	if (d)
		disk_take_in(l->vs, d, row);
	else
		l->result = -ENOMEM;
}

int
disks_load(struct volumes *vs)
{
	struct loading l = {.vs = vs};
	int r = catalog_disks(vs->s->catalog, load_row, &l);
	struct disk *d = disk_by_key(vs, 0);

	if (r == 0)
		r = l.result;
	if (r < 0 || !d)
		return r < 0 ? r : -EBADMSG;
	/* The state directory is where the catalogue is: without it there
	 * would be nobody to ask. */
	if (dup3(vs->env.images, d->env.images, O_CLOEXEC) < 0)
		return -errno;
	d->away = false;
	d->why[0] = '\0';
	return 0;
}

struct disk *
disk_by_key(struct volumes *vs, int64_t key)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (d->key == key)
			return d;
	return NULL;
}

struct disk *
disk_find(struct volumes *vs, const char *path)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (strcmp(d->path, path) == 0)
			return d;
	return NULL;
}

bool
disk_in_conf(const struct volumes *vs, const char *path)
{
	const char *at = vs->s->conf.disks ? vs->s->conf.disks : "";
	size_t len = strlen(path);

	while (*at) {
		size_t n;

		at += strspn(at, ", \t");
		n = strcspn(at, ", \t");
		if (n == len && strncmp(at, path, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool
conf_is_empty(const struct volumes *vs)
{
	const char *conf = vs->s->conf.disks;

	return !conf || conf[strspn(conf, ", \t")] == '\0';
}

bool
disk_takes(const struct volumes *vs, const struct disk *d)
{
	if (d->away || d->leaving || d->removing)
		return false;
	return d->key != 0 || conf_is_empty(vs) || disk_in_conf(vs, d->path);
}

int
disk_room(const struct volumes *vs, const struct disk *d, uint64_t *ret_room)
{
	const struct volume *v;
	uint64_t room = d->room, making = 0;
	int r = 0;

	/* Others are asked by threads: one that hangs must not hang us. */
	if (d->key == 0)
		r = vs->image->room(&d->env, &room);
	if (r < 0)
		return r;
	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d && v->state == VOLUME_MAKING && !v->attaching)
			making += v->size + v->own.size;
	*ret_room = room > making ? room - making : 0;
	return 0;
}

struct disk *
disk_roomiest(struct volumes *vs, uint64_t *ret_room)
{
	struct disk *d, *best = NULL;
	uint64_t room;

	TAILQ_FOREACH(d, &vs->disks, entry) {
		if (!disk_takes(vs, d) || disk_room(vs, d, &room) < 0)
			continue;
		if (!best || room > *ret_room) {
			best = d;
			*ret_room = room;
		}
	}
	return best;
}

unsigned
disks_usable(const struct volumes *vs)
{
	const struct disk *d;
	const struct volume *v;
	unsigned n = 0;

	TAILQ_FOREACH(d, &vs->disks, entry)
		TAILQ_FOREACH(v, &vs->list, entry)
			if (v->disk == d && volume_writable(v)) {
				n++;
				break;
			}
	return n;
}
