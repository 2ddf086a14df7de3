/* See rebuild.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/db_ship.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/ledger/gather.h"
#include "storaged/ledger/rebuild.h"

#define BATCH 256 /* records in one transaction */

struct work {
	struct ledger_rebuild *rb;
	struct gathered g;
	struct catalog_point at;
	struct catalog *catalog;
	/* of one transaction, which may be made anew: they count when it is on
	 * disk */
	struct catalog_point reached;
	uint64_t applied;
	bool is_short; /* commits are missing, or may be */
};

/* --- the base ---------------------------------------------------------------*/

static bool
is_same(const struct gather_base *a, const struct gather_base *b)
{
	const struct base_head *x = &a->sums.head, *y = &b->sums.head;

	return memcmp(x->id, y->id, sizeof(x->id)) == 0 && x->seq == y->seq &&
	    x->size == y->size &&
	    memcmp(a->sums.crc, b->sums.crc,
		x->blocks * sizeof(a->sums.crc[0])) == 0;
}

/* From any place that has the same one. */
static bool
find_block(struct work *w, const struct gather_base *b, uint32_t i, uint8_t *to)
{
	uint64_t left = b->sums.head.size - (uint64_t)i * LEDGER_BLOCK;
	size_t len = left < LEDGER_BLOCK ? left : LEDGER_BLOCK;

	if (gather_block(b, i, to, len))
		return true;
	for (size_t n = 0; n < w->g.n_bases; n++)
		if (is_same(b, &w->g.bases[n]) &&
		    gather_block(&w->g.bases[n], i, to, len))
			return true;
	return false;
}

static int
write_base(struct work *w, const struct gather_base *b)
{
	nx_cleanup_fd int fd = open(w->rb->to,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	uint64_t size = b->sums.head.size;
	uint8_t *block = malloc(LEDGER_BLOCK);
	int r = fd < 0 ? -errno : block ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < b->sums.head.blocks && r == 0; i++) {
		uint64_t left = size - (uint64_t)i * LEDGER_BLOCK;

		r = -EBADMSG;
		if (find_block(w, b, i, block))
			r = nx_write_full(fd, block,
			    left < LEDGER_BLOCK ? left : LEDGER_BLOCK);
	}
	free(block);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* --- the commits after it ---------------------------------------------------*/

static int
apply_one(
    struct work *w, struct nx_db_applier *a, const struct gather_record *r)
{
	uint8_t *data = NULL;
	int e = gather_data(&w->g, r, &data);

	if (e == 0)
		e = nx_db_apply(a, data, r->head.len);
	free(data);
	return e;
}

/* Up to BATCH of them; one for another schema is not taken. */
static int
apply_batch(struct nx_db *db, void *arg)
{
	struct work *w = arg;
	struct catalog_point at = w->at, next = at;
	struct nx_db_applier *a = NULL;
	const struct gather_record *rec;
	int r = nx_db_applier_new(nx_db_handle(db), &a);

	w->applied = 0;
	for (int n = 0; n < BATCH && r == 0; n++) {
		rec = gather_next(&w->g, -1, &next);
		if (!rec || next.schema != at.schema)
			break;
		r = apply_one(w, a, rec);
		at = next;
		w->applied++;
	}
	nx_db_applier_free(a);
	if (r == 0)
		r = catalog_point_move(db, at.seq, at.link);
	w->reached = at;
	return r;
}

static int
open_as(struct work *w, uint32_t schema)
{
	w->catalog = catalog_close(w->catalog);
	w->at.schema = schema;
	return catalog_open_at(w->rb->base, w->rb->to, schema, &w->catalog);
}

/* What comes after what is missing must not be taken for what it has lost. */
static int
part(struct nx_db *db, void *arg)
{
	(void)arg;
	return catalog_point_part(db);
}

/* A log that was begun by a newer program goes on after its steps. */
static int
apply_all(struct work *w)
{
	int r = open_as(w, w->at.schema);

	while (r == 0) {
		struct catalog_point next;

		r = nx_db_write_now(catalog_db(w->catalog), apply_batch, w);
		if (r < 0)
			break;
		w->at = w->reached;
		w->rb->records += w->applied;
		if (w->applied > 0)
			continue;
		next = w->at;
		if (!gather_next(&w->g, -1, &next))
			break;
		r = next.schema > w->at.schema ? open_as(w, next.schema)
					       : -EBADMSG;
	}
	if (r == 0 && w->is_short)
		r = nx_db_write_now(catalog_db(w->catalog), part, NULL);
	w->catalog = catalog_close(w->catalog);
	return r;
}

/* --- which ------------------------------------------------------------------*/

static struct catalog_point
end_of(const struct work *w, const struct gather_base *b)
{
	struct catalog_point at = gather_base_point(b);

	while (gather_next(&w->g, -1, &at))
		;
	return at;
}

/* The one that leads furthest of those not tried yet; NULL: none. */
static struct gather_base *
choose(struct work *w, const bool *tried)
{
	struct gather_base *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < w->g.n_bases; i++) {
		struct gather_base *b = &w->g.bases[i];
		uint64_t end = tried[i] ? 0 : end_of(w, b).seq;

		if (!tried[i] && (!best || end > most)) {
			best = b;
			most = end;
		}
	}
	return best;
}

/* Is what comes after @end missing, or may it be? Then why says so. */
static bool
is_short(struct work *w, const struct catalog_point *end)
{
	struct ledger_rebuild *rb = w->rb;

	rb->beyond = gather_beyond(&w->g, end);
	if (rb->beyond > 0)
		(void)snprintf(rb->why, sizeof(rb->why),
		    "commits %" PRIu64 " to %" PRIu64 " are on no volume that "
		    "is there: bring back the others, or say --partial to go "
		    "on without those and all after them",
		    end->seq + 1, rb->beyond);
	else if (!gather_covers(&w->g, end))
		(void)snprintf(rb->why, sizeof(rb->why),
		    "a copy cannot be read, and commits after %" PRIu64
		    " may be on it alone: bring back other disks, or say "
		    "--partial to go on without what there may be",
		    end->seq);
	else
		return false;
	return true;
}

static int
try_base(struct work *w, const struct gather_base *b)
{
	struct ledger_rebuild *rb = w->rb;
	struct catalog_point end = end_of(w, b);
	int r;

	rb->from = b->sums.head.seq;
	rb->records = 0;
	w->is_short = is_short(w, &end) || rb->absent;
	if (w->is_short && !rb->partial)
		return -ENODATA;
	rb->why[0] = '\0';
	w->at = gather_base_point(b);
	r = write_base(w, b);
	if (r == 0)
		r = apply_all(w);
	rb->at = w->at;
	if (r < 0)
		nx_warn("event=rebuild-passed-over base=%" PRIu64
			" error=\"%s\"",
		    rb->from, strerror(-r));
	return r;
}

static int
try_all(struct work *w)
{
	bool *tried = calloc(w->g.n_bases + 1, sizeof(*tried));
	struct gather_base *b;
	int r = -ENOENT;

	if (!tried)
		return -ENOMEM;
	/* Without room the next one will not do either. */
	while (
	    r != 0 && r != -ENODATA && r != -ENOSPC && (b = choose(w, tried))) {
		tried[b - w->g.bases] = true;
		r = try_base(w, b);
	}
	free(tried);
	if (r < 0 && !w->rb->why[0])
		(void)snprintf(w->rb->why, sizeof(w->rb->why), "%s",
		    w->g.n_bases == 0
			? "no base volume that is there has a copy of the "
			  "catalogue"
			: r == -EBADMSG
			? "every copy of the catalogue that is there is "
			  "damaged, and none has what another lacks: bring "
			  "back the other disks"
			: strerror(-r));
	return r;
}

/* What a disk has damaged may be elsewhere. What was not read for want of memory
 * may be the last commits there are: nothing is made without them. */
static int
gather_all(struct work *w)
{
	struct ledger_rebuild *rb = w->rb;

	for (size_t i = 0; i < rb->n_dirs; i++) {
		int r = gather_add(&w->g, rb->dirs[i], rb->keys[i]);

		if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
			(void)snprintf(rb->why, sizeof(rb->why),
			    "reading the copies of the catalogue failed (%s): "
			    "try again",
			    strerror(-r));
			return r;
		}
		if (r < 0)
			nx_warn("event=catalogue-copy-unread place=%zu"
				" error=\"%s\"",
			    i, strerror(-r));
	}
	gather_sort(&w->g);
	return 0;
}

int
ledger_rebuild(struct ledger_rebuild *rb)
{
	struct work w = {.rb = rb};
	int r;

	rb->why[0] = '\0';
	r = gather_all(&w);
	if (r == 0)
		r = try_all(&w);
	gather_fini(&w.g);
	return r;
}
