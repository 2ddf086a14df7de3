/*
 * Where everything is: all files with their chunks, and each chunk's volumes,
 * for the operator. A page holds so little that making it does not hold the
 * loop, and always fits a frame: what it says is as of then, and a file that
 * comes or goes between two pages is in the list or is not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/trees/info.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"
#include "proto/serve_storaged.h"

#define FILES    16U  /* at most some 950 bytes each */
#define CHUNKS   64U  /* 550 */
#define LOOKED   128U /* rows, of files that have gone from sight too */
#define PLACE    512
#define MD5_TEXT (2 * MD5_LEN + 1)

struct chunk_row {
	Nx__PlacedChunk info;
	Nx__PlacedReplica replicas[CATALOG_REPLICAS];
	Nx__PlacedReplica *pointers[CATALOG_REPLICAS];
	char md5[MD5_TEXT];
};

struct file_row {
	struct catalog_file file;
	Nx__PlacedFile info;
	Nx__FileInfo about;
	char place[PLACE];
};

struct page {
	struct storaged *s;
	int64_t file;   /* where the next one begins: a key, */
	uint32_t index; /* and a chunk of that file */
	bool end;
	size_t n_files, n_chunks, looked;
	struct file_row files[FILES];
	Nx__PlacedFile *file_pointers[FILES];
	struct catalog_chunk chunks[CHUNKS];
	struct chunk_row rows[CHUNKS];
	Nx__PlacedChunk *chunk_pointers[CHUNKS];
};

static const char *const conditions[] = {
    [CATALOG_WHOLE] = "good",
    [CATALOG_DAMAGED] = "damaged",
    [CATALOG_MISSING] = "missing",
};

static void
place_replica(struct storaged *s, int64_t key, Nx__PlacedReplica *ret_info)
{
	const struct volume *v = volume_by_key(s->volumes, key);

	nx__placed_replica__init(ret_info);
	ret_info->volume = info_text(v ? v->node : "");
	ret_info->state = info_text(!v || volume_away(v) ? "away"
		: v->suspect                             ? "suspect"
							 : "good");
}

static void
place_chunk(struct storaged *s, const struct catalog_chunk *c, uint32_t index,
    struct chunk_row *row)
{
	Nx__PlacedChunk *info = &row->info;

	nx__placed_chunk__init(info);
	for (size_t i = 0; i < MD5_LEN; i++)
		(void)snprintf(row->md5 + 2 * i, 3, "%02x", c->sums.md5[i]);
	info->id = info_text(c->id.text);
	info->index = index;
	info->size = c->sums.size;
	info->md5 = row->md5;
	info->condition =
	    info_text(conditions[catalog_damage(s->catalog, c->key)]);
	info->n_replicas = c->n_replicas;
	info->replicas = row->pointers;
	for (uint32_t i = 0; i < c->n_replicas; i++) {
		place_replica(s, c->volumes[i], &row->replicas[i]);
		row->pointers[i] = &row->replicas[i];
	}
}

/* The file just read, from chunk p->index on, as far as there is room. */
static int
place_file(struct page *p)
{
	struct file_row *row = &p->files[p->n_files];
	size_t first = p->n_chunks, room = CHUNKS - first;
	int n = catalog_file_chunks(p->s->catalog, row->file.content, p->index,
	    &p->chunks[first], room);

	if (n < 0)
		return n;
	for (uint32_t i = 0; i < (uint32_t)n; i++) {
		place_chunk(p->s, &p->chunks[first + i], p->index + i,
		    &p->rows[first + i]);
		p->chunk_pointers[first + i] = &p->rows[first + i].info;
	}
	catalog_file_place(
	    p->s->catalog, &row->file, row->place, sizeof(row->place));
	info_file(&row->file, &row->about, NULL);
	row->about.place = row->place;
	nx__placed_file__init(&row->info);
	row->info.file = &row->about;
	row->info.n_chunks = (size_t)n;
	row->info.chunks = &p->chunk_pointers[first];
	p->file_pointers[p->n_files++] = &row->info;
	p->n_chunks += (size_t)n;
	if ((size_t)n == room)
		p->index += (uint32_t)n; /* there may be more of it */
	else {
		p->file = row->file.key + 1;
		p->index = 0;
	}
	return 0;
}

static bool
is_full(const struct page *p)
{
	return p->n_files == FILES || p->n_chunks == CHUNKS ||
	    p->looked == LOOKED;
}

static int
fill(struct page *p)
{
	while (!is_full(p)) {
		struct catalog_file *file = &p->files[p->n_files].file;
		int r = catalog_file_next(p->s->catalog, p->file, file);

		if (r == CATALOG_NO_FILE)
			p->end = true;
		if (r != 0)
			return r < 0 ? r : 0;
		p->looked++;
		if (file->key != p->file)
			p->index = 0; /* that one is gone */
		p->file = file->key;
		r = catalog_file_there(p->s->catalog, file);
		if (r > 0)
			r = place_file(p);
		else
			p->file++;
		if (r < 0)
			return r;
	}
	return 0;
}

/* "KEY:INDEX", as this list has given it. */
static bool
parse_cursor(const char *text, struct page *p)
{
	int end = 0;

	if (text[0] == '\0')
		return true;
	return sscanf(text, "%" SCNd64 ":%" SCNu32 "%n", &p->file, &p->index,
		   &end) == 2 &&
	    text[end] == '\0' && p->file >= 0;
}

void
serve_storage_placement(
    struct nx_request *r, const Nx__PlacementRequest *q, struct storaged *s)
{
	Nx__PlacementReply reply = NX__PLACEMENT_REPLY__INIT;
	struct page *p = calloc(1, sizeof(*p));
	char next[64];
	int e = -ENOMEM;

	if (p) {
		p->s = s;
		if (!parse_cursor(q->after, p)) {
			nx_refuse(r, NX__STATUS__INVALID,
			    "the cursor is not one this list has given");
			free(p);
			return;
		}
		e = fill(p);
	}
	if (e < 0) {
		nx_refuse_errno(r, e, "listing where files are");
		free(p);
		return;
	}
	reply.n_files = p->n_files;
	reply.files = p->file_pointers;
	if (!p->end) {
		(void)snprintf(next, sizeof(next), "%" PRId64 ":%" PRIu32,
		    p->file, p->index);
		reply.next = next;
	}
	nx_answer_storage_placement(r, &reply);
	free(p);
}
