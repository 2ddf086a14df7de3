/*
 * Shipping commits; see ledger.h. For each:
 *
 *	ship	the record is written to each place's log by a thread, which then
 *		syncs; wait until it is written
 *	COMMIT	meanwhile the catalogue's own log is written and synced
 *	over	wait for the syncs; or the record is taken back
 *
 * So whoever kills this process finds in the logs at least what the catalogue
 * has, and whoever cuts the power, at least what anybody was told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db_ship.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/ledger/ledger_internal.h"
#include "storaged/volumes/volumes.h"

#define LOG_MAX   (8ULL << 20)
#define LOG_MIN   (256ULL << 10)
#define LOG_SHARE 64 /* of a volume */

static unsigned
copies(const struct ledger *l)
{
	unsigned n = 0;

	for (int i = 0; i < LEDGER_PLACES; i++)
		n += l->places[i].open && l->places[i].whole;
	return n;
}

void
ledger_say(struct ledger *l)
{
	unsigned n = copies(l);

	if (n == l->said)
		return;
	if (n == 0)
		nx_err("event=catalogue-not-copied note=\"nothing but "
		       "storage.db has what is changed from now on: %s\"",
		    l->note);
	else
		nx_info("event=catalogue-copies copies=%u", n);
	l->said = n;
}

void
ledger_fail(struct ledger *l, struct place *p, int error)
{
	struct volume *v = volume_by_key(l->s->volumes, p->volume);
	size_t i = (size_t)(p - l->places);

	nx_err("event=catalogue-copy-failed node=%s error=\"%s\"", p->node,
	    strerror(-error));
	(void)snprintf(l->note, sizeof(l->note),
	    "the copy on %s could not be written: %s", p->node,
	    strerror(-error));
	if (v)
		volume_suspect(l->s->volumes, v, error);
	l->turns[i]++;
	l->retry_us[i] = nx_now_us() + 60000000;
	(void)place_close(p);
	ledger_say(l);
}

uint64_t
ledger_log_size(uint64_t volume_size)
{
	uint64_t n = volume_size / LOG_SHARE / LEDGER_PAGE * LEDGER_PAGE;

	return n > LOG_MAX ? LOG_MAX : n < LOG_MIN ? LOG_MIN : n;
}

/* --- shipping ---------------------------------------------------------------*/

/* All of them are at it meanwhile. */
static void
wait_for(struct ledger *l, int (*what)(struct place *p))
{
	for (int i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];
		int r = p->open ? what(p) : 0;

		if (r < 0)
			ledger_fail(l, p, r);
	}
}

static int
ship(struct nx_db *db, const void *data, size_t len, bool sync, void *arg)
{
	struct ledger *l = arg;
	struct record_head head;
	int r;

	if (l->rolling)
		return 0; /* it is there already */
	if (len > LEDGER_DATA_MAX)
		return -E2BIG;
	record_head_make(
	    &head, &l->at, data, (uint32_t)len, sync ? RECORD_SYNC : 0);
	l->next = l->at;
	l->next.seq = head.seq;
	l->next.link = head.link;
	r = catalog_point_move(db, head.seq, head.link);
	if (r < 0)
		return r;
	l->sync = sync;
	for (int i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];

		r = p->open ? place_append(p, &head, data, sync) : 0;
		if (r < 0)
			ledger_fail(l, p, r);
	}
	wait_for(l, place_written);
	return 0;
}

static void
over(bool committed, void *arg)
{
	struct ledger *l = arg;

	if (l->rolling)
		return;
	wait_for(l, place_sync_end);
	if (committed) {
		l->at = l->next;
		l->moved = true;
	}
	for (int i = 0; i < LEDGER_PLACES && !committed; i++) {
		struct place *p = &l->places[i];
		int r = p->open ? place_undo(p) : 0;

		if (r < 0)
			ledger_fail(l, p, r);
	}
	/* Or a power cut would bring back what somebody is told has failed, and
	 * has cleaned up after. */
	if (!committed)
		wait_for(l, place_sync_end);
}

/* It may come from within a COMMIT: what is being synced then is all there is. */
static void
settle(void *arg)
{
	struct ledger *l = arg;

	for (int i = 0; i < LEDGER_PLACES; i++)
		if (l->places[i].open && !l->places[i].syncing)
			place_sync_begin(&l->places[i]);
	wait_for(l, place_sync_end);
}

static const struct nx_db_shipper shipper = {ship, over, settle};

/* --- at start ---------------------------------------------------------------*/

struct roll {
	struct ledger *l;
	struct gathered *g;
	const struct gather_record *record;
};

/* A record the catalogue does not have. Who made it was not told. */
static int
roll_one(struct nx_db *db, void *arg)
{
	struct roll *roll = arg;
	struct nx_db_applier *a = NULL;
	uint8_t *data = NULL;
	int r = gather_data(roll->g, roll->record, &data);

	if (r == 0)
		r = nx_db_applier_new(nx_db_handle(db), &a);
	if (r == 0)
		r = nx_db_apply(a, data, roll->record->head.len);
	nx_db_applier_free(a);
	free(data);
	if (r == 0)
		r = catalog_point_move(
		    db, roll->record->head.seq, roll->record->head.link);
	return r;
}

static int
roll_forward(struct ledger *l, struct gathered *g)
{
	struct nx_db *db = catalog_db(l->s->catalog);
	struct roll roll = {.l = l, .g = g};
	struct catalog_point at = l->at;
	int r = 0;

	/* It went another way already, though a short one. */
	if (l->moved)
		return 0;
	while (r == 0 && (roll.record = gather_next(g, -1, &at))) {
		nx_info("event=catalogue-rolled-forward commit=%llu",
		    (unsigned long long)at.seq);
		l->rolling = true;
		r = nx_db_write_now(db, roll_one, &roll);
		l->rolling = false;
		if (r == 0) {
			at.schema = l->at.schema;
			l->at = at;
		}
	}
	return r;
}

/* What somebody was told, and the catalogue has not; its number, or 0. */
static uint64_t
lost_commit(const struct ledger *l, const struct gathered *g)
{
	const struct gather_record *r, *told = NULL;
	struct catalog_point at = l->begun;
	uint64_t beyond;

	for (size_t i = 0; i < g->n_bases; i++) {
		struct catalog_point base = gather_base_point(&g->bases[i]);

		if (memcmp(base.id, at.id, sizeof(at.id)) == 0 &&
		    base.seq > at.seq)
			return base.seq;
	}
	while ((r = gather_next(g, -1, &at))) {
		if (told)
			return at.seq;
		if (r->head.flags & RECORD_SYNC)
			told = r;
	}
	beyond = gather_beyond(g, &at);
	return beyond;
}

static bool
reaches(const struct gathered *g, int place, const struct gather_base *base,
    const struct catalog_point *to, const struct gather_record **ret_last)
{
	struct catalog_point at = gather_base_point(base);
	const struct gather_record *r;

	*ret_last = NULL;
	while (at.seq < to->seq && (r = gather_next(g, place, &at)))
		*ret_last = r;
	return at.seq == to->seq && at.link == to->link &&
	    memcmp(at.id, to->id, sizeof(at.id)) == 0;
}

/* The log of @place that takes what comes next; NULL: a new one has to. */
static const struct gather_log *
log_of(const struct ledger *l, const struct gathered *g, int place,
    const struct place *p, const struct gather_record *last)
{
	const struct gather_log *best = NULL;

	for (size_t i = 0; i < g->n_logs; i++)
		if (g->logs[i].place == place &&
		    (!best || g->logs[i].n > best->n))
			best = &g->logs[i];
	if (!best || best->head.schema != l->at.schema ||
	    best->head.version != place_version(&p->key) ||
	    memcmp(best->head.id, l->at.id, sizeof(l->at.id)) != 0)
		return NULL;
	if (last && &g->logs[last->log] == best &&
	    best->end ==
		last->at + record_room(last->head.len, gather_extra(best)))
		return best;
	return best->head.first == l->at.seq + 1 &&
		best->head.prev == l->at.link && best->end == LEDGER_PAGE
	    ? best
	    : NULL;
}

/* A place that has all up to now goes on; what has not is taken on later, and
 * what is not sealed though its volume has a key by now. */
static int
go_on(struct ledger *l, const struct gathered *g, int place, struct place *p)
{
	const struct gather_record *last = NULL;
	const struct gather_log *log;
	int r;

	for (size_t i = 0; i < g->n_bases && !p->whole; i++)
		p->whole = g->bases[i].place == place &&
		    g->bases[i].sums.head.version == place_version(&p->key) &&
		    reaches(g, place, &g->bases[i], &l->at, &last);
	if (!p->whole)
		return -ENODATA;
	log = log_of(l, g, place, p, last);
	if (log)
		r = place_continue(p, log->n, log->end, log->head.first);
	else {
		r = place_make_spare(p);
		if (r == 0)
			r = place_switch(p, &l->at);
	}
	p->open = r == 0;
	return r;
}

struct candidate {
	const struct volume *v;
	int dir, place;
};

static int
find_candidates(struct ledger *l, struct candidate *ret, struct gathered *g)
{
	const struct volume *v;
	int n = 0, r = 0;

	TAILQ_FOREACH(v, &l->s->volumes->list, entry) {
		nx_cleanup_fd int chunks = -1;

		if (!v->base || !v->attached || n == GATHER_PLACES)
			continue;
		chunks = mount_chunks(&v->mounted.mount);
		if (chunks < 0)
			continue;
		ret[n] = (struct candidate){
		    v, place_directory(chunks, false), g->places};
		if (ret[n].dir < 0)
			continue;
		r = gather_add(g, ret[n++].dir, &v->mounted.key);
		if (r < 0) {
			nx_warn("event=catalogue-copy-unread node=%s"
				" error=\"%s\"",
			    v->node, strerror(-r));
			r = 0;
		}
	}
	gather_sort(g);
	return n;
}

static void
go_on_with(struct ledger *l, const struct gathered *g, struct candidate *c)
{
	for (int i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];

		if (p->volume != 0)
			continue;
		p->volume = c->v->key;
		memcpy(p->node, c->v->node, sizeof(p->node));
		p->zeroed = ledger_log_size(c->v->size);
		p->dir = nx_take_fd(&c->dir);
		if (c->v->suspect ||
		    volume_key_copy(&c->v->mounted.key, &p->key) < 0 ||
		    go_on(l, g, c->place, p) < 0)
			(void)place_close(p);
		return;
	}
}

int
ledger_begin(struct ledger *l)
{
	int r = catalog_point(l->s->catalog, &l->at);

	l->begun = l->at;
	return r < 0 ? r : nx_db_ship(catalog_db(l->s->catalog), &shipper, l);
}

int
ledger_open(struct ledger *l, char ret_reason[256])
{
	struct candidate all[GATHER_PLACES];
	struct gathered g = {0};
	uint64_t lost;
	int r = 0, n = find_candidates(l, all, &g);

	lost = lost_commit(l, &g);
	if (lost > 0) {
		(void)snprintf(ret_reason, 256,
		    "it has seen %llu commits, and its copies on the volumes "
		    "%llu",
		    (unsigned long long)l->at.seq, (unsigned long long)lost);
		r = 1;
	}
	if (r == 0)
		r = roll_forward(l, &g);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			go_on_with(l, &g, &all[i]);
		nx_close(&all[i].dir);
	}
	gather_fini(&g);
	ledger_say(l);
	return r;
}

/* --- from outside -----------------------------------------------------------*/

int
ledger_new(struct storaged *s, struct ledger **ret_ledger)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->s = s;
	for (int i = 0; i < LEDGER_PLACES && r == 0; i++) {
		l->places[i].dir = l->places[i].log = l->places[i].spare = -1;
		r = syncer_new(&l->places[i].syncer);
	}
	if (r < 0)
		ledger_free(l);
	else
		*ret_ledger = l;
	return r;
}

struct ledger *
ledger_free(struct ledger *l)
{
	if (!l)
		return NULL;
	if (l->tick)
		event_free(l->tick);
	for (int i = 0; i < LEDGER_PLACES; i++) {
		if (l->places[i].syncer)
			(void)place_close(&l->places[i]);
		l->places[i].syncer = syncer_free(l->places[i].syncer);
	}
	free(l);
	return NULL;
}

struct ledger_status
ledger_status(const struct ledger *l)
{
	struct ledger_status st = {.copies = copies(l), .note = ""};

	if (st.copies < LEDGER_PLACES)
		st.note = l->note;
	return st;
}
