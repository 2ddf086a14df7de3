/*
 * VOLUME_EMPTY: an operator wants a volume empty, or takes it for failed. What
 * follows is the healer's (evacuate.c); here the intent is kept, and refused
 * where it could not end.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/elsewhere.h"
#include "storaged/care/healer.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

struct empty_op {
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume; /* referenced */
};

static void
saved(int result, void *arg)
{
	struct empty_op *op = arg;
	struct volume *v = op->volume;
	Nx__VolumeInfo info;

	if (result < 0)
		nx_refuse_errno(op->request, result, "remembering it");
	else {
		nx_info("event=volume-%s node=%s",
		    v->intent == CATALOG_VOLUME_FAIL ? "failed" : "draining",
		    v->node);
		volume_info(op->s, v, &info);
		nx_answer_volume_empty(op->request, &info);
		healer_kick(op->s->healer);
	}
	volume_unref(v);
	free(op);
}

static struct volume *
find(struct nx_request *r, struct storaged *s, const char *name)
{
	struct volume *v = volume_find(s->volumes, name);

	if (!v)
		nx_refuse(r, NX__STATUS__NOT_FOUND,
		    "there is no volume \"%s\": nexusctl volume ls lists them",
		    name);
	else if (v->state != VOLUME_READY || v->deleting) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume %s is being made, mounted or deleted: try "
		    "again in a moment",
		    v->node);
		v = NULL;
	}
	return v;
}

/*
 * Safe to grant: nothing is given up that has not been copied and read back
 * elsewhere. Only an admin may ask.
 */
void
serve_volume_empty(
    struct nx_request *r, const Nx__VolumeEmptyRequest *q, struct storaged *s)
{
	struct volume *v = find(r, s, q->node);
	struct empty_op *op;
	int e = -ENOMEM;

	if (!v || (!q->failed && !elsewhere_or_refuse(r, s, v, NULL)))
		return;
	op = calloc(1, sizeof(*op));
	if (op) {
		*op = (struct empty_op){s, r, v};
		volume_ref(v);
		e = volume_intend(s->volumes, v,
		    q->failed ? CATALOG_VOLUME_FAIL : CATALOG_VOLUME_DRAIN,
		    saved, op);
	}
	if (e < 0) {
		if (op)
			volume_unref(v);
		free(op);
		nx_refuse_errno(r, e, "remembering it");
	}
}
