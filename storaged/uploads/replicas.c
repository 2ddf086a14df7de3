/* See replicas.h. */
#include "common/err.h"
#include "storaged/uploads/replicas.h"
#include "storaged/volumes/volumes.h"

static void
all_done(void *arg)
{
	struct replicas *rs = arg;

	nx_assert(rs->out == 0);
	rs->done(rs);
}

/* From here on the job may be at work on it. */
static void
submit(struct replicas *rs, void (*work)(void *arg), void (*then)(void *arg))
{
	int r = nx_workers_submit(rs->io, work, then, rs);

	if (r == 0)
		return;
	rs->result = r;
	rs->done(rs);
}

/* Some place has failed, or could not be given a job. */
static void
mend_work(void *arg)
{
	struct replicas *rs = arg;

	rs->result = chunk_put_finish(rs->put);
}

static void
part_work(void *arg)
{
	struct replica_part *part = arg;

	chunk_put_commit(part->replicas->put, part->place);
}

static void
part_done(void *arg)
{
	struct replicas *rs = ((struct replica_part *)arg)->replicas;

	nx_assert(rs->out > 0);
	if (--rs->out > 0)
		return;
	if (chunk_put_whole(rs->put))
		all_done(rs);
	else
		submit(rs, mend_work, all_done);
}

static int
sync_open(struct replicas *rs)
{
	struct chunk_put *put = rs->put;
	struct nx_workers *io = rs->io;

	for (size_t i = 0; i < put->n_places; i++) {
		rs->parts[i] = (struct replica_part){rs, i};
		if (put->places[i].state == PUT_OPEN &&
		    nx_workers_submit(
			io, part_work, part_done, &rs->parts[i]) == 0)
			rs->out++;
	}
	return rs->out > 0 ? 0 : nx_workers_submit(io, mend_work, all_done, rs);
}

int
replicas_sync(struct replicas *rs, struct nx_workers *io, struct chunk_put *put,
    void (*done)(struct replicas *rs))
{
	nx_assert(put->sealed);
	*rs = (struct replicas){.put = put, .io = io, .done = done};
	return sync_open(rs);
}

/* --- in segments ------------------------------------------------------------*/

/* It is nowhere yet: drafts, as for larger content. What they cannot take
 * chunk_put_finish says. */
static void
fill_work(void *arg)
{
	struct replicas *rs = arg;

	for (unsigned k = 0; k < chunk_put_slots(rs->put); k++)
		(void)chunk_put_fill(rs->put, k, 0, rs->data, rs->len);
}

static void
fill_done(void *arg)
{
	struct replicas *rs = arg;
	int r = sync_open(rs);

	if (r == 0)
		return;
	rs->result = r;
	rs->done(rs);
}

static void
seal(struct replicas *rs)
{
	if (rs->sum)
		rs->sum(rs);
	rs->sum = NULL;
	nx_assert(rs->put->sealed);
}

/* In the thread of the one append that has it. */
static void
seal_aside(struct chunk_append *append)
{
	seal(append->arg);
}

/* A store may have failed, or have no segments. */
static void
appended(struct replicas *rs)
{
	bool any = false;

	seal(rs);
	for (size_t i = 0; i < rs->put->n_places; i++)
		any |= rs->put->places[i].state == PUT_DONE;
	if (chunk_put_whole(rs->put))
		rs->done(rs);
	else if (any)
		submit(rs, mend_work, all_done);
	else
		submit(rs, fill_work, fill_done);
}

static void
append_done(struct chunk_append *append)
{
	struct replicas *rs = append->arg;

	chunk_put_appended(rs->put, (size_t)(append - rs->appends), append);
	nx_assert(rs->out > 0);
	if (--rs->out == 0)
		appended(rs);
}

void
replicas_append(struct replicas *rs, struct nx_workers *io,
    struct chunk_put *put, const void *data, size_t len,
    void (*sum)(struct replicas *rs), void (*done)(struct replicas *rs))
{
	unsigned slots = chunk_put_slots(put), summing;

	nx_assert(slots > 0 && len > 0);
	*rs = (struct replicas){.put = put,
	    .io = io,
	    .done = done,
	    .sum = sum,
	    .data = data,
	    .len = len};
	rs->out = slots + 1; /* some may be done at once */
	/* The volumes' threads share the work. */
	summing = (unsigned)put->id.text[NX_ID_LEN - 1] % slots;
	for (unsigned i = 0; i < slots; i++) {
		rs->appends[i] = (struct chunk_append){.id = put->id,
		    .data = data,
		    .length = (uint32_t)len,
		    .done = append_done,
		    .arg = rs,
		    .aside = i == summing && sum ? seal_aside : NULL};
		chunk_append(put->places[i].store, &rs->appends[i]);
	}
	if (--rs->out == 0)
		appended(rs);
}

void
replicas_list(struct chunk_put *put, struct catalog_chunk *ret_chunk)
{
	ret_chunk->id = put->id;
	ret_chunk->sums = put->sums;
	ret_chunk->n_replicas = 0;
	for (size_t i = 0; i < put->n_places; i++) {
		struct put_place *place = &put->places[i];
		const struct volume *v = place->owner;

		if (place->state != PUT_DONE)
			continue;
		if (v->state == VOLUME_READY) {
			ret_chunk->at[ret_chunk->n_replicas] = place->at;
			ret_chunk->volumes[ret_chunk->n_replicas++] = v->key;
		} else {
			chunk_settle(place->store, place->at);
			place->at = 0;
		}
	}
}
