/*
 * Deleting many objects in one request. Each is a write of its own, so one that is
 * locked does not keep the others; they are committed together, and the answer
 * waits for the last.
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

#define ERROR_MAX 120

struct many;

struct one {
	struct catalog_object_remove op;
	struct many *many;
	int result;
	char error[ERROR_MAX + 1];
	Nx__ObjectDeleted info;
};

struct many {
	struct storaged *s;
	struct nx_request *request; /* which holds keys and versions */
	size_t n, out;
	Nx__ObjectDeleted **pointers;
	struct one list[];
};

static void
fill(struct one *one)
{
	Nx__ObjectDeleted *info = &one->info;
	char key[KEY_TEXT], text[384];

	nx__object_deleted__init(info);
	if (one->result != 0 && one->result != CATALOG_NO_KEY) {
		catalog_key_text(&one->op.key, key, sizeof(key));
		info->status =
		    catalog_sentence(one->result, key, text, sizeof(text));
		(void)snprintf(
		    one->error, sizeof(one->error), "%.*s", ERROR_MAX, text);
		info->error = one->error;
	}
	info->marker = one->op.made_marker || one->op.was_marker;
	info->version = info_text(one->op.marker[0] ? one->op.marker
		: one->result == 0                  ? "null"
						    : "");
}

static void
answer(struct many *m)
{
	Nx__ObjectDeleteManyReply reply = NX__OBJECT_DELETE_MANY_REPLY__INIT;

	for (size_t i = 0; i < m->n; i++) {
		fill(&m->list[i]);
		m->pointers[i] = &m->list[i].info;
	}
	reply.n_objects = m->n;
	reply.objects = m->pointers;
	nx_answer_object_delete_many(m->request, &reply);
	collector_kick(m->s->collector);
	free(m->pointers);
	free(m);
}

static void
deleted(int result, void *arg)
{
	struct one *one = arg;
	struct many *m = one->many;

	if (result == -ENOSPC && reserve_give(m->s->reserve)) {
		catalog_object_remove(m->s->catalog, &one->op);
		return;
	}
	one->result = result;
	if (--m->out == 0)
		answer(m);
}

static bool
fill_ops(struct nx_request *r, struct many *m,
    const Nx__ObjectDeleteManyRequest *q, const struct catalog_bucket *b)
{
	uint64_t quota;
	int e = quota_limit(m->s, b->owner, &quota);

	if (e < 0) {
		nx_refuse_errno(r, e, "deleting the objects");
		return false;
	}
	for (size_t i = 0; i < m->n; i++) {
		const Nx__ObjectToDelete *object = q->objects[i];
		struct one *one = &m->list[i];

		if (!bucket_read_key(r, &object->key, &one->op.key))
			return false;
		one->many = m;
		one->op.bucket = b->key;
		one->op.owner = b->owner;
		one->op.version = object->version[0] ? object->version : NULL;
		one->op.bypass = q->bypass;
		one->op.quota = quota;
		one->op.entries = quota_entries(m->s, b->owner);
		one->op.done = deleted;
		one->op.arg = one;
	}
	return true;
}

void
serve_object_delete_many(struct nx_request *r,
    const Nx__ObjectDeleteManyRequest *q, struct storaged *s)
{
	struct catalog_bucket b;
	struct many *m;

	if (!bucket_find(r, s, q->bucket, &b))
		return;
	m = calloc(1, sizeof(*m) + q->n_objects * sizeof(m->list[0]));
	if (m)
		m->pointers = calloc(q->n_objects + 1, sizeof(m->pointers[0]));
	if (!m || !m->pointers) {
		nx_refuse_errno(r, -ENOMEM, "deleting the objects");
		free(m);
		return;
	}
	m->s = s;
	m->request = r;
	m->n = m->out = q->n_objects;
	if (!fill_ops(r, m, q, &b)) {
		free(m->pointers);
		free(m);
		return;
	}
	if (m->n == 0)
		answer(m);
	else
		for (size_t i = 0, n = m->n; i < n; i++)
			catalog_object_remove(s->catalog, &m->list[i].op);
}
