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
look_before(const char *name, uint64_t size, const struct volume_device *device,
    struct volume_error *error)
{
	struct superblock sb;
	int r = superblock_read(device->hold, &sb);

	if (r == -EINVAL)
		(void)snprintf(error->text, sizeof(error->text),
		    "there is no ext4 in its image");
	if (r == 0)
		r = superblock_check(device->hold, &sb, size, error);
	if (r < 0)
		return r;
	if (sb.unclean && !device->again)
		nx_warn("event=volume-unclean node=%s note=\"it was not "
			"unmounted; its journal is replayed\"",
		    name);
	if (sb.errors)
		nx_warn("event=volume-errors node=%s note=\"the kernel has "
			"found its file system damaged: e2fsck mends it while "
			"storaged is stopped\"",
		    name);
	return 0;
}

int
volume_attach(const struct volumes *vs, const struct volume_env *env,
    const char *name, uint64_t size, struct volume_mounted *ret_mounted,
    struct volume_error *error)
{
	struct volume_mounted m = {.chunks = -1, .coded = -1};
	char path[VOLUME_DEVICE_MAX + 8], at[256];
	struct volume_device device;
	int r;

	error->text[0] = '\0';
	r = vs->image->open(env, name, &device, error);
	if (r < 0)
		return r;
	r = look_before(name, size, &device, error);
	if (r < 0) {
		nx_close(&device.hold);
		return r;
	}
	(void)snprintf(path, sizeof(path), "/dev/%s", device.name);
	(void)snprintf(at, sizeof(at), "%s/%.32s", env->mounts, name);
	r = mount_volume(path, at, env->userns, &m.mount, error->text);
	/* The mount holds the device from here on; it is freed with its last
	 * user, or right now if the mount failed. */
	nx_close(&device.hold);
	if (r < 0)
		return r;
	r = open_chunks(vs, name, &m, error);
	if (r < 0) {
		volume_detach(&m);
		return r;
	}
	memcpy(m.loop, device.name, sizeof(m.loop));
	nx_info("event=volume-attached node=%s loop=%s", name, device.name);
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
