/*
 * DISK_ADD, _REMOVE and _LIST. The catalogue is what says which disks there
 * are; a disk that nexus.conf names as well is not removed as long as it does,
 * for the next start would add it again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/elsewhere.h"
#include "storaged/care/healer.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

static char *
text_of(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void
add_up(struct storaged *s, const struct disk *d, Nx__DiskInfo *info)
{
	const struct volume *v;

	TAILQ_FOREACH(v, &s->volumes->list, entry) {
		uint64_t chunks = 0;

		if (v->disk != d)
			continue;
		(void)catalog_volume_chunks(s->catalog, v->key, &chunks);
		info->volumes++;
		info->chunks += chunks;
		if (!d->leaving)
			continue;
		info->stuck += v->stuck;
		info->rate = v->rate;
		if (v->left_s > info->left_s)
			info->left_s = v->left_s;
	}
}

static void
disk_info(struct storaged *s, const struct disk *d, Nx__DiskInfo *ret_info)
{
	uint64_t room = 0;

	nx__disk_info__init(ret_info);
	if (!d->away)
		(void)disk_room(s->volumes, d, &room);
	ret_info->path = text_of(d->path);
	ret_info->state = text_of(d->away ? "away"
		: d->leaving              ? "leaving"
					  : "good");
	ret_info->note = text_of(d->why);
	ret_info->used = disk_takes(s->volumes, d);
	ret_info->free = room;
	add_up(s, d, ret_info);
}

void
serve_disk_list(struct nx_request *r, struct storaged *s)
{
	Nx__DiskListReply reply = NX__DISK_LIST_REPLY__INIT;
	Nx__DiskInfo infos[DISKS_MAX + 1], *pointers[DISKS_MAX + 1];
	const struct disk *d;

	TAILQ_FOREACH(d, &s->volumes->disks, entry) {
		nx_assert(reply.n_disks < NX_ARRAY_SIZE(infos));
		disk_info(s, d, &infos[reply.n_disks]);
		pointers[reply.n_disks] = &infos[reply.n_disks];
		reply.n_disks++;
	}
	reply.disks = pointers;
	nx_answer_disk_list(r, &reply);
}

/* --- leaving, and staying after all -----------------------------------------*/

struct leave_op {
	struct storaged *s;
	struct nx_request *request;
	bool leave;
	char path[CATALOG_DISK_PATH + 1];
};

static void
leave_saved(int result, void *arg)
{
	struct leave_op *op = arg;
	const struct disk *d = disk_find(op->s->volumes, op->path);
	Nx__DiskInfo info;

	if (result < 0 || !d)
		nx_refuse_errno(op->request, result < 0 ? result : -ENODEV,
		    "remembering it");
	else {
		disk_info(op->s, d, &info);
		if (op->leave)
			nx_answer_disk_remove(op->request, &info);
		else
			nx_answer_disk_add(op->request, &info);
	}
	free(op);
}

static void
leave(struct nx_request *r, struct storaged *s, struct disk *d, bool leaves)
{
	struct leave_op *op = calloc(1, sizeof(*op));
	int e = -ENOMEM;

	if (op) {
		op->s = s;
		op->request = r;
		op->leave = leaves;
		memcpy(op->path, d->path, sizeof(op->path));
		e = disk_leave(s->volumes, d, leaves, leave_saved, op);
	}
	if (e < 0) {
		free(op);
		nx_refuse_errno(r, e, "remembering it");
	}
}

/* A node's disk cannot move while there is the node. */
static const struct volume *
node_on(const struct volumes *vs, const struct disk *d)
{
	const struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->disk == d && !v->base && !v->unfinished)
			return v;
	return NULL;
}

static bool
may_leave(struct nx_request *r, struct storaged *s, const struct disk *d)
{
	const struct volume *node = node_on(s->volumes, d);

	if (disk_in_conf(s->volumes, d->path))
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "[storaged] disks in nexus.conf names it: take it out "
		    "there and restart storaged, or the next start adds it "
		    "again");
	else if (node && d->key != 0)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the node %s has its volume there: delete it first",
		    node->node);
	else
		return elsewhere_or_refuse(r, s, NULL, d);
	return false;
}

/*
 * Safe to grant: it only begins to move what is there, verified, elsewhere;
 * what cannot move stays, and so does the disk. Only an admin may ask.
 */
void
serve_disk_remove(
    struct nx_request *r, const Nx__DiskRequest *q, struct storaged *s)
{
	struct disk *d = disk_find(s->volumes, q->path);

	if (!d || d->removing)
		nx_refuse(r, NX__STATUS__NOT_FOUND,
		    "there is no disk \"%s\": nexusctl volume disks lists them",
		    q->path);
	else if (d->leaving || may_leave(r, s, d))
		leave(r, s, d, true);
}

/* --- adding -----------------------------------------------------------------*/

static void
added(struct disk *d, int result, const char *why_not, void *arg)
{
	struct leave_op *op = arg;
	Nx__DiskInfo info;

	if (d && result == 0) {
		disk_info(op->s, d, &info);
		nx_answer_disk_add(op->request, &info);
		healer_kick(op->s->healer);
	} else if (why_not[0])
		nx_refuse(op->request, NX__STATUS__CONFLICT, "%s", why_not);
	else
		nx_refuse_errno(op->request, result, "adding the disk");
	free(op);
}

static bool
may_add(struct nx_request *r, struct storaged *s, const char *path)
{
	const char *bad = disk_path_bad(path);
	const struct disk *d;
	size_t n = s->volumes->adopting;

	TAILQ_FOREACH(d, &s->volumes->disks, entry)
		n++;
	if (bad)
		nx_refuse(r, NX__STATUS__INVALID, "%s", bad);
	else if (n > DISKS_MAX)
		nx_refuse(r, NX__STATUS__FULL,
		    "there are %u disks, more than that storaged has not "
		    "threads for",
		    DISKS_MAX);
	else
		return true;
	return false;
}

/*
 * Safe to grant: it writes into a directory that is empty and that storaged's
 * user may write, and nowhere else. Only an admin may ask.
 */
void
serve_disk_add(
    struct nx_request *r, const Nx__DiskRequest *q, struct storaged *s)
{
	struct disk *d = disk_find(s->volumes, q->path);
	struct leave_op *op;
	int e = -ENOMEM;

	if (d && d->removing) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "it is just being removed: try again in a moment");
		return;
	}
	if (d) {
		leave(r, s, d, false);
		return;
	}
	if (!may_add(r, s, q->path))
		return;
	op = calloc(1, sizeof(*op));
	if (op) {
		op->s = s;
		op->request = r;
		e = disk_adopt(s->volumes, q->path, added, op);
	}
	if (e < 0) {
		free(op);
		nx_refuse_errno(r, e, "adding the disk");
	}
}
