/*
 * Purging may take a while, in small steps; so that nobody's are in others' way
 * each user has one under way, and there are PURGES_MAX in all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/err.h"
#include "storaged/care/care.h"
#include "storaged/trees/purges.h"
#include "storaged/trees/trees.h"
#include "proto/serve_storaged.h"

#define PURGES_MAX 16U
#define WAIT_S     5U

struct purge {
	LIST_ENTRY(purge) entry;
	struct catalog_purge op;
	struct storaged *s;
	void (*then)(int result, const struct catalog_purge *op, void *arg);
	void *arg;
};

struct purges {
	LIST_HEAD(, purge) list;
	unsigned n;
};

struct purges *
purges_new(void)
{
	return calloc(1, sizeof(struct purges));
}

void
purges_stop(struct purges *ps)
{
	struct purge *p;

	LIST_FOREACH(p, &ps->list, entry)
		p->op.stop = true;
}

struct purges *
purges_free(struct purges *ps)
{
	nx_assert(!ps || LIST_EMPTY(&ps->list));
	free(ps);
	return NULL;
}

static bool
has_place(struct nx_request *r, const struct purges *ps, uint64_t owner)
{
	const struct purge *o;
	bool own = false;

	LIST_FOREACH(o, &ps->list, entry)
		own |= o->op.owner == owner;
	if (!own && ps->n < PURGES_MAX)
		return true;
	r->retry_s = WAIT_S;
	nx_refuse(r, NX__STATUS__LIMIT,
	    own ? "you are purging something already: try again when that is "
		  "done"
		: "too much is being purged: try again in a few seconds");
	return false;
}

struct purge *
purge_open(struct storaged *s, struct nx_request *r)
{
	struct purge *p;

	if (!has_place(r, s->purges, r->who.user_id))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		nx_refuse_errno(r, -ENOMEM, "purging");
		return NULL;
	}
	p->op.owner = r->who.user_id;
	p->s = s;
	LIST_INSERT_HEAD(&s->purges->list, p, entry);
	s->purges->n++;
	return p;
}

struct purge *
purge_close(struct purge *p)
{
	if (p) {
		LIST_REMOVE(p, entry);
		p->s->purges->n--;
		free(p);
	}
	return NULL;
}

/* Purging is deleting: it has the reserve, too. */
static bool
make_room(void *arg)
{
	struct purge *p = arg;

	return reserve_give(p->s->reserve);
}

static void
purged(int result, void *arg)
{
	struct purge *p = arg;
	struct storaged *s = p->s;

	p->then(result, &p->op, p->arg);
	purge_close(p);
	collector_kick(s->collector);
}

struct catalog_purge *
purge_of(struct purge *p)
{
	return &p->op;
}

void
purge_run(struct purge *p,
    void (*then)(int result, const struct catalog_purge *op, void *arg),
    void *arg)
{
	p->op.room = make_room;
	p->op.done = purged;
	p->op.arg = p;
	p->then = then;
	p->arg = arg;
	catalog_purge(p->s->catalog, &p->op);
}

static void
answer(int result, const struct catalog_purge *op, void *arg)
{
	Nx__FsPurgeReply reply = NX__FS_PURGE_REPLY__INIT;
	struct nx_request *r = arg;

	if (result != 0) {
		refuse_catalog(r, result, op->path.text);
		return;
	}
	reply.files = op->files;
	reply.folders = op->folders;
	reply.bytes = op->bytes;
	reply.locked = op->locked;
	nx_answer_fs_purge(r, &reply);
}

void
serve_fs_purge(
    struct nx_request *r, const Nx__FsPurgeRequest *q, struct storaged *s)
{
	struct purge *p = purge_open(s, r);

	if (!p)
		return;
	p->op.past = (int64_t)(q->version & INT64_MAX);
	if (path_or_refuse(r, q->path, &p->op.path))
		purge_run(p, answer, r);
	else
		purge_close(p);
}
