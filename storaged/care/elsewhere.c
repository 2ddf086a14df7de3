/* See elsewhere.h. */
#include "common/hub.h"
#include "storaged/care/elsewhere.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

struct question {
	struct storaged *s;
	const struct volume *volume;
	const struct disk *disk;
};

static bool
is_meant(const struct question *q, const struct volume *v)
{
	return v == q->volume || v->disk == q->disk;
}

/* At most: what a node keeps there is in it as long as its chunks could be as
 * large. */
static uint64_t
kept(const struct question *q)
{
	const struct volume *v;
	uint64_t sum = 0;

	TAILQ_FOREACH(v, &q->s->volumes->list, entry) {
		uint64_t chunks = 0, free = 0, used;

		if (!is_meant(q, v))
			continue;
		if (v->store)
			(void)chunk_room(v->store, &free);
		used = v->size > free ? v->size - free : 0;
		(void)catalog_volume_chunks(q->s->catalog, v->key, &chunks);
		sum += used / CHUNK_SIZE < chunks ? used : chunks * CHUNK_SIZE;
	}
	return sum;
}

static uint64_t
room_in_volumes(const struct question *q)
{
	struct volume *v;
	uint64_t sum = 0;

	TAILQ_FOREACH(v, &q->s->volumes->list, entry)
		if (!is_meant(q, v) && volume_writable(v))
			sum += volume_room(v);
	return sum;
}

static uint64_t
bases_on(const struct volumes *vs, const struct disk *d)
{
	const struct volume *v;
	uint64_t n = 0;

	TAILQ_FOREACH(v, &vs->list, entry)
		n += v->base && v->disk == d;
	return n;
}

/* Base volumes are made as they are needed; an eighth of one is not for
 * chunks. */
static uint64_t
room_for_more(const struct question *q)
{
	const struct volumes *vs = q->s->volumes;
	uint64_t size = q->s->conf.base_size, sum = 0;
	const struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry) {
		uint64_t room = 0, n, have = bases_on(vs, d);

		if (d == q->disk || !disk_takes(vs, d) || size == 0 ||
		    disk_room(vs, d, &room) < 0)
			continue;
		n = room / size;
		if (have >= q->s->conf.base_max)
			n = 0;
		else if (n > q->s->conf.base_max - have)
			n = q->s->conf.base_max - have;
		sum += n * (size - size / 8);
	}
	return sum;
}

bool
elsewhere_or_refuse(struct nx_request *r, struct storaged *s,
    const struct volume *v, const struct disk *d)
{
	const struct question q = {s, v, d};
	uint64_t need = kept(&q);
	uint64_t room = room_in_volumes(&q) + room_for_more(&q);

	if (need == 0 || need <= room)
		return true;
	nx_refuse(r, NX__STATUS__FULL,
	    "up to %s are kept there, and elsewhere there is room for %s: "
	    "add a disk, or delete files, first",
	    nx_size_format(need), nx_size_format(room));
	return false;
}
