/* See volume_steps.h. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_steps.h"

/* Before anything is made that would have to go again. */
static int
need_key(struct volume_steps *m)
{
	return volume_key_possible(m->vs->keys, &m->error);
}

static int
make_chunks(struct volume_steps *m)
{
	const struct volume *v = m->volume;

	return m->vs->image->create(&m->env, v->node, v->size, &m->error);
}

static void
unmake(struct volume_steps *m, const char *image)
{
	int r = m->vs->image->remove(&m->env, image);

	if (r >= 0)
		return;
	nx_err("event=image-not-removed image=%s error=\"%s\"", image,
	    strerror(-r));
	m->left = true;
}

static void
unmake_chunks(struct volume_steps *m)
{
	unmake(m, m->volume->node);
}

static int
make_own(struct volume_steps *m)
{
	const struct volume *v = m->volume;

	if (v->own.size == 0)
		return 0;
	return m->vs->image->create(
	    &m->env, own_name(v->node).text, v->own.size, &m->error);
}

static void
unmake_own(struct volume_steps *m)
{
	if (m->volume->own.size > 0)
		unmake(m, own_name(m->volume->node).text);
}

static int
mount_chunks_part(struct volume_steps *m)
{
	const struct volume_part part = volume_part(m->volume);

	return volume_attach(m->vs, &m->env, &part, &m->mounted, &m->error);
}

static void
unmount_chunks_part(struct volume_steps *m)
{
	volume_detach(&m->mounted);
}

static int
mount_own(struct volume_steps *m)
{
	const struct volume *v = m->volume;

	m->own.size = v->own.size;
	if (v->own.size == 0)
		return 0;
	return own_mount(m->vs, &m->env, v->node, &m->own, &m->error);
}

static void
unmount_own(struct volume_steps *m)
{
	own_unmount(&m->own);
}

static const struct {
	int (*go)(struct volume_steps *m);
	void (*undo)(struct volume_steps *m);
} steps[] = {
    {need_key, NULL},
    {make_chunks, unmake_chunks},
    {make_own, unmake_own},
    {mount_chunks_part, unmount_chunks_part},
    {mount_own, unmount_own},
};

/* What the first @n of them did. */
static void
undo(struct volume_steps *m, size_t n)
{
	while (n-- > 0)
		if (steps[n].undo)
			steps[n].undo(m);
}

int
volume_steps_go(struct volume_steps *m)
{
	int r;

	for (size_t n = 0; n < NX_ARRAY_SIZE(steps); n++) {
		r = steps[n].go(m);
		if (r < 0) {
			undo(m, n);
			return r;
		}
	}
	return 0;
}

void
volume_steps_undo(struct volume_steps *m)
{
	undo(m, NX_ARRAY_SIZE(steps));
}
