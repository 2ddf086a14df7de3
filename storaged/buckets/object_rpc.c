/* Objects: looked at, deleted, locked. Loop's thread only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

static void
refuse_key(struct nx_request *r, int result, const struct catalog_key *key)
{
	char text[KEY_TEXT];

	catalog_key_text(key, text, sizeof(text));
	refuse_catalog(r, result, text);
}

/* --- looking ----------------------------------------------------------------*/

/* Pairs as they were packed; NULL when the row is not ours. */
static Nx__ObjectMeta *
read_meta(struct storaged *s, const struct catalog_object *o, int *ret_error)
{
	static uint8_t packed[CATALOG_META_MAX]; /* the loop's thread only */
	int n = catalog_object_meta(s->catalog, o->row, packed);
	Nx__ObjectMeta *meta = NULL;

	if (n >= 0)
		meta = nx__object_meta__unpack(NULL, (size_t)n, packed);
	*ret_error = n < 0 ? n : meta ? 0 : -EBADMSG;
	return meta;
}

void
serve_object_stat(
    struct nx_request *r, const Nx__ObjectRequest *q, struct storaged *s)
{
	Nx__ObjectStatReply reply = NX__OBJECT_STAT_REPLY__INIT;
	struct catalog_bucket b;
	struct catalog_object o;
	struct catalog_key key;
	struct object_told told;
	Nx__ObjectMeta *meta;
	Nx__ObjectInfo info;
	int e;

	if (!bucket_find(r, s, q->bucket, &b) ||
	    !bucket_read_key(r, &q->key, &key))
		return;
	e = catalog_object_find(
	    s->catalog, &b, &key, q->version[0] ? q->version : NULL, &o);
	if (e != 0) {
		refuse_key(r, e, &key);
		return;
	}
	e = object_info_alone(s, &o, &told, &info);
	meta = e < 0 ? NULL : read_meta(s, &o, &e);
	if (!meta) {
		nx_refuse_errno(r, e, "reading the object's metadata");
		return;
	}
	reply.info = &info;
	reply.n_meta = meta->n_pairs;
	reply.meta = meta->pairs;
	nx_answer_object_stat(r, &reply);
	nx__object_meta__free_unpacked(meta, NULL);
}

/* --- deleting ---------------------------------------------------------------*/

struct delete_request {
	struct catalog_object_remove op;
	struct catalog_condition condition;
	struct storaged *s;
	struct nx_request *request; /* which holds key and version */
};

static void
deleted(int result, void *arg)
{
	struct delete_request *d = arg;
	Nx__ObjectDeleteReply reply = NX__OBJECT_DELETE_REPLY__INIT;

	if (result == -ENOSPC && reserve_give(d->s->reserve)) {
		catalog_object_remove(d->s->catalog, &d->op);
		return;
	}
	if (result != 0 && result != CATALOG_NO_KEY)
		refuse_key(d->request, result, &d->op.key);
	else {
		reply.absent = result == CATALOG_NO_KEY;
		reply.marker = d->op.made_marker || d->op.was_marker;
		reply.version = info_text(d->op.marker[0] ? d->op.marker
			: reply.absent                    ? ""
							  : "null");
		nx_answer_object_delete(d->request, &reply);
		collector_kick(d->s->collector);
	}
	free(d);
}

static bool
fill_delete(struct nx_request *r, struct storaged *s,
    const Nx__ObjectDeleteRequest *q, struct delete_request *d)
{
	const char *wrong = condition_read(q->condition, &d->condition);
	struct catalog_bucket b;
	int e;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (!bucket_find(r, s, q->bucket, &b) ||
	    !bucket_read_key(r, &q->key, &d->op.key))
		return false;
	d->op.bucket = b.key;
	d->op.owner = b.owner;
	d->op.version = q->version[0] ? q->version : NULL;
	d->op.bypass = q->bypass;
	d->op.condition = &d->condition;
	d->op.entries = quota_entries(s, b.owner);
	e = quota_limit(s, b.owner, &d->op.quota);
	if (e < 0)
		nx_refuse_errno(r, e, "deleting the object");
	return e == 0;
}

void
serve_object_delete(
    struct nx_request *r, const Nx__ObjectDeleteRequest *q, struct storaged *s)
{
	struct delete_request *d = calloc(1, sizeof(*d));

	if (!d) {
		nx_refuse_errno(r, -ENOMEM, "deleting the object");
		return;
	}
	if (!fill_delete(r, s, q, d)) {
		free(d);
		return;
	}
	d->s = s;
	d->request = r;
	d->op.done = deleted;
	d->op.arg = d;
	catalog_object_remove(s->catalog, &d->op);
}

/* --- locking ----------------------------------------------------------------*/

struct lock_request {
	struct catalog_object_lock op;
	struct catalog_bucket bucket;
	struct storaged *s;
	struct nx_request *request;
};

static void
locked(int result, void *arg)
{
	struct lock_request *l = arg;
	Nx__ObjectInfo info;

	if (result != 0)
		refuse_key(l->request, result, &l->op.key);
	else {
		object_info(&l->op.object, &info);
		nx_answer_object_set_lock(l->request, &info);
	}
	free(l);
}

static bool
fill_lock(struct nx_request *r, struct storaged *s,
    const Nx__ObjectSetLockRequest *q, struct lock_request *l)
{
	bool off = q->set_until && q->mode[0] == '\0';

	if (!bucket_find(r, s, q->bucket, &l->bucket) ||
	    !bucket_read_key(r, &q->key, &l->op.key))
		return false;
	if (q->set_until && !off &&
	    !bucket_read_lock(r, q->mode, q->until, false, &l->op.lock))
		return false;
	l->op.lock.hold = q->hold;
	l->op.bucket = l->bucket.key;
	l->op.owner = l->bucket.owner;
	l->op.version = q->version[0] ? q->version : NULL;
	l->op.set_until = q->set_until;
	l->op.set_hold = q->set_hold;
	l->op.bypass = q->bypass;
	return true;
}

void
serve_object_set_lock(
    struct nx_request *r, const Nx__ObjectSetLockRequest *q, struct storaged *s)
{
	struct lock_request *l = calloc(1, sizeof(*l));

	if (!l) {
		nx_refuse_errno(r, -ENOMEM, "locking the object");
		return;
	}
	if (!fill_lock(r, s, q, l)) {
		free(l);
		return;
	}
	l->s = s;
	l->request = r;
	l->op.done = locked;
	l->op.arg = l;
	catalog_object_lock(s->catalog, &l->op);
}
