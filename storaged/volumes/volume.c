/* The list of volumes: see volume.h. */
#include <errno.h>
#include <fcntl.h>
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
	nx_cleanup_fd int storage = -1;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/storage", state);
	storage = open_directory(path);
	if (storage < 0)
		return storage;
	if ((size_t)snprintf(vs->env.mounts, sizeof(vs->env.mounts),
		"%s/storage/mnt", state) >= sizeof(vs->env.mounts))
		return -ENAMETOOLONG;
	vs->nowhere = open_directory(vs->env.mounts);
	if (vs->nowhere < 0)
		return vs->nowhere;
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
	vs->env.images = vs->env.userns = vs->nowhere = -1;
	TAILQ_INIT(&vs->list);
	TAILQ_INIT(&vs->disks);
	vs->keys = volume_keys_new(&s->conf);
	r = vs->keys ? mount_namespace() : -ENOMEM;
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
	struct disk *d;

	vs->env.formatter = f;
	TAILQ_FOREACH(d, &vs->disks, entry)
		d->env.formatter = f;
}

struct volumes *
volumes_free(struct volumes *vs)
{
	struct volume *v;

	if (!vs)
		return NULL;
	while ((v = TAILQ_FIRST(&vs->list)))
		volume_drop(vs, v);
	disks_free(vs);
	if (vs->tick)
		event_free(vs->tick);
	volume_keys_free(vs->keys);
	nx_close(&vs->env.images);
	nx_close(&vs->env.userns);
	nx_close(&vs->nowhere);
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
volume_new(struct volumes *vs, struct disk *d, const char *node, uint64_t size)
{
	struct volume *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	(void)snprintf(v->node, sizeof(v->node), "%s", node);
	v->base = base_name_is(node);
	v->disk = d;
	v->size = size;
	v->away_us = nx_now_us();
	volume_not_mounted(v);
	TAILQ_INSERT_TAIL(&vs->list, v, entry);
	return v;
}

struct volume_part
volume_part(const struct volume *v)
{
	bool both = !v->base && v->own.size == 0;

	return (struct volume_part){.name = v->node,
	    .size = v->size,
	    .what = both ? MOUNT_CHUNKS | MOUNT_NODE : MOUNT_CHUNKS};
}

void
volume_not_mounted(struct volume *v)
{
	v->mounted = (struct volume_mounted){
	    .chunks = -1, .coded = -1, .mount = {.root = -1, .view = -1}};
}

void
volume_drop(struct volumes *vs, struct volume *v)
{
	TAILQ_REMOVE(&vs->list, v, entry);
	volume_keys_forget(vs->keys, v->node);
	chunk_store_free(v->store);
	if (v->attached)
		volume_detach(&v->mounted);
	own_unmount(&v->own);
	free(v->named);
	free(v);
}

int
volume_set_mounted(
    struct volumes *vs, struct volume *v, struct volume_mounted *mounted)
{
	struct coding_how how = volume_key_how(vs->keys, &mounted->key);
	/* One that never had coded chunks and gets none needs no second one. */
	struct chunk_store_spec spec = {
	    .kind = mounted->coded < 0 ? CHUNK_STORE_LOCAL : CHUNK_STORE_CODED,
	    .dirfd = nx_take_fd(&mounted->chunks),
	    .coded_dirfd = nx_take_fd(&mounted->coded),
	    .how = &how,
	    .writers = vs->s->writers};
	int r;

	memcpy(spec.volume, v->node, sizeof(spec.volume));
	r = chunk_store_new(&spec, &v->store);
	if (r < 0) {
		volume_detach(mounted);
		return r;
	}
	v->mounted = *mounted;
	v->attached = true;
	v->away_us = v->away_files = 0;
	v->away_over = false;
	v->away_why[0] = '\0';
	volume_key_save(vs, v);
	return 0;
}

void
volume_not_attached(
    struct volume *v, int result, const struct volume_error *error)
{
	char why[sizeof(v->away_why)];

	(void)snprintf(why, sizeof(why), "%s",
	    error->text[0] ? error->text : strerror(-result));
	if (strcmp(why, v->away_why) == 0)
		return;
	memcpy(v->away_why, why, sizeof(why));
	nx_err("event=volume-not-attached node=%s error=\"%s\" "
	       "reason=\"%s\"",
	    v->node, strerror(-result), error->text);
}

void
volumes_settle(struct volumes *vs, const struct catalog_chunk *chunk)
{
	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		struct volume *v = volume_by_key(vs, chunk->volumes[i]);

		if (v && v->store)
			chunk_settle(v->store, chunk->at[i]);
	}
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
volume_hold(struct volume *v, const struct chunk_place *place)
{
	volume_ref(v);
	chunk_hold(v->store, place->at);
}

void
volume_release(struct volume *v, const struct chunk_place *place)
{
	chunk_settle(v->store, place->at);
	volume_unref(v);
}

void
volume_when_idle(
    struct volume *v, void (*idle)(struct volume *v, void *arg), void *arg)
{
	nx_assert(!v->idle); /* one waits at a time */
	if (v->refs == 0) {
		idle(v, arg);
		return;
	}
	v->idle = idle;
	v->idle_arg = arg;
}
