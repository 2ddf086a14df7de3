/*
 * Objects made of files that are there: no byte moves, the chunks are both's. What
 * a copy counts is what any object of its size does. Loop's thread only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

struct copy_request {
	struct catalog_commit op;
	struct catalog_object_put object;
	struct storaged *s;
	struct nx_request *request; /* which holds the key */
	uint8_t meta[CATALOG_META_MAX];
};

static void
copied(int result, void *arg)
{
	struct copy_request *c = arg;
	struct catalog_object o;
	struct object_told told;
	Nx__ObjectInfo info;

	if (result == 0)
		result = catalog_object_of(
		    c->s->catalog, c->op.file.owner, c->op.file.id, &o);
	if (result == 0)
		result = object_info_alone(c->s, &o, &told, &info);
	if (result != 0)
		refuse_catalog(c->request, result, c->op.file.name);
	else {
		nx_answer_object_copy(c->request, &info);
		collector_kick(c->s->collector);
	}
	free(c);
}

/* What it is made of: the caller's, and as the condition has it. */
static bool
find_source(struct nx_request *r, struct storaged *s,
    const Nx__ObjectCopyRequest *q, struct catalog_file *ret_file)
{
	struct catalog_condition condition;
	const char *wrong = condition_read(q->source, &condition);
	int result;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	result = catalog_file_find(
	    s->catalog, r->who.user_id, r->who.place, q->from, ret_file);
	/* A file with an id never becomes another. */
	if (result == 0)
		result = catalog_check_condition(&condition, &ret_file->etag);
	if (result != 0)
		refuse_catalog(r, result, q->from);
	return result == 0;
}

static bool
fill(struct nx_request *r, struct storaged *s, const Nx__ObjectCopyRequest *q,
    struct copy_request *c)
{
	const char *wrong = condition_read(q->condition, &c->op.condition);
	struct catalog_object_put *put = &c->object;
	struct catalog_file source;
	struct catalog_bucket b;
	int e;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (!bucket_find_own(r, s, q->bucket, &b) ||
	    !bucket_read_key(r, &q->key, &put->key) ||
	    !bucket_read_lock(r, q->mode, q->until, q->hold, &put->lock) ||
	    !bucket_read_meta(r, q->meta, q->n_meta, c->meta, &put->meta_len) ||
	    !find_source(r, s, q, &source))
		return false;
	put->bucket = b.key;
	put->meta = c->meta;
	c->op.object = put;
	c->op.copy_of = source.key;
	c->op.file.owner = b.owner;
	catalog_key_text(&put->key, c->op.file.name, sizeof(c->op.file.name));
	c->op.entries = quota_entries(s, b.owner);
	e = quota_limit(s, b.owner, &c->op.quota);
	if (e == 0 && !reserve_held(s->reserve))
		e = -ENOSPC;
	if (e < 0)
		refuse_catalog(r, e, c->op.file.name);
	return e == 0;
}

/* Safe to grant: the file is the caller's, and so is the bucket. */
void
serve_object_copy(
    struct nx_request *r, const Nx__ObjectCopyRequest *q, struct storaged *s)
{
	struct copy_request *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_refuse_errno(r, -ENOMEM, "copying the object");
		return;
	}
	if (!fill(r, s, q, c) || refuse_waiting(r, s, r->who.user_id)) {
		free(c);
		return;
	}
	c->s = s;
	c->request = r;
	c->op.done = copied;
	c->op.arg = c;
	catalog_commit(s->catalog, &c->op);
}
