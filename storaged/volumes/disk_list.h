/*
 * Which disks there are, in a file beside the catalogue and at the top of each
 * of them: when the catalogue is lost, the others are found from any that is
 * there, also those that nexus.conf does not name. A line for each disk,
 * "<identity> <path>"; only what has that identity is taken for it.
 */
#ifndef STORAGED_DISK_LIST_H
#define STORAGED_DISK_LIST_H

#include <stddef.h>

#include "common/id.h"
#include "storaged/volumes/disk.h"

#define DISK_LIST_FILE "nexus-disks"

/* Of all disks but the state directory's, those that are being removed left out;
 * free() it. NULL: no memory. */
char *disk_list_text(const struct volumes *vs);
/* Blocks: @text is what the file in @dir has, synced; it is replaced as a whole,
 * and left alone where it has that already. 0 or -errno. */
int disk_list_write(int dir, const char *text);

struct disk_listed {
	char identity[NX_ID_LEN + 1];
	char path[CATALOG_DISK_PATH + 1];
};
/* Blocks: what the file in @dir has, at most @max; lines that are none are
 * passed over. How many; 0 too when there is no file. */
size_t disk_list_read(int dir, struct disk_listed *ret_listed, size_t max);

/* There are others now: the lists are written anew, in the background. */
void disk_list_changed(struct volumes *vs);

#endif
