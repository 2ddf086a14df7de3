/*
 * Disks, and on how many of them chunks are. Part of catalog.h, for size only:
 * that is what others include.
 */
#ifndef STORAGED_CATALOG_DISKS_H
#define STORAGED_CATALOG_DISKS_H

#define CATALOG_DISK_PATH 200U

struct catalog_disk {
	int64_t key; /* 0: the state directory's, which is always there */
	char path[CATALOG_DISK_PATH + 1];
	char identity[NX_ID_LEN + 1];
	bool leaving; /* it is to be removed: nothing new, all goes elsewhere */
};
int catalog_disks(struct catalog *c,
    void (*each)(const struct catalog_disk *d, void *arg), void *arg);
struct catalog_disk_op {
	struct catalog_disk disk;
	bool add; /* and fill in the key; else leaving is updated */
	catalog_done *done;
	void *arg;
};
void catalog_disk_save(struct catalog *c, struct catalog_disk_op *op);
/* The row of disk.key goes. CATALOG_TAKEN: a volume is still on it. */
void catalog_disk_delete(struct catalog *c, struct catalog_disk_op *op);

/* Chunks of the next @look keys after *@after of which two replicas share a
 * disk, and that are on fewer than @disks. *@after becomes the last key looked at; 0: there are no more
 * chunks. Number or -errno. */
int catalog_unspread_next(struct catalog *c, int64_t *after, unsigned look,
    unsigned disks, int64_t *ret_chunks, size_t max);
/* The fewest disks any of the chunks of @content that are looked at is on, @look
 * at most, spread over the whole of it. 0: it has none. Or -errno. */
int catalog_file_disks(struct catalog *c, int64_t content, unsigned look);

#endif
