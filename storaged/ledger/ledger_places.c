/*
 * Which volumes are places, and giving them whole catalogues. Directories and
 * new logs are made by worker threads, on descriptors of their own: what came
 * of it is taken over only if the place is still the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/ledger/ledger_internal.h"
#include "storaged/volumes/volumes.h"

#define TICK_MS     500
#define LOG_LONGEST (64ULL << 20)

static void give_owed(struct ledger *l, size_t slot);
static void given(struct ledger *l);

/* --- taking a place on, and new logs ----------------------------------------*/

struct spare_job {
	struct ledger *l;
	size_t slot;
	uint64_t turn;
	int chunks; /* -1: the directory is open */
	struct place made;
	int result;
};

static void
spare_work(void *arg)
{
	struct spare_job *job = arg;

	if (job->chunks >= 0)
		job->result = job->made.dir =
		    place_directory(job->chunks, true);
	if (job->result >= 0)
		job->result = place_make_spare(&job->made);
}

/* From now on it takes records; whole it is when it has a base too. */
static int
open_place(struct ledger *l, struct place *p)
{
	int r = place_switch(p, &l->at);

	p->open = r == 0;
	if (r == 0)
		nx_info("event=catalogue-copy-begun node=%s", p->node);
	return r;
}

static void
spare_done(void *arg)
{
	struct spare_job *job = arg;
	struct ledger *l = job->l;
	struct place *p = &l->places[job->slot];
	int r = job->result;

	p->busy = false;
	if (l->turns[job->slot] == job->turn && p->volume != 0) {
		if (job->chunks >= 0)
			p->dir = nx_take_fd(&job->made.dir);
		p->spare = nx_take_fd(&job->made.spare);
		p->spare_n = job->made.spare_n;
		if (r >= 0 && !p->open)
			r = open_place(l, p);
		if (r < 0)
			ledger_fail(l, p, r);
	}
	give_owed(l, job->slot);
	nx_close(&job->made.dir);
	nx_close(&job->made.spare);
	nx_close(&job->chunks);
	free(job);
}

static void
make_spare(struct ledger *l, size_t slot, int chunks)
{
	struct place *p = &l->places[slot];
	struct spare_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	if (job) {
		*job = (struct spare_job){.l = l,
		    .slot = slot,
		    .turn = l->turns[slot],
		    .chunks = chunks};
		job->made.zeroed = p->zeroed;
		job->made.log = job->made.spare = -1;
		job->made.dir =
		    chunks < 0 ? fcntl(p->dir, F_DUPFD_CLOEXEC, 0) : -1;
		r = nx_workers_submit(l->s->slow, spare_work, spare_done, job);
	}
	if (r == 0) {
		p->busy = true;
		return;
	}
	if (job)
		nx_close(&job->made.dir);
	nx_close(&chunks);
	free(job);
	if (!p->open)
		(void)place_close(p);
}

/* --- choosing ---------------------------------------------------------------*/

static bool
is_taken(const struct ledger *l, const struct volume *v)
{
	for (int i = 0; i < LEDGER_PLACES; i++)
		if (l->places[i].volume == v->key)
			return true;
	return false;
}

static bool
is_disk_taken(const struct ledger *l, const struct volume *v)
{
	for (int i = 0; i < LEDGER_PLACES; i++) {
		const struct volume *other =
		    volume_by_key(l->s->volumes, l->places[i].volume);

		if (other && other->disk == v->disk)
			return true;
	}
	return false;
}

static bool
is_well(const struct volume *v)
{
	return v && v->base && v->attached && !v->suspect &&
	    v->state == VOLUME_READY;
}

static uint64_t
catalogue_bytes(const struct ledger *l)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/storage/storage.db",
	    l->s->conf.common.state_dir);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static struct volume *
choose(struct ledger *l)
{
	uint64_t need = catalogue_bytes(l) * 2;
	struct volume *v, *second = NULL;
	bool any = false, have = false;

	TAILQ_FOREACH(v, &l->s->volumes->list, entry) {
		have |= is_taken(l, v);
		if (!is_well(v) || is_taken(l, v))
			continue;
		any = true;
		if (volume_room(v) >= need + 4 * ledger_log_size(v->size)) {
			if (!is_disk_taken(l, v))
				return v;
			second = second ? second : v;
			continue;
		}
		(void)snprintf(l->note, sizeof(l->note),
		    "%s has no room for a copy of the catalogue (%s)", v->node,
		    nx_size_format(need));
	}
	if (second)
		return second;
	if (!any && l->said == 0)
		(void)snprintf(l->note, sizeof(l->note),
		    "there is no %sbase volume that could have a copy "
		    "([storaged] base_size)",
		    have ? "other " : "");
	return NULL;
}

static void
take_on(struct ledger *l, size_t slot)
{
	struct place *p = &l->places[slot];
	struct volume *v = choose(l);
	int chunks;

	if (!v)
		return;
	chunks = mount_chunks(&v->mounted.mount);
	if (chunks < 0 || volume_key_copy(&v->mounted.key, &p->key) < 0) {
		nx_close(&chunks);
		l->retry_us[slot] = nx_now_us() + 60000000;
		return;
	}
	p->volume = v->key;
	memcpy(p->node, v->node, sizeof(p->node));
	p->zeroed = ledger_log_size(v->size);
	make_spare(l, slot, chunks);
}

void
ledger_look(struct ledger *l)
{
	for (size_t i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];

		if (p->volume != 0 &&
		    !is_well(volume_by_key(l->s->volumes, p->volume))) {
			l->turns[i]++;
			(void)place_close(p);
		} else if (p->volume != 0 && !p->open && !p->busy)
			(void)place_close(p); /* a sync hung in it */
		if (p->busy)
			continue;
		if (p->volume == 0 && nx_now_us() >= l->retry_us[i])
			take_on(l, i);
		else if (p->open && p->spare < 0)
			make_spare(l, i, -1);
	}
	ledger_say(l);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ledger *l = arg;

	(void)fd;
	(void)what;
	if (!l->stopped)
		ledger_look(l);
}

void
ledger_start(struct ledger *l)
{
	const struct timeval tv = {.tv_usec = TICK_MS * 1000};

	(void)snprintf(l->note, sizeof(l->note), "one is being made");
	l->tick = event_new(l->s->base, -1, EV_PERSIST, on_tick, l);
	if (!l->tick || event_add(l->tick, &tv) < 0)
		nx_fatal(-ENOMEM, "starting");
	ledger_look(l);
}

void
ledger_stop(struct ledger *l)
{
	l->stopped = true;
}

/* --- whole copies -----------------------------------------------------------*/

bool
ledger_wants_copy(const struct ledger *l)
{
	if (l->taking > 0 || l->stopped || nx_now_us() < l->again_us)
		return false;
	for (int i = 0; i < LEDGER_PLACES; i++) {
		const struct place *p = &l->places[i];

		if (p->open && !p->whole)
			return true;
		/* The log may be as long as the catalogue: then writing a
		 * whole one costs no more than the log did. */
		if (p->open && p->at > p->zeroed - p->zeroed / 4 &&
		    p->at > catalogue_bytes(l))
			return true;
	}
	return false;
}

struct catalog_point
ledger_mark(struct ledger *l)
{
	for (size_t i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];
		int r;

		if (!p->open || p->spare < 0)
			continue;
		place_sync_begin(p);
		r = place_sync_end(p);
		if (r == 0)
			r = place_switch(p, &l->at);
		if (r < 0)
			ledger_fail(l, p, r);
	}
	return l->at;
}

struct base_job {
	struct ledger *l;
	size_t slot;
	uint64_t turn;
	struct volume_key key; /* a copy: the place may be closed meanwhile */
	struct place_base base;
	char path[512];
	int result;
};

static void
base_work(void *arg)
{
	struct base_job *job = arg;

	job->result = place_take_base(&job->base);
}

/* It has what it had, and its log goes on: as long as that is bearable. */
static void
put_off(struct ledger *l, struct place *p, int error)
{
	nx_warn("event=catalogue-not-renewed node=%s error=\"%s\"", p->node,
	    strerror(-error));
	l->again_us = nx_now_us() + 60000000;
	if (p->at > LOG_LONGEST && p->at > 4 * catalogue_bytes(l))
		ledger_fail(l, p, error);
}

static void
free_base_job(struct base_job *job)
{
	nx_close(&job->base.dir);
	volume_key_fini(&job->key);
	free(job);
}

static void
base_done(void *arg)
{
	struct base_job *job = arg;
	struct ledger *l = job->l;
	struct place *p = &l->places[job->slot];

	p->busy = false;
	if (l->turns[job->slot] == job->turn && p->open) {
		if (job->result < 0 &&
		    (!p->whole || volume_fault_of(job->result) == FAULT_VOLUME))
			ledger_fail(l, p, job->result);
		else if (job->result < 0)
			put_off(l, p, job->result);
		else
			p->whole = true;
	}
	ledger_say(l);
	free_base_job(job);
	given(l);
}

static int
give(struct ledger *l, size_t slot)
{
	struct place *p = &l->places[slot];
	struct base_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	if (!job)
		return r;
	*job = (struct base_job){.l = l, .slot = slot, .turn = l->turns[slot]};
	job->base = (struct place_base){.log = p->n,
	    .spare = p->spare >= 0 ? p->spare_n : 0,
	    .dir = fcntl(p->dir, F_DUPFD_CLOEXEC, 0),
	    .key = &job->key,
	    .from = job->path,
	    .at = l->take_at};
	(void)snprintf(job->path, sizeof(job->path), "%s", l->take_path);
	r = job->base.dir < 0 ? -errno : volume_key_copy(&p->key, &job->key);
	if (r == 0)
		r = nx_workers_submit(l->s->slow, base_work, base_done, job);
	if (r < 0) {
		free_base_job(job);
		return r;
	}
	p->busy = true;
	return 0;
}

static void
given(struct ledger *l)
{
	if (--l->taking == 0)
		l->taken(l->taken_arg);
}

/* One that began after the copy was made needs a later one. */
static bool
may_take(const struct ledger *l, const struct place *p)
{
	return p->open && p->first <= l->take_at.seq + 1;
}

static void
give_owed(struct ledger *l, size_t slot)
{
	struct place *p = &l->places[slot];

	if (!p->owed)
		return;
	p->owed = false;
	if (!may_take(l, p) || give(l, slot) < 0)
		given(l);
}

void
ledger_take(struct ledger *l, const char *path, const struct catalog_point *at,
    void (*done)(void *arg), void *arg)
{
	nx_assert(l->taking == 0);
	l->taken = done;
	l->taken_arg = arg;
	l->take_at = *at;
	(void)snprintf(l->take_path, sizeof(l->take_path), "%s", path);
	l->taking = 1;
	for (size_t i = 0; i < LEDGER_PLACES; i++) {
		struct place *p = &l->places[i];

		if (!may_take(l, p))
			continue;
		p->owed = p->busy;
		if (p->owed || give(l, i) == 0)
			l->taking++;
	}
	given(l);
}
