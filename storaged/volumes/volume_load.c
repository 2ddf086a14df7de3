/*
 * Volumes at start: what a crash interrupted is finished, the rest is attached.
 * The loop does not turn yet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"

struct loading {
	struct volumes *vs;
	struct catalog_volume *rows;
	size_t n;
	int result;
};

static void
collect_row(const struct catalog_volume *row, void *arg)
{
	struct loading *l = arg;
	struct catalog_volume *rows =
	    reallocarray(l->rows, l->n + 1, sizeof(*rows));

	if (!rows) {
		l->result = -ENOMEM;
		return;
	}
	l->rows = rows;
	l->rows[l->n++] = *row;
}

static void
removal_recorded(int result, void *arg)
{
	struct loading *l = arg;

	if (l->result == 0)
		l->result = result;
}

/* Creating or deleting it was interrupted: nothing points there. The loop does
 * not turn yet, so its write may wait for the disk. */
static int
finish_removal(struct loading *l, const struct catalog_volume *row)
{
	struct catalog_volume_op op = {
	    .volume = *row, .done = removal_recorded, .arg = l};
	int r = own_remove_all(l->vs, &disk_by_key(l->vs, 0)->env, row->node);

	nx_info("event=volume-removed node=%s reason=interrupted", row->node);
	if (r < 0)
		return r;
	catalog_volume_delete(l->vs->s->catalog, &op);
	r = catalog_flush(l->vs->s->catalog);
	return r < 0 ? r : l->result;
}

static struct volume *
load_row(struct volumes *vs, const struct catalog_volume *row)
{
	struct disk *d = disk_by_key(vs, row->disk);
	struct volume *v;

	nx_assert(d); /* a disk's row goes after those of its volumes */
	v = volume_new(vs, d, row->node, row->size);
	if (!v)
		return NULL;
	v->key = row->key;
	v->own.size = row->own;
	v->active = row->active;
	v->suspect = row->suspect;
	v->intent = row->intent;
	v->unfinished = row->state != CATALOG_VOLUME_READY;
	v->state = v->unfinished ? VOLUME_GOING : VOLUME_READY;
	return v;
}

static void
attach_now(struct volumes *vs, struct volume *v)
{
	const struct volume_part part = volume_part(v);
	struct volume_own own = {.size = v->own.size};
	struct volume_mounted mounted;
	struct volume_error error;
	int r = volume_attach(vs, &v->disk->env, &part, &mounted, &error);

	if (r == 0)
		r = volume_set_mounted(vs, v, &mounted);
	if (r < 0)
		volume_not_attached(v, r, &error);
	if (v->own.size == 0)
		return;
	r = own_mount(vs, &v->disk->env, v->node, &own, &error);
	own_mounted(v, r, &own, &error);
}

static int
load_volume(struct volumes *vs, const struct catalog_volume *row)
{
	struct volume *v = load_row(vs, row);

	if (!v)
		return -ENOMEM;
	/* Others wait for their disk: nobody waits for one here. */
	if (v->disk->key == 0)
		attach_now(vs, v);
	return 0;
}

static int
copy_key(const char *node, const uint8_t wrapped[CATALOG_KEY], void *arg)
{
	struct volumes *vs = arg;

	return volume_keys_copy(vs->keys, node, wrapped);
}

static int
load_or_not(struct loading *l, const struct catalog_volume *row)
{
	if (row->state == CATALOG_VOLUME_READY || row->disk != 0)
		return load_volume(l->vs, row);
	return 0; /* volumes_load_rest */
}

static int
remove_or_not(struct loading *l, const struct catalog_volume *row)
{
	if (row->state == CATALOG_VOLUME_READY || row->disk != 0)
		return 0;
	return finish_removal(l, row);
}

static int
each_row(struct volumes *vs,
    int (*each)(struct loading *l, const struct catalog_volume *row))
{
	struct loading l = {.vs = vs};
	int r = catalog_volumes(vs->s->catalog, collect_row, &l);

	if (r == 0)
		r = l.result;
	for (size_t i = 0; i < l.n && r == 0; i++)
		r = each(&l, &l.rows[i]);
	free(l.rows);
	return r;
}

int
volumes_load(struct volumes *vs)
{
	int r = disks_load(vs);

	if (r == 0)
		r = catalog_volume_keys(vs->s->catalog, copy_key, vs);
	return r < 0 ? r : each_row(vs, load_or_not);
}

int
volumes_load_rest(struct volumes *vs)
{
	return each_row(vs, remove_or_not);
}
