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
	if (!chunk_put_whole(rs->put)) {
		rs->result = nx_workers_submit(rs->io, mend_work, all_done, rs);
		if (rs->result == 0)
			return;
	}
	all_done(rs);
}

int
replicas_sync(struct replicas *rs, struct nx_workers *io, struct chunk_put *put,
    void (*done)(struct replicas *rs))
{
	nx_assert(put->sealed);
	*rs = (struct replicas){.put = put, .io = io, .done = done};
	for (size_t i = 0; i < put->n_places; i++) {
		rs->parts[i] = (struct replica_part){rs, i};
		if (put->places[i].state == PUT_OPEN &&
		    nx_workers_submit(
			io, part_work, part_done, &rs->parts[i]) == 0)
			rs->out++;
	}
	return rs->out > 0 ? 0 : nx_workers_submit(io, mend_work, all_done, rs);
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
