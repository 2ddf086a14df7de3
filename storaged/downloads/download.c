/* See download.h. The checks run in a worker thread, all else in the loop's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"
#include "storaged/downloads/download.h"
#include "storaged/care/healer.h"
#include "storaged/trees/info.h"
#include "storaged/trees/refuse.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"

#define SEGMENTS_MAX 16U

struct segment {
	struct catalog_chunk chunk;
	struct volume *replicas[CATALOG_REPLICAS]; /* referenced */
	size_t n_replicas;
	uint32_t offset, length; /* within the chunk */
	/* the worker's */
	int fd;
	uint64_t at;  /* where in fd */
	uint32_t bad; /* mask of replicas that failed */
};

struct read_job {
	struct storaged *s;
	struct nx_request *request;
	struct catalog_file file;
	uint64_t next;
	size_t n;
	struct segment segments[];
};

/* --- what is asked for ------------------------------------------------------*/

static int
find_by_path(struct nx_request *r, struct storaged *s, const char *text,
    struct catalog_file *ret_file)
{
	struct catalog_entry entry;
	struct path path;
	const char *wrong = path_parse(text, strlen(text), &path);
	int result;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return -1;
	}
	result = catalog_stat(s->catalog, r->who.user_id, &path, &entry);
	if (result == 0 && entry.folder)
		result = CATALOG_IS_FOLDER;
	if (result == 0)
		result = catalog_file_find(
		    s->catalog, r->who.user_id, entry.id, ret_file);
	if (result != 0)
		refuse_catalog(r, result, path.text);
	return result;
}

static int
find_file(struct nx_request *r, struct storaged *s,
    const Nx__OpenReadRequest *q, struct catalog_file *ret_file)
{
	int result;

	if (q->path[0] != '\0')
		return find_by_path(r, s, q->path, ret_file);
	result = catalog_file_find(s->catalog, r->who.user_id, q->id, ret_file);
	if (result != 0)
		refuse_catalog(r, result, q->id);
	return result;
}

static bool
check_range(struct nx_request *r, const Nx__OpenReadRequest *q,
    const struct catalog_file *file, uint64_t *ret_end)
{
	if (q->max_segments == 0 || q->max_segments > SEGMENTS_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "max_segments is 1 to %u",
		    SEGMENTS_MAX);
		return false;
	}
	if (q->offset > file->size || q->length > file->size - q->offset) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the range lies beyond the file's %" PRIu64 " bytes",
		    file->size);
		return false;
	}
	*ret_end = q->length ? q->offset + q->length : file->size;
	return true;
}

/* --- the job ----------------------------------------------------------------*/

/* Trusted replicas first; readers spread over the equal ones. */
static void
add_replicas(struct storaged *s, struct segment *seg)
{
	static unsigned turn;
	uint32_t n = seg->chunk.n_replicas;

	turn++;
	for (int suspect = 0; suspect < 2; suspect++)
		for (uint32_t i = 0; i < n; i++) {
			struct volume *v = volume_by_key(
			    s->volumes, seg->chunk.volumes[(i + turn) % n]);

			if (!v || !volume_readable(v) ||
			    v->suspect != (suspect == 1))
				continue;
			volume_ref(v);
			seg->replicas[seg->n_replicas++] = v;
		}
}

static int
fill_segments(struct read_job *job, uint64_t from, uint64_t to, size_t max)
{
	uint64_t at = from;
	struct catalog_chunk *chunks = calloc(max, sizeof(*chunks));
	int n, i;

	if (!chunks)
		return -ENOMEM;
	n = catalog_file_chunks(job->s->catalog, job->file.key,
	    (uint32_t)(from / CHUNK_SIZE), chunks, max);
	for (i = 0; i < n && at < to; i++) {
		struct segment *seg = &job->segments[job->n++];
		uint64_t left = to - at;

		seg->chunk = chunks[i];
		seg->fd = -1;
		seg->offset = (uint32_t)(at % CHUNK_SIZE);
		seg->length = seg->chunk.sums.size - seg->offset;
		if (seg->length > left)
			seg->length = (uint32_t)left;
		at += seg->length;
		add_replicas(job->s, seg);
	}
	free(chunks);
	job->next = at < to ? at : 0;
	if (n < 0)
		return n;
	return job->n == 0 && at < to ? -EBADMSG : 0;
}

/* A descriptor of what replica @i has, checked; or -errno. */
static int
check_replica(struct segment *seg, size_t i)
{
	struct chunk_reader *reader;
	int r = chunk_open(seg->replicas[i]->store, &seg->chunk.id, &reader);

	if (r < 0)
		return r;
	r = chunk_verify(
	    reader, &seg->chunk.sums, seg->offset, seg->length, NULL);
	if (r == 0)
		r = chunk_fd_for_sending(
		    reader, seg->offset, seg->length, &seg->at);
	chunk_close(reader);
	return r;
}

static void
check_segment(struct segment *seg)
{
	for (size_t i = 0; i < seg->n_replicas; i++) {
		seg->fd = check_replica(seg, i);
		if (seg->fd >= 0)
			return;
		seg->bad |= 1U << i;
	}
}

static void
read_work(void *arg)
{
	struct read_job *job = arg;

	for (size_t i = 0; i < job->n; i++) {
		check_segment(&job->segments[i]);
		if (job->segments[i].fd < 0)
			return; /* what comes after it is of no use */
	}
}

/* --- the answer -------------------------------------------------------------*/

static void
report_bad(struct read_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct segment *seg = &job->segments[i];

		for (size_t k = 0; k < seg->n_replicas; k++)
			if (seg->bad & 1U << k)
				healer_report(job->s->healer, seg->chunk.key,
				    seg->replicas[k]->key);
	}
}

static bool
still_there(struct read_job *job)
{
	struct catalog_file file;

	return catalog_file_find(job->s->catalog, 0, job->file.id, &file) == 0;
}

static void
answer(struct read_job *job, size_t n)
{
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	Nx__ReadSegment segments[SEGMENTS_MAX], *list[SEGMENTS_MAX];
	Nx__FileInfo info;
	int fds[SEGMENTS_MAX];

	for (size_t i = 0; i < n; i++) {
		nx__read_segment__init(&segments[i]);
		segments[i].offset = job->segments[i].at;
		segments[i].length = job->segments[i].length;
		list[i] = &segments[i];
		fds[i] = nx_take_fd(&job->segments[i].fd);
	}
	info_file(&job->file, &info);
	reply.file = &info;
	reply.n_segments = n;
	reply.segments = list;
	reply.next = job->next;
	nx_answer(job->request, &reply.base, fds, n);
}

static void
read_done(void *arg)
{
	struct read_job *job = arg;
	size_t good = 0;

	while (good < job->n && job->segments[good].fd >= 0)
		good++;
	if (good == job->n)
		answer(job, good);
	else if (!still_there(job))
		refuse_catalog(job->request, CATALOG_NO_FILE, job->file.id);
	else {
		nx_err("event=unreadable file=%s chunk=%s replicas=%zu",
		    job->file.id, job->segments[good].chunk.id.text,
		    job->segments[good].n_replicas);
		nx_refuse(job->request, NX__STATUS__CORRUPT,
		    "part of the file is damaged or missing on every node "
		    "that held it");
	}
	report_bad(job);
	for (size_t i = 0; i < job->n; i++) {
		struct segment *seg = &job->segments[i];

		nx_close(&seg->fd);
		for (size_t k = 0; k < seg->n_replicas; k++)
			volume_unref(seg->replicas[k]);
	}
	free(job);
}

/*
 * Safe to grant: the file is the caller's by its ticket; the descriptors are
 * open for reading only, of files nobody else can open, and give nothing but
 * that file's chunks.
 */
void
download_open_request(struct nx_request *r, void *ctx)
{
	const Nx__OpenReadRequest *q =
	    (const Nx__OpenReadRequest *)(const void *)r->body;
	struct storaged *s = ctx;
	struct catalog_file file;
	struct read_job *job;
	uint64_t end;
	int e;

	if (find_file(r, s, q, &file) != 0 || !check_range(r, q, &file, &end))
		return;
	job = calloc(
	    1, sizeof(*job) + q->max_segments * sizeof(job->segments[0]));
	if (!job) {
		nx_refuse_errno(r, -ENOMEM, "opening the file");
		return;
	}
	job->s = s;
	job->request = r;
	job->file = file;
	e = fill_segments(job, q->offset, end, q->max_segments);
	if (e == 0)
		e = nx_workers_submit(s->io, read_work, read_done, job);
	if (e < 0) {
		nx_refuse_errno(r, e, "opening the file");
		for (size_t i = 0; i < job->n; i++)
			for (size_t k = 0; k < job->segments[i].n_replicas; k++)
				volume_unref(job->segments[i].replicas[k]);
		free(job);
	}
}
