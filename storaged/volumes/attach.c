/* Mounting what an image gives; see attach.h. */
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "common/log.h"
#include "storaged/volumes/attach.h"
#include "storaged/volumes/superblock.h"
#include "storaged/volumes/volume.h"

/* Without the key that it needs nothing of a volume is touched. */
static int
open_chunks(const struct volumes *vs, const char *name,
    struct volume_mounted *m, struct volume_error *error)
{
	int r;

	m->chunks = mount_chunks(&m->mount);
	if (m->chunks < 0)
		return m->chunks;
	r = volume_key_find(vs->keys, name, m->chunks, &m->key, error);
	return r < 0 ? r
		     : volume_coded_directory(vs->keys, m->chunks, &m->coded);
}

/* A journal is replayed by mounting: the log says so, for whoever wonders what
 * happened to what was written last. */
static int
look_before(const struct volume_part *part, const struct volume_device *device,
    struct volume_error *error)
{
	struct superblock sb;
	int r = superblock_read(device->hold, &sb);

	if (r == -EINVAL)
		(void)snprintf(error->text, sizeof(error->text),
		    "there is no ext4 in its image");
	if (r == 0)
		r = superblock_check(device->hold, &sb, part->size, error);
	if (r < 0)
		return r;
	if (sb.unclean && !device->again)
		nx_warn("event=volume-unclean node=%s note=\"it was not "
			"unmounted; its journal is replayed\"",
		    part->name);
	if (sb.errors)
		nx_warn("event=volume-errors node=%s note=\"the kernel has "
			"found its file system damaged: e2fsck mends it while "
			"storaged is stopped\"",
		    part->name);
	return 0;
}

int
volume_part_mount(const struct volumes *vs, const struct volume_env *env,
    const struct volume_part *part, struct volume_mount *ret_mount,
    char ret_loop[VOLUME_DEVICE_MAX], struct volume_error *error)
{
	char path[VOLUME_DEVICE_MAX + 8], at[256];
	struct volume_device device;
	int r;

	error->text[0] = '\0';
	r = vs->image->open(env, part->name, &device, error);
	if (r < 0)
		return r;
	r = look_before(part, &device, error);
	if (r < 0) {
		nx_close(&device.hold);
		return r;
	}
	(void)snprintf(path, sizeof(path), "/dev/%s", device.name);
	(void)snprintf(at, sizeof(at), "%s/%.*s", env->mounts,
	    VOLUME_IMAGE_NAME - 1, part->name);
	r = mount_volume(
	    path, at, env->userns, part->what, ret_mount, error->text);
	/* The mount holds the device from here on; it is freed with its last
	 * user, or right now if the mount failed. */
	nx_close(&device.hold);
	if (r < 0)
		return r;
	memcpy(ret_loop, device.name, sizeof(device.name));
	nx_info(
	    "event=volume-attached node=%s loop=%s", part->name, device.name);
	return 0;
}

int
volume_attach(const struct volumes *vs, const struct volume_env *env,
    const struct volume_part *part, struct volume_mounted *ret_mounted,
    struct volume_error *error)
{
	struct volume_mounted m = {.chunks = -1, .coded = -1};
	int r = volume_part_mount(vs, env, part, &m.mount, m.loop, error);

	if (r < 0)
		return r;
	r = open_chunks(vs, part->name, &m, error);
	if (r < 0) {
		volume_detach(&m);
		return r;
	}
	*ret_mounted = m;
	return 0;
}

void
volume_detach(struct volume_mounted *m)
{
	nx_close(&m->chunks);
	nx_close(&m->coded);
	volume_key_fini(&m->key);
	unmount_volume(&m->mount);
}
