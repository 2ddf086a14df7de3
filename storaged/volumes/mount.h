/*
 * A volume's file system in storaged's own mount namespace, and the two views
 * of it: one for chunks, one to hand out for the node.
 *
 * On disk everything belongs to ids 0..65535, the ids inside a node. Our view
 * of chunks/ is idmapped so that id 0 on disk is this daemon's uid here: an
 * image does not depend on the uids of the host it was made on, and no
 * capability beyond CAP_SYS_ADMIN is needed to make what root will own.
 */
#ifndef STORAGED_MOUNT_H
#define STORAGED_MOUNT_H

struct volume_mount {
	int root;     /* the mount we keep; O_PATH */
	int view;     /* the same, id 0 shown as our uid; O_PATH */
	char at[256]; /* where it is attached, in our namespace */
};

/* What is in it, a directory for each. */
enum {
	MOUNT_CHUNKS = 1,
	MOUNT_NODE = 2,
};

/*
 * A private mount namespace for this process; before threads are started.
 * 0 or -errno.
 */
int mount_namespace(void);
/* A user namespace that maps id 0 to our uid and gid; its descriptor. Forks:
 * before the filter. -errno. */
int mount_userns(void);

/*
 * Mounts the ext4 on @device ("/dev/loop3") at the directory @at (made if need
 * be), and makes chunks/ and node/ in it, whichever of them @what says. Borrows
 * @userns. On failure nothing is left and @error, of 256 bytes, may hold the
 * kernel's sentence.
 */
int mount_volume(const char *device, const char *at, int userns, unsigned what,
    struct volume_mount *ret_mount, char *error);
/* A descriptor of chunks/, or -errno. */
int mount_chunks(const struct volume_mount *m);
/* A detached mount of node/, the receiver's to attach; -errno. */
int mount_node(const struct volume_mount *m);
/* Takes it out of the namespace; what others hold of it lives on. */
void unmount_volume(struct volume_mount *m);

#endif
