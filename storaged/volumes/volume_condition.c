/*
 * What a volume is good for at this moment, and whether it is trusted: that is
 * kept in the catalogue too, so that a restart does not forget a failed write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"

#define RESERVE_MIN (512ULL << 10)
#define RESERVE_MAX (256ULL << 20)
/* Whoever places very many chunks does not ask the file system for each. */
#define ROOM_US 2000U

bool
volume_readable(const struct volume *v)
{
	return v->attached && !v->disk->away &&
	    (v->state == VOLUME_READY || v->state == VOLUME_DRAINING);
}

bool
volume_writable(const struct volume *v)
{
	return v->attached && v->state == VOLUME_READY && v->active &&
	    !v->suspect && !v->disk->away && !volume_leaving(v);
}

bool
volume_leaving(const struct volume *v)
{
	return v->intent != CATALOG_VOLUME_USE || v->disk->leaving;
}

struct intent_op {
	struct catalog_volume_op save;
	struct volumes *vs;
	struct volume *volume; /* referenced */
	enum catalog_volume_intent was;
	catalog_done *done;
	void *arg;
};

static void
intent_saved(int result, void *arg)
{
	struct intent_op *op = arg;
	struct volume *v = op->volume;

	if (result < 0)
		v->intent = op->was;
	op->done(result, op->arg);
	volumes_changed(op->vs);
	volume_unref(v);
	free(op);
}

int
volume_intend(struct volumes *vs, struct volume *v,
    enum catalog_volume_intent intent, catalog_done *done, void *arg)
{
	struct intent_op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	*op = (struct intent_op){
	    .vs = vs, .volume = v, .was = v->intent, .done = done, .arg = arg};
	volume_ref(v);
	v->intent = intent;
	v->emptied = false;
	v->stuck = v->rate = v->left_s = 0;
	/* Another drain may count on it. */
	vs->doubts += intent != CATALOG_VOLUME_USE;
	op->save.volume = volume_row(v);
	op->save.done = intent_saved;
	op->save.arg = op;
	catalog_volume_save(vs->s->catalog, &op->save);
	return 0;
}

const char *
volume_condition(const struct volume *v)
{
	if (v->state == VOLUME_MAKING && !v->attaching)
		return "making";
	if (v->state == VOLUME_GOING)
		return "going";
	if (volume_away(v))
		return "away";
	if (v->intent == CATALOG_VOLUME_FAIL)
		return "failed";
	if (volume_leaving(v) || v->state == VOLUME_DRAINING)
		return v->emptied ? "drained" : "draining";
	if (v->suspect)
		return "suspect";
	return v->active ? "good" : "idle";
}

struct catalog_volume
volume_row(const struct volume *v)
{
	struct catalog_volume row = {.key = v->key,
	    .size = v->size,
	    .state = CATALOG_VOLUME_READY,
	    .active = v->active,
	    .suspect = v->suspect,
	    .disk = v->disk->key,
	    .intent = v->intent,
	    .own = v->own.size};

	memcpy(row.node, v->node, sizeof(row.node));
	return row;
}

/* Some room is left for directories, and for the node where it is in there. */
uint64_t
volume_room(struct volume *v)
{
	uint64_t reserve = v->size / 64, room, now = nx_now_us();

	if (!v->store)
		return 0;
	if (now - v->room_at >= ROOM_US) {
		v->room_at = now;
		if (chunk_room(v->store, &v->room) < 0)
			v->room = 0;
	}
	room = v->room;
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
	return (!v->attached || v->disk->away) &&
	    (v->state == VOLUME_READY || v->attaching);
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
	op->volume = volume_row(v);
	op->done = condition_saved;
	op->arg = op;
	catalog_volume_save(vs->s->catalog, op);
}

void
volume_suspect(struct volumes *vs, struct volume *v, int error)
{
	if (volume_fault_of(error) != FAULT_VOLUME)
		return;
	if (!v->disk->away)
		disk_look(vs, v->disk); /* is it the volume, or all of it? */
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
