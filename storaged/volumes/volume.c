/* The list of volumes: see volume.h. */
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
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/volume.h"

#define RESERVE_MIN (512ULL << 10)
#define RESERVE_MAX (256ULL << 20)

/* --- the list ---------------------------------------------------------------*/

static int
open_directory(const char *path)
{
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int
open_directories(struct volumes *vs)
{
	const char *state = vs->s->conf.common.state_dir;
	nx_cleanup_fd int storage = -1, mounts = -1;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/storage", state);
	storage = open_directory(path);
	if (storage < 0)
		return storage;
	if ((size_t)snprintf(vs->env.mounts, sizeof(vs->env.mounts),
		"%s/storage/mnt", state) >= sizeof(vs->env.mounts))
		return -ENAMETOOLONG;
	mounts = open_directory(vs->env.mounts);
	if (mounts < 0)
		return mounts;
	(void)snprintf(path, sizeof(path), "%s/volumes", state);
	vs->env.images = open_directory(path);
	return vs->env.images < 0 ? vs->env.images : 0;
}

int
volumes_new(struct storaged *s, struct volumes **ret_volumes)
{
	struct volumes *vs = calloc(1, sizeof(*vs));
	int r;

	if (!vs)
		return -ENOMEM;
	vs->s = s;
	vs->image = &volume_image_file;
	vs->env.images = vs->env.userns = -1;
	TAILQ_INIT(&vs->list);
	r = mount_namespace();
	if (r == 0)
		r = open_directories(vs);
	if (r == 0) {
		vs->env.userns = mount_userns();
		r = vs->env.userns < 0 ? vs->env.userns : 0;
	}
	if (r < 0) {
		volumes_free(vs);
		return r;
	}
	*ret_volumes = vs;
	return 0;
}

void
volumes_set_formatter(struct volumes *vs, struct formatter *f)
{
	vs->env.formatter = f;
}

struct volumes *
volumes_free(struct volumes *vs)
{
	struct volume *v;

	if (!vs)
		return NULL;
	while ((v = TAILQ_FIRST(&vs->list)))
		volume_drop(vs, v);
	if (vs->tick)
		event_free(vs->tick);
	nx_close(&vs->env.images);
	nx_close(&vs->env.userns);
	free(vs);
	return NULL;
}

void
volumes_on_going(
    struct volumes *vs, void (*going)(struct volume *v, void *arg), void *arg)
{
	vs->going = going;
	vs->going_arg = arg;
}

void
volumes_going(struct volumes *vs, struct volume *v)
{
	if (vs->going)
		vs->going(v, vs->going_arg);
}

struct volume *
volume_find(struct volumes *vs, const char *node)
{
	struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (strcmp(v->node, node) == 0)
			return v;
	return NULL;
}

struct volume *
volume_by_key(struct volumes *vs, int64_t key)
{
	struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->key == key)
			return v;
	return NULL;
}

struct volume *
volume_new(struct volumes *vs, const char *node, uint64_t size)
{
	struct volume *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	(void)snprintf(v->node, sizeof(v->node), "%s", node);
	v->base = base_name_is(node);
	v->size = size;
	v->away_us = nx_now_us();
	v->mounted.chunks = -1;
	v->mounted.mount.root = v->mounted.mount.view = -1;
	TAILQ_INSERT_TAIL(&vs->list, v, entry);
	return v;
}

void
volume_drop(struct volumes *vs, struct volume *v)
{
	TAILQ_REMOVE(&vs->list, v, entry);
	chunk_store_free(v->store);
	if (v->attached)
		volume_detach(&v->mounted);
	free(v->named);
	free(v);
}

int
volume_set_mounted(struct volume *v, struct volume_mounted *mounted)
{
	struct chunk_store_spec spec = {
	    .kind = CHUNK_STORE_LOCAL, .dirfd = nx_take_fd(&mounted->chunks)};
	int r = chunk_store_new(&spec, &v->store);

	if (r < 0) {
		volume_detach(mounted);
		return r;
	}
	v->mounted = *mounted;
	v->attached = true;
	v->away_us = v->away_files = 0;
	v->away_over = false;
	return 0;
}

/* --- at start ---------------------------------------------------------------*/

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
	int r = l->vs->image->remove(&l->vs->env, row->node);

	nx_info("event=volume-removed node=%s reason=interrupted", row->node);
	if (r < 0)
		return r;
	catalog_volume_delete(l->vs->s->catalog, &op);
	r = catalog_flush(l->vs->s->catalog);
	return r < 0 ? r : l->result;
}

static int
load_volume(struct volumes *vs, const struct catalog_volume *row)
{
	struct volume *v = volume_new(vs, row->node, row->size);
	struct volume_mounted mounted;
	struct volume_error error;
	int r;

	if (!v)
		return -ENOMEM;
	v->key = row->key;
	v->state = VOLUME_READY;
	v->active = row->active;
	v->suspect = row->suspect;
	r = volume_attach(vs, v->node, &mounted, &error);
	if (r == 0)
		r = volume_set_mounted(v, &mounted);
	if (r < 0)
		nx_err("event=volume-not-attached node=%s error=\"%s\" "
		       "reason=\"%s\"",
		    v->node, strerror(-r), error.text);
	return 0;
}

int
volumes_load(struct volumes *vs)
{
	struct loading l = {.vs = vs};
	int r = catalog_volumes(vs->s->catalog, collect_row, &l);

	if (r == 0)
		r = l.result;
	for (size_t i = 0; i < l.n && r == 0; i++)
		r = l.rows[i].state == CATALOG_VOLUME_READY
		    ? load_volume(vs, &l.rows[i])
		    : finish_removal(&l, &l.rows[i]);
	free(l.rows);
	return r;
}

/* --- references -------------------------------------------------------------*/

void
volume_ref(struct volume *v)
{
	v->refs++;
}

void
volume_unref(struct volume *v)
{
	void (*idle)(struct volume * v, void *arg) = v->idle;

	nx_assert(v->refs > 0);
	if (--v->refs > 0 || !idle)
		return;
	v->idle = NULL;
	idle(v, v->idle_arg);
}

void
volume_when_idle(
    struct volume *v, void (*idle)(struct volume *v, void *arg), void *arg)
{
	if (v->refs == 0) {
		idle(v, arg);
		return;
	}
	v->idle = idle;
	v->idle_arg = arg;
}

/* --- condition --------------------------------------------------------------*/

bool
volume_readable(const struct volume *v)
{
	return v->attached &&
	    (v->state == VOLUME_READY || v->state == VOLUME_DRAINING);
}

bool
volume_writable(const struct volume *v)
{
	return v->attached && v->state == VOLUME_READY && v->active &&
	    !v->suspect;
}

/* Some room is left for the journal, for directories and for the node. */
uint64_t
volume_room(const struct volume *v)
{
	uint64_t reserve = v->size / 64, room;

	if (!v->store || chunk_room(v->store, &room) < 0)
		return 0;
	if (reserve < RESERVE_MIN)
		reserve = RESERVE_MIN;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	reserve += v->in_flight;
	return room > reserve ? room - reserve : 0;
}

bool
volume_away(const struct volume *v)
{
	return !v->attached && (v->state == VOLUME_READY || v->attaching);
}

static void
condition_saved(int result, void *arg)
{
	struct catalog_volume_op *op = arg;

	if (result < 0)
		nx_warn("event=not-saved node=%s error=\"%s\"", op->volume.node,
		    strerror(-result));
	free(op);
}

static void
save_condition(struct volumes *vs, const struct volume *v)
{
	struct catalog_volume_op *op = calloc(1, sizeof(*op));

	if (!op) {
		nx_warn("event=not-saved node=%s", v->node);
		return;
	}
	op->volume = (struct catalog_volume){.key = v->key,
	    .state = CATALOG_VOLUME_READY,
	    .active = v->active,
	    .suspect = v->suspect};
	memcpy(op->volume.node, v->node, sizeof(op->volume.node));
	op->done = condition_saved;
	op->arg = op;
	catalog_volume_save(vs->s->catalog, op);
}

void
volume_suspect(struct volumes *vs, struct volume *v, int error)
{
	if (volume_fault_of(error) != FAULT_VOLUME)
		return;
	if (v->suspect || v->state != VOLUME_READY)
		return;
	nx_err("event=volume-suspect node=%s error=\"%s\" "
	       "note=\"no new chunks go there until it proves well\"",
	    v->node, strerror(-error));
	v->suspect = true;
	vs->doubts++;
	save_condition(vs, v);
	volumes_changed(vs);
}

void
volume_trust(struct volumes *vs, struct volume *v)
{
	if (!v->suspect || v->state != VOLUME_READY)
		return;
	nx_info("event=volume-trusted node=%s", v->node);
	v->suspect = false;
	save_condition(vs, v);
	volumes_changed(vs);
}
