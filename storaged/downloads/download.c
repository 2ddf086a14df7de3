/*
 * OPEN_READ: finds the file, has a worker thread check what is asked for, and
 * answers with descriptors. What readers find out about replicas goes to the
 * healer, about chunks to the catalogue, here, in the loop's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/downloads/downloads.h"
#include "storaged/downloads/parts.h"
#include "storaged/downloads/pieces.h"
#include "storaged/downloads/session.h"
#include "storaged/downloads/source.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"

#define IN_REPLY_MAX (48U << 10)
#define TRIES_MAX    4U
#define BUSY_S       2U

/* One window: the parts of consecutive chunks, and what they gave. */
struct read_job {
	struct storaged *s;
	struct nx_request *request;
	const Nx__OpenReadRequest *asked;
	unsigned tries; /* before this one */
	struct session
	    *session; /* held; NULL: this window is all, or no room */
	struct catalog_file file;
	uint64_t from, to; /* of the file */
	uint8_t *content;  /* short: the bytes themselves; else NULL */
	bool first;        /* question about it: more is told */
	bool stripes;      /* replicas alone did not do */
	struct pieces pieces;
	struct read read;
	size_t n;
	struct part parts[];
};

/* --- what is asked for ------------------------------------------------------*/

static bool
check_range(struct nx_request *r, const Nx__OpenReadRequest *q,
    const struct catalog_file *file, uint64_t *ret_end)
{
	if (q->max_segments == 0 || q->max_segments > PIECES_MAX) {
		nx_refuse(r, NX__STATUS__INVALID, "max_segments is 1 to %u",
		    PIECES_MAX);
		return false;
	}
	if (q->in_reply > IN_REPLY_MAX) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "at most %u bytes come in a reply", IN_REPLY_MAX);
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

static int
fill_parts(struct read_job *job)
{
	uint64_t at = job->from;
	int r = parts_fill(job->s, &job->file, job->pieces.max, job->stripes,
	    job->to, &at, job->parts, &job->n);

	if (r < 0)
		return r;
	/* More chunks than were looked at: then as the long are. */
	if (job->content && at < job->to) {
		free(job->content);
		job->content = NULL;
	}
	return job->n == 0 && at < job->to ? -EBADMSG : 0;
}

static struct read_job *
job_new(struct nx_request *r, struct storaged *s,
    const struct catalog_file *file, size_t max)
{
	size_t bytes = sizeof(struct read_job) + max * sizeof(struct part);
	struct read_job *job = calloc(1, bytes);

	if (!job)
		return NULL;
	job->read.bytes = bytes;
	job->s = s;
	job->request = r;
	job->file = *file;
	job->pieces.max = max;
	job->pieces.owner = r->who.user_id;
	return job;
}

static void
job_free(struct read_job *job)
{
	pieces_close(&job->pieces);
	free(job->content);
	if (job->session)
		session_release(job->session);
	parts_release(job->parts, job->n);
	free(job);
}

static void
read_work(void *arg)
{
	struct read_job *job = arg;

	uint8_t *to = job->content;

	for (size_t i = 0; i < job->n; i++) {
		struct part *part = &job->parts[i];

		if (to) {
			pieces_read(part, to);
			to += part->length;
		} else
			pieces_add(&job->pieces, part);
		if (part->done < part->length)
			return; /* what comes after it is of no use */
	}
}

/* --- the answer -------------------------------------------------------------*/

static void
report(struct read_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		const struct part *part = &job->parts[i];

		if (part->bad == 0 || part_has_moved(job->s, part))
			continue;
		for (size_t k = 0; k < part->n_replicas; k++)
			if (part->bad & 1U << k)
				healer_report(job->s->healer, part->chunk.key,
				    part->replicas[k]->key);
	}
}

static const enum catalog_damage found[] = {
    [PART_DAMAGED] = CATALOG_DAMAGED,
    [PART_MISSING] = CATALOG_MISSING,
};

/* For those who list the file: what was found out about its chunks. */
static void
remember(struct read_job *job)
{
	bool known = job->file.damaged + job->file.missing > 0;

	for (size_t i = 0; i < job->n; i++) {
		const struct part *part = &job->parts[i];

		if (part->fault == PART_DAMAGED || part->fault == PART_MISSING)
			catalog_found(job->s->catalog, part->chunk.key,
			    found[part->fault]);
		else if (known && part->done == part->chunk.sums.size)
			catalog_found(
			    job->s->catalog, part->chunk.key, CATALOG_WHOLE);
	}
}

static bool
still_there(struct read_job *job)
{
	struct catalog_file file;

	return catalog_file_get(job->s->catalog, job->file.key, &file) == 0 &&
	    catalog_file_there(job->s->catalog, &file) > 0;
}

/* This window was to be all, and is not: what comes later must still be there
 * then. */
static void
go_on(struct read_job *job)
{
	struct session *se = NULL;

	if (still_there(job))
		se = session_begin(job->s->downloads, job->request->peer,
		    job->pieces.owner, &job->file);
	if (se)
		session_hold(job->session = se);
}

/* What is told of a file, for as long as the message is. */
struct told {
	struct about_items items;
	char sha256[SHA256_TEXT];
	Nx__About about;
};

/* What cannot be read of it spares nobody the content. */
static void
tell(struct read_job *job, struct told *told, Nx__FileInfo *ret_info)
{
	struct catalog *c = job->s->catalog;

	info_file(&job->file, ret_info, &told->about);
	if (!job->first)
		return;
	(void)about_add_items(c, job->file.key, &told->items, &told->about);
	(void)info_sha256(c, job->file.key, told->sha256);
	ret_info->sha256 = told->sha256;
}

static void
answer_content(struct read_job *job)
{
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	struct told told;
	Nx__FileInfo info;

	tell(job, &told, &info);
	reply.file = &info;
	reply.whole = true;
	reply.content.data = job->content;
	reply.content.len = job->to - job->from;
	nx_answer_file_open_read(job->request, &reply, NULL, 0);
}

static void
answer(struct read_job *job)
{
	Nx__OpenReadReply reply = NX__OPEN_READ_REPLY__INIT;
	Nx__ReadSegment segments[PIECES_MAX], *list[PIECES_MAX];
	struct pieces *p = &job->pieces;
	uint64_t at = job->from;
	struct told told;
	Nx__FileInfo info;
	int fds[PIECES_MAX];

	for (size_t i = 0; i < p->n; i++) {
		nx__read_segment__init(&segments[i]);
		segments[i].offset = p->list[i].at;
		segments[i].length = p->list[i].length;
		list[i] = &segments[i];
		fds[i] = nx_take_fd(&p->list[i].fd);
		at += p->list[i].length;
	}
	nx_assert(at <= job->to);
	tell(job, &told, &info);
	reply.file = &info;
	reply.n_segments = p->n;
	reply.segments = list;
	reply.next = at < job->to ? at : 0;
	if (!job->session && reply.next != 0)
		go_on(job);
	if (job->session && reply.next != 0)
		reply.session = job->session->id;
	else if (job->session)
		session_end(job->session); /* descriptors need no file */
	nx_answer_file_open_read(job->request, &reply, fds, p->n);
	downloads_sent(job->s->downloads);
}

/* Once, not each time that somebody tries: then the catalogue knows it. */
static void
say_unreadable(const struct read_job *job, const struct part *part)
{
	static struct nx_log_rate rate;

	if (catalog_damage(job->s->catalog, part->chunk.key) !=
		found[part->fault] &&
	    nx_log_may(&rate, "unreadable"))
		nx_err(
		    "event=unreadable file=%s chunk=%s replicas=%zu fault=%s",
		    job->file.id, part->chunk.id.text, part->n_replicas,
		    part->fault == PART_MISSING ? "missing" : "damaged");
}

static void
refuse(struct read_job *job, const struct part *part)
{
	if (!job->session && !still_there(job)) {
		refuse_catalog(job->request, CATALOG_NO_FILE, job->file.id);
		return;
	}
	if (part->fault == PART_OURS) {
		nx_refuse_errno(job->request, part->error, "opening the file");
		return;
	}
	say_unreadable(job, part);
	nx_refuse(job->request, NX__STATUS__CORRUPT,
	    "part of the file is damaged or missing on every node that held "
	    "it");
}

static void open_read(struct nx_request *r, const Nx__OpenReadRequest *q,
    struct storaged *s, unsigned tries, bool stripes);

/* Between its row and its reading a chunk may have been moved elsewhere, or the
 * file replaced: then what was found, or not, says nothing. Nor does it while
 * there are other parts to make it of. False: it stands. */
static bool
read_again(struct read_job *job, const struct part *part)
{
	const Nx__OpenReadRequest *q = job->asked;
	struct nx_request *r = job->request;
	struct storaged *s = job->s;
	unsigned tries = job->tries + 1;

	bool stripes = part->chunk.code != 0;

	if (part->fault == PART_OURS || tries == TRIES_MAX || !r->peer ||
	    ((!stripes || job->stripes) && !part_has_moved(s, part)))
		return false;
	if (job->session && q->session == 0)
		session_end(job->session); /* it was begun for this one */
	job_free(job);
	open_read(r, q, s, tries, stripes);
	return true;
}

/* Nothing was read: a session that was begun for it nobody has been told of. */
static void
end_unread(struct read_job *job)
{
	if (job->session && job->asked->session == 0)
		session_end(job->session);
	job_free(job);
}

static void
read_done(int error, void *arg)
{
	struct read_job *job = arg;
	const struct part *faulty = NULL;

	if (error < 0) {
		nx_refuse_errno(job->request, error, "opening the file");
		end_unread(job);
		return;
	}
	for (size_t i = 0; i < job->n && !faulty; i++)
		if (job->parts[i].fault != PART_FINE)
			faulty = &job->parts[i];
	if (faulty && read_again(job, faulty))
		return;
	if (faulty) {
		refuse(job, faulty);
		if (job->session)
			session_end(job->session);
	} else if (job->content)
		answer_content(job);
	else
		answer(job);
	report(job);
	remember(job);
	job_free(job);
}

static struct session *
find_session(struct nx_request *r, struct storaged *s, uint64_t id)
{
	return id == 0
	    ? NULL
	    : session_find(s->downloads, r->peer, r->who.user_id, id);
}

/* Does a window of @max chunks hold all that is asked for? Pieces have chunks of
 * any size. */
static bool
fits(const struct catalog_file *file, uint64_t from, uint64_t to, uint32_t max)
{
	uint32_t size = catalog_part_size(file->code);
	uint64_t first = from / size;

	return file->parts == 0 &&
	    (to <= from || (to - 1) / size - first + 1 <= max);
}

/* What needs no waiting needs no thread. */
static bool
read_now(struct read_job *job)
{
	uint8_t *to = job->content;

	for (size_t i = 0; to && i < job->n; i++) {
		if (!pieces_read_now(&job->parts[i], to))
			return false;
		to += job->parts[i].length;
	}
	return to != NULL;
}

static void
start(struct read_job *job)
{
	struct reads *reads = downloads_reads(job->s->downloads);
	int e = fill_parts(job);

	if (e < 0 || read_now(job)) {
		read_done(e, job);
		return;
	}
	job->read.request = job->request;
	job->read.work = read_work;
	job->read.done = read_done;
	job->read.arg = job;
	if (reads_add(reads, &job->read))
		return;
	job->request->retry_s = BUSY_S;
	nx_refuse(job->request, NX__STATUS__LIMIT,
	    "too much is being read for you: try again in %u seconds", BUSY_S);
	end_unread(job);
}

/* What is short is answered as it is, from two chunks at most. False: refused. */
static bool
take_short(struct read_job *job, const Nx__OpenReadRequest *q)
{
	uint64_t length = job->to - job->from;

	if (length + job->file.extra > q->in_reply || q->session != 0 ||
	    !fits(&job->file, job->from, job->to, q->max_segments))
		return true;
	job->content = malloc(length + 1);
	if (!job->content)
		nx_refuse_errno(job->request, -ENOMEM, "reading the file");
	return job->content != NULL;
}

static void
open_read(struct nx_request *r, const Nx__OpenReadRequest *q,
    struct storaged *s, unsigned tries, bool stripes)
{
	Nx__OpenReadReply closed = NX__OPEN_READ_REPLY__INIT;
	struct session *se = find_session(r, s, q->session);
	struct catalog_file file;
	struct read_job *job;
	uint64_t end;

	if (q->close) {
		if (se)
			session_end(se);
		nx_answer_file_open_read(r, &closed, NULL, 0);
		return;
	}
	if (source_find(r, s, q, se, &file) != 0 ||
	    !check_range(r, q, &file, &end))
		return;
	job = job_new(r, s, &file, q->max_segments);
	if (!job) {
		nx_refuse_errno(r, -ENOMEM, "opening the file");
		return;
	}
	job->asked = q;
	job->tries = tries;
	job->stripes = stripes;
	job->from = q->offset;
	job->to = end;
	if (!take_short(job, q)) {
		job_free(job);
		return;
	}
	job->first = q->session == 0;
	/* More than one window: what comes later must still be there then. */
	if (!se && !fits(&file, q->offset, end, q->max_segments))
		se =
		    session_begin(s->downloads, r->peer, r->who.user_id, &file);
	if (se)
		session_hold(job->session = se);
	start(job);
}

/*
 * Safe to grant: the file is the caller's by its ticket; the descriptors are
 * open for reading only, of files nobody else can open, and give nothing but
 * that file's chunks. A session is continued by its own peer for its own user
 * only.
 */
void
serve_file_open_read(
    struct nx_request *r, const Nx__OpenReadRequest *q, struct storaged *s)
{
	open_read(r, q, s, 0, false);
}
