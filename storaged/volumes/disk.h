/*
 * Disks, the failure domains volumes are on: directories with images in them.
 * Number 0 is the state directory's own, "state"; each of the others is known
 * by an identity in a file at its top (disk_identity.h), so that the directory
 * below a mount point is never taken for the disk that is not mounted there.
 *
 * The catalogue is what tells which disks there are: add-disk and the `disks`
 * of nexus.conf add to it, remove-disk takes away. A disk that cannot be
 * reached, does not answer or cannot be written is away: nothing on it is read
 * or written, its volumes are let go, and it is looked for until it is back.
 *
 * All of this belongs to the loop's thread and never waits for a disk: that is
 * done by threads of its own, of which a disk has one at most.
 */
#ifndef STORAGED_DISK_H
#define STORAGED_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "common/id.h"
#include "storaged/catalog/catalog.h"
#include "storaged/volumes/volume_image.h"

#define DISKS_MAX 16U
#define DISK_WHY  160

struct volumes;
struct volume;

struct disk {
	TAILQ_ENTRY(disk) entry;
	int64_t key; /* in the catalogue; 0: the state directory's */
	char path[CATALOG_DISK_PATH + 1];
	char identity[NX_ID_LEN + 1];
	bool leaving;  /* it is to be removed: it is emptied */
	bool removing; /* its row is going */
	bool away;
	bool lost; /* it was there before it went away */
	char why[DISK_WHY];
	bool busy;         /* a thread is asking it something */
	bool hung;         /* and has been for too long */
	bool doubted;      /* a volume failed: look now */
	unsigned listed;   /* it has the list of that time */
	bool unlisted;     /* and could not be given a later one: said */
	uint64_t asked_us; /* CLOCK_MONOTONIC: it was asked then */
	unsigned asked;    /* so often */
	uint64_t room;     /* bytes it can give away, when last asked */
	unsigned made;     /* volumes that were begun or ended there */
	unsigned times_lost;
	uint64_t base_retry_us; /* CLOCK_MONOTONIC: no base volume before */
	dev_t dev;              /* of the directory of images */
	ino_t ino;
	struct volume_env env; /* what its images are made with */
};
TAILQ_HEAD(disk_list, disk);

/* Reads which there are, at start; the state directory's is opened. 0, -errno */
int disks_load(struct volumes *vs);
void disks_free(struct volumes *vs);
/* A disk that nobody knows, away until it is looked at. NULL: no memory. */
struct disk *disk_new(struct volumes *vs);
struct disk *disk_free(struct disk *d);
/* It is one of them from now on, the one that @row tells of; consumes it. */
void disk_take_in(
    struct volumes *vs, struct disk *d, const struct catalog_disk *row);
void disk_drop(struct volumes *vs, struct disk *d);

struct disk *disk_by_key(struct volumes *vs, int64_t key);
struct disk *disk_find(struct volumes *vs, const char *path);
/* Is it named in [storaged] disks? */
bool disk_in_conf(const struct volumes *vs, const char *path);
/* Are new volumes made there? Not in the state directory when [storaged] disks
 * names others and not "state". */
bool disk_takes(const struct volumes *vs, const struct disk *d);
/* Bytes no volume there has or is about to get. 0 or -errno. */
int
disk_room(const struct volumes *vs, const struct disk *d, uint64_t *ret_room);
/* That with most room for a new volume; NULL: none takes any. */
struct disk *disk_roomiest(struct volumes *vs, uint64_t *ret_room);
/* How many can be read and written. */
unsigned disks_usable(const struct volumes *vs);

/* --- disk_watch.c -----------------------------------------------------------*/

/* The first look at all of them; after the worker threads. */
void disks_start(struct volumes *vs);
/* False while one is being looked at for the first time, or its volumes are. */
bool disks_settled(const struct volumes *vs);
/* Every few seconds: asks each how it is. */
void disks_tick(struct volumes *vs);
/* Asks @d now; writing to it too. */
void disk_look(struct volumes *vs, struct disk *d);
/* It is gone: what is on it is not read or written from here on. */
void disk_lost(struct volumes *vs, struct disk *d, const char *why);

/* It is there, as a thread has seen it: @images is borrowed. */
struct disk_seen {
	int images;
	struct stat st;
	uint64_t room;
};
void
disk_found(struct volumes *vs, struct disk *d, const struct disk_seen *seen);

/* --- disk_change.c ----------------------------------------------------------*/

/* Makes @path a disk and takes it in, in the background; @done (may be NULL)
 * learns which it is, or why not: @result is -errno then. -errno at once:
 * nothing was begun, @done is not called. */
typedef void
disk_adopted(struct disk *d, int result, const char *why_not, void *arg);
int
disk_adopt(struct volumes *vs, const char *path, disk_adopted *done, void *arg);
/* Why @path can be none, in a sentence; NULL: it may. */
const char *disk_path_bad(const char *path);
/* Those of nexus.conf that are not known yet are taken in. */
void disks_adopt_conf(struct volumes *vs);
/* One is being taken in. */
bool disks_adopting(const struct volumes *vs);
/* Begins or ends its leaving; @done: -errno, and nothing has changed. */
int disk_leave(struct volumes *vs, struct disk *d, bool leave,
    catalog_done *done, void *arg);
/* Those that are leaving and have no volume any more go. */
void disks_remove_empty(struct volumes *vs);

#endif
