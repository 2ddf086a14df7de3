/*
 * See put.h. What is small enough for a segment is added to those of its volumes
 * together with what others add, by a thread that makes the sums of very little
 * too.
 *
 *	waiting ---- its turn ----> decided ----> stored ----> committed
 *	   |                           |             |             |
 *	   v                           v             v             v
 *	refused                     refused       refused       answered
 *
 * The content stays where the request has it until the answer: in the message,
 * or in the memfd, which nobody can change any more. What is refused after it
 * was stored is removed again in the background.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/status.h"
#include "proto/serve_storaged.h"
#include "storaged/uploads/put.h"
#include "storaged/uploads/replicas.h"
#include "storaged/turns.h"
#include "storaged/uploads/upload_internal.h"

/* So many are being stored or committed; the others wait, which costs them
 * nothing: one commit takes all that came meanwhile. */
#define RUNNING_MAX 256U
#define HELD_MAX    (32U << 20) /* bytes of all that wait or run */
#define HELD_MIN    4096U       /* what a small one holds */
#define SUM_BESIDE  8192U       /* bytes that are no job of their own to sum */

struct put {
	struct turn turn;
	TAILQ_ENTRY(put) entry;
	struct puts *puts;
	struct nx_request *request;
	const Nx__PutRequest *asked;
	uint64_t began; /* unix seconds */
	struct intent in;
	/* being stored */
	struct chunk_put *chunk; /* NULL: there is no content */
	const uint8_t *data;
	uint8_t *buf; /* of what came in a memfd */
	int error;
	struct replicas replicas;
	struct catalog_chunk stored;
	struct catalog_commit commit;
};

struct puts {
	struct storaged *s;
	struct turns turns;
	TAILQ_HEAD(, put) running;
	unsigned n_running;
	bool stopped, starting;
};

static void start_next(struct puts *ps);

/* --- the end ----------------------------------------------------------------*/

static void
put_free(struct put *p)
{
	turns_end(&p->puts->turns, &p->turn);
	free(p->buf);
	free(p);
}

/* Its place is the next one's. @keep: what was stored is a file now. */
static void
put_end(struct put *p, bool keep)
{
	struct puts *ps = p->puts;

	if (p->chunk && keep) {
		volumes_put_done(ps->s->volumes, p->chunk);
		chunk_put_free(p->chunk);
	} else if (p->chunk)
		upload_discard(ps->s, p->chunk, NULL, 0);
	intent_fini(&p->in);
	TAILQ_REMOVE(&ps->running, p, entry);
	nx_assert(ps->n_running > 0);
	ps->n_running--;
	put_free(p);
	start_next(ps);
}

static void
committed(int result, void *arg)
{
	struct put *p = arg;
	char text[384];
	Nx__Status status;

	if (result == 0) {
		intent_answer(&p->in, &p->commit, p->request);
		put_end(p, true);
		return;
	}
	status = intent_sentence(&p->in, result, text, sizeof(text));
	nx_refuse(p->request, status, "%s", text);
	put_end(p, false);
}

static void
fail(struct put *p, int error)
{
	char text[384];
	Nx__Status status =
	    intent_store_sentence(&p->in, error, text, sizeof(text));

	if (status == NX__STATUS__LIMIT)
		p->request->retry_s = INTENT_ROOM_S;
	nx_refuse(p->request, status, "%s", text);
	put_end(p, false);
}

/* --- storing ----------------------------------------------------------------*/

static void
commit(struct put *p)
{
	uint32_t n = p->chunk ? 1 : 0;
	int r;

	if (!intent_is_expected(&p->in)) {
		nx_refuse(p->request, NX__STATUS__INVALID, INTENT_UNEXPECTED);
		put_end(p, false);
		return;
	}
	p->commit.done = committed;
	p->commit.arg = p;
	r = intent_commit(&p->in, p->asked->size, &p->stored, n, &p->commit);
	if (r == -ENOSPC)
		committed(r, p);
	else if (r < 0)
		fail(p, r);
}

static struct put *
put_of(struct replicas *rs)
{
	return (
	    struct put *)(void *)((char *)rs - offsetof(struct put, replicas));
}

static void
on_stored(struct replicas *rs)
{
	struct put *p = put_of(rs);

	replicas_list(p->chunk, &p->stored);
	if (rs->result < 0)
		fail(p, rs->result);
	else if (p->stored.n_replicas == 0) {
		nx_refuse(
		    p->request, NX__STATUS__UNAVAILABLE, INTENT_NO_VOLUME);
		put_end(p, false);
	} else
		commit(p);
}

/* What is in a memfd comes into memory. 0 or -errno. */
static int
take_content(struct put *p)
{
	size_t size = (size_t)p->asked->size;

	if (p->request->n_fds == 0)
		return 0;
	p->buf = malloc(size);
	if (!p->buf)
		return -ENOMEM;
	p->data = p->buf;
	return pread(p->request->fds[0], p->buf, size, 0) == (ssize_t)size
	    ? 0
	    : -EIO;
}

static void
seal(struct put *p)
{
	size_t size = (size_t)p->asked->size;

	if (p->in.digest)
		digest_add(p->in.digest, p->data, size);
	chunk_put_count(p->chunk, p->data, size);
	chunk_put_hash(p->chunk, p->data, size);
	chunk_put_seal(p->chunk);
}

static void
seal_aside(struct replicas *rs)
{
	seal(put_of(rs));
}

static void
sum_work(void *arg)
{
	struct put *p = arg;

	p->error = take_content(p);
	if (p->error == 0)
		seal(p);
}

static void
append(struct put *p, void (*sum)(struct replicas *rs))
{
	replicas_append(&p->replicas, p->puts->s->io, p->chunk, p->data,
	    (size_t)p->asked->size, sum, on_stored);
}

static void
sum_done(void *arg)
{
	struct put *p = arg;

	if (p->error < 0)
		fail(p, p->error);
	else
		append(p, NULL);
}

/* A thread's help costs more than the sums of very little: who writes that makes
 * them beside. Of more they would hold up what others write. */
static int
sum(struct put *p)
{
	p->data = p->asked->content.data;
	if (p->asked->size > SUM_BESIDE || p->request->n_fds > 0)
		return nx_workers_submit(p->puts->s->io, sum_work, sum_done, p);
	append(p, seal_aside);
	return 0;
}

static void
store(struct put *p)
{
	struct storaged *s = p->puts->s;
	int r;

	if (p->asked->size == 0) {
		if (p->in.digest)
			digest_add(p->in.digest, "", 0);
		commit(p);
		return;
	}
	r = chunk_put_new(p->in.want, &p->chunk);
	if (r == 0 &&
	    volumes_place(s->volumes, p->chunk, p->asked->size, true) == 0)
		r = -ENOSPC;
	if (r == 0)
		r = sum(p);
	if (r < 0)
		fail(p, r);
}

/* --- its turn ---------------------------------------------------------------*/

static void
expect(struct intent *in, const Nx__PutRequest *q)
{
	if (q->md5.len > 0)
		memcpy(in->expected, q->md5.data, q->md5.len);
	if (q->sha256.len > 0)
		memcpy(
		    in->expected + q->md5.len, q->sha256.data, q->sha256.len);
	in->n_expected = q->md5.len + q->sha256.len;
}

static void
start(struct put *p)
{
	const Nx__PutRequest *q = p->asked;
	const struct wish wish = {.name = q->name,
	    .path = q->path,
	    .into_folder = q->into_folder,
	    .create_only = q->create_only,
	    .condition = q->condition,
	    .about = q->about,
	    .replicas = q->replicas,
	    .erasure = q->erasure,
	    .md5 = q->md5.len > 0,
	    .sha256 = q->sha256.len > 0,
	    .want_sha256 = q->want_sha256};
	struct puts *ps = p->puts;
	uint64_t max;

	p->began = nx_wall_us() / 1000000;
	TAILQ_INSERT_TAIL(&ps->running, p, entry);
	ps->n_running++;
	intent_init(&p->in, ps->s, p->request->who.user_id);
	p->in.has_size = true;
	p->in.declared = q->size;
	expect(&p->in, q);
	if (intent_decide(&p->in, p->request, &wish,
		uploads_room_taken(ps->s->uploads), &max))
		store(p);
	else
		put_end(p, false);
}

/* Whoever ends while another is being started leaves the rest to that one. */
static void
start_next(struct puts *ps)
{
	struct turn *t;

	if (ps->starting)
		return;
	ps->starting = true;
	while (ps->n_running < RUNNING_MAX && (t = turns_next(&ps->turns)))
		start((struct put *)(void *)t);
	ps->starting = false;
}

/* --- from outside -----------------------------------------------------------*/

static const char *
wrong_content(const Nx__PutRequest *q, const struct nx_request *r)
{
	size_t size = q->content.len;

	if (r->n_fds > 0 && size > 0)
		return "the content is in the message or in a memfd, not in "
		       "both";
	if (r->n_fds > 0 && nx_memfd_check(r->fds[0], PUT_MAX, &size) < 0)
		return "the content is in a sealed memfd of at most 262144 "
		       "bytes; larger files go through FileOpenUpload";
	if (size != q->size)
		return "the content has another size than was said";
	if (q->md5.len != 0 && q->md5.len != MD5_LEN)
		return "an MD5 has 16 bytes";
	if (q->sha256.len != 0 && q->sha256.len != DIGEST_MAX - MD5_LEN)
		return "a SHA-256 has 32 bytes";
	return NULL;
}

static void
put_new(struct nx_request *r, const Nx__PutRequest *q, struct puts *ps)
{
	struct put *p = calloc(1, sizeof(*p));

	if (!p) {
		nx_refuse_errno(r, -ENOMEM, "starting an upload");
		return;
	}
	p->puts = ps;
	p->request = r;
	p->asked = q;
	if (!turns_wait(&ps->turns, &p->turn, r->who.user_id,
		sizeof(*p) + HELD_MIN + (size_t)q->size)) {
		free(p);
		nx_refuse(r, NX__STATUS__LIMIT,
		    "so many small uploads of yours wait that there is no "
		    "memory for more: wait for some to finish");
		return;
	}
	start_next(ps);
}

/*
 * Safe to grant: nothing comes out but what FINISH says; what goes in is bounded
 * by the quota of the user the ticket names, by the room there is, and while it
 * waits by that user's share of memory. A memfd is only read, and only when it
 * is sealed.
 */
void
serve_file_put(
    struct nx_request *r, const Nx__PutRequest *q, struct storaged *s)
{
	struct puts *ps = s->uploads->puts;
	const char *wrong = wrong_content(q, r);

	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	else if (ps->stopped)
		nx_refuse(r, NX__STATUS__UNAVAILABLE, INTENT_STOPPING);
	else
		put_new(r, q, ps);
}

struct puts *
puts_new(struct storaged *s)
{
	struct puts *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->s = s;
	turns_init(&ps->turns, HELD_MAX);
	TAILQ_INIT(&ps->running);
	return ps;
}

void
puts_stop(struct puts *ps)
{
	struct turn *t;

	ps->stopped = true;
	while ((t = turns_next(&ps->turns))) {
		struct put *p = (struct put *)(void *)t;

		nx_refuse(p->request, NX__STATUS__UNAVAILABLE, INTENT_STOPPING);
		put_free(p);
	}
}

struct puts *
puts_free(struct puts *ps)
{
	if (ps)
		nx_assert(ps->turns.count == 0);
	free(ps);
	return NULL;
}

size_t
puts_count(const struct puts *ps)
{
	return ps->turns.count;
}

uint64_t
puts_oldest(const struct puts *ps)
{
	const struct put *p = TAILQ_FIRST(&ps->running);

	return p ? p->began : UINT64_MAX;
}
