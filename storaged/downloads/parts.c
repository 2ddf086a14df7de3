/* See parts.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storaged/downloads/parts.h"

/* Trusted replicas first; readers spread over the equal ones. */
static void
add_replicas(struct storaged *s, struct part *part)
{
	static unsigned turn;
	uint32_t n = part->chunk.n_replicas;

	turn++;
	for (int suspect = 0; suspect < 2; suspect++)
		for (uint32_t i = 0; i < n; i++) {
			uint32_t k = (i + turn) % n;
			struct volume *v =
			    volume_by_key(s->volumes, part->chunk.volumes[k]);

			if (!v || !volume_readable(v) ||
			    v->suspect != (suspect == 1))
				continue;
			part->places[part->n_replicas] =
			    catalog_place(&part->chunk, k);
			volume_hold(v, &part->places[part->n_replicas]);
			part->replicas[part->n_replicas++] = v;
		}
}

/* Not needed as long as there is a replica and it is good. */
static int
add_stripe(struct storaged *s, struct part *part, bool stripes)
{
	if (part->n_replicas > 0 && !stripes)
		return 0;
	return stripe_hold(s, &part->chunk, NULL, &part->stripe);
}

int
parts_fill(struct storaged *s, const struct catalog_file *file, size_t max,
    bool stripes, uint64_t to, uint64_t *at, struct part *ret_parts,
    size_t *ret_n)
{
	struct catalog_chunk *chunks = calloc(max, sizeof(*chunks));
	uint64_t start = 0;
	int n, r = 0;

	*ret_n = 0;
	if (!chunks)
		return -ENOMEM;
	n = catalog_file_at(s->catalog, file, *at, chunks, max, &start);
	for (int i = 0; i < n && *at < to && r == 0; i++) {
		struct part *part = &ret_parts[(*ret_n)++];

		part->chunk = chunks[i];
		if (*at - start >= chunks[i].sums.size) {
			n = -EBADMSG;
			break;
		}
		part->offset = (uint32_t)(*at - start);
		start += chunks[i].sums.size;
		part->length = part->chunk.sums.size - part->offset;
		if (part->length > to - *at)
			part->length = (uint32_t)(to - *at);
		*at += part->length;
		add_replicas(s, part);
		r = add_stripe(s, part, stripes);
	}
	free(chunks);
	return n < 0 ? n : r;
}

void
parts_release(struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < parts[i].n_replicas; k++)
			volume_release(
			    parts[i].replicas[k], &parts[i].places[k]);
		stripe_release(parts[i].stripe);
	}
}

bool
part_has_moved(struct storaged *s, const struct part *part)
{
	const struct catalog_chunk *was = &part->chunk;
	struct catalog_chunk now;
	int r = catalog_chunk_get(s->catalog, was->key, &now);

	if (r != 0)
		return r > 0;
	return now.n_replicas != was->n_replicas ||
	    memcmp(now.volumes, was->volumes,
		now.n_replicas * sizeof(now.volumes[0])) != 0 ||
	    memcmp(now.at, was->at, now.n_replicas * sizeof(now.at[0])) != 0;
}
