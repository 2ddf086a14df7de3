/*
 * OPEN, FINISH and ABORT: what callers ask for, decided here, before a byte
 * flows where that is possible. Trusts the ticket about the user and nothing
 * else. Loop's thread only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/upload_internal.h"
#include "proto/serve_storaged.h"

#define PIPE_SIZE        (1 << 20)
#define DEFAULT_REPLICAS 2U
#define SMALLEST         (64ULL << 10)

/* --- what is decided before a byte flows; each refuses and returns false ----*/

static bool
decide_limits(struct nx_request *r, struct uploads *us)
{
	if (upload_take_place(us, r->who.user_id))
		return true;
	nx_refuse(r, NX__STATUS__LIMIT,
	    "too many uploads are under way: wait for one to finish");
	return false;
}

/* What is wrong with a name or a path, as upload_fail takes it. */
struct objection {
	Nx__Status status;
	char text[384];
};

static bool
object(struct objection *o, const char *wrong)
{
	o->status = NX__STATUS__INVALID;
	(void)snprintf(o->text, sizeof(o->text), "%s", wrong);
	return false;
}

static bool
object_catalog(struct objection *o, int result, const char *what)
{
	o->status = catalog_sentence(result, what, o->text, sizeof(o->text));
	return false;
}

/* Is @path, written @text, the folder the file goes into, not its own path? */
static bool
names_folder(
    struct upload *u, const char *text, const struct path *path, int *ret_error)
{
	struct catalog_entry entry;
	int r;

	*ret_error = 0;
	if (text[strlen(text) - 1] == '/')
		return true;
	r = catalog_stat(u->us->s->catalog, u->owner, path, &entry);
	*ret_error = r < 0 ? r : 0; /* outcomes are for who places it */
	return r == 0 && entry.folder;
}

/* Gives @u its place in the tree: @text, or with @into_folder the folder it may
 * name instead. Sets u->credit to the size of what it will replace. */
static bool
place(struct upload *u, const char *text, bool into_folder, bool create_only,
    struct objection *ret_objection)
{
	char longer[PATH_BYTES_MAX + PATH_NAME_MAX + 2];
	const char *wrong;
	int r = 0;

	nx_assert(!u->path);
	u->path = malloc(sizeof(*u->path));
	if (!u->path)
		return object_catalog(ret_objection, -ENOMEM, text);
	wrong = path_parse(text, strlen(text), u->path);
	if (!wrong && into_folder && names_folder(u, text, u->path, &r)) {
		wrong = path_check_name(u->name, strlen(u->name));
		(void)snprintf(longer, sizeof(longer), "%s/%s", text, u->name);
		if (!wrong)
			wrong = path_parse(longer, strlen(longer), u->path);
	}
	if (wrong)
		return object(ret_objection, wrong);
	u->create_only = create_only;
	(void)snprintf(u->name, sizeof(u->name), "%s", path_last(u->path));
	if (r == 0)
		r = catalog_check_target(u->us->s->catalog, u->owner, u->path,
		    create_only, &u->condition, &u->credit);
	if (r == 0)
		upload_claim_credit(u);
	return r == 0 || object_catalog(ret_objection, r, u->path->text);
}

static bool
decide_target(
    struct nx_request *r, const Nx__OpenUploadRequest *q, struct upload *u)
{
	struct objection o;
	const char *wrong = NULL;
	bool good;

	(void)snprintf(u->name, sizeof(u->name), "%s", q->name);
	wrong = condition_read(q->condition, &u->condition);
	if (wrong)
		good = object(&o, wrong);
	else if (q->path[0] != '\0')
		good = place(u, q->path, q->into_folder, q->create_only, &o);
	else {
		wrong = path_check_name(q->name, strlen(q->name));
		good = !wrong || object(&o, wrong);
	}
	if (!good)
		nx_refuse(r, o.status, "%s", o.text);
	return good;
}

static bool
decide_digest(
    struct nx_request *r, const Nx__OpenUploadRequest *q, struct upload *u)
{
	const bool wanted[DIGEST_KINDS] = {
	    [DIGEST_MD5] = q->md5, [DIGEST_SHA256] = q->sha256};

	if ((q->md5 || q->sha256) && digest_new(wanted, &u->digest) < 0) {
		nx_refuse_errno(r, -ENOMEM, "starting an upload");
		return false;
	}
	return true;
}

static bool
decide_replicas(struct nx_request *r, struct storaged *s,
    const Nx__OpenUploadRequest *q, struct upload *u)
{
	unsigned active = volumes_active(s->volumes);

	if (active == 0) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "no active node: create one first");
		return false;
	}
	if (q->replicas > REPLICAS_MAX || q->replicas > active) {
		nx_refuse(r,
		    q->replicas > REPLICAS_MAX ? NX__STATUS__INVALID
					       : NX__STATUS__CONFLICT,
		    "%u replicas need %u active nodes; there are %u, and %u "
		    "replicas at most",
		    q->replicas, q->replicas, active, REPLICAS_MAX);
		return false;
	}
	u->want = q->replicas;
	if (u->want == 0)
		u->want = active < DEFAULT_REPLICAS ? active : DEFAULT_REPLICAS;
	return true;
}

static bool
decide_quota(struct nx_request *r, struct storaged *s, struct upload *u,
    uint64_t *ret_max)
{
	uint64_t left, counts = catalog_charge(u->declared), need = 0;
	int e = quota_left(s, u->owner, &left);

	if (e == 0 && u->credit == 0)
		e = quota_check_entries(s, u->owner);
	if (e != 0) {
		refuse_catalog(r, e, u->name);
		return false;
	}
	/* Without a size it counts at least as much as an empty one. */
	*ret_max = left + u->credit;
	if (counts > *ret_max) {
		nx_refuse(r, NX__STATUS__QUOTA,
		    "your quota leaves %s: delete something first",
		    nx_size_format(*ret_max));
		return false;
	}
	if (u->has_size && counts > u->credit)
		need = counts - u->credit;
	if (quota_promise(s, u->owner, 0, need) < 0) {
		nx_refuse_errno(r, -ENOMEM, "reserving space");
		return false;
	}
	u->promised = need;
	return true;
}

/* The nodes together must have room for it beside what is promised to others.
 * What is promised and written already counts twice: better refused early than
 * failed late. */
static bool
decide_room(struct nx_request *r, struct storaged *s, const struct upload *u)
{
	uint64_t room = volumes_room(s->volumes);
	uint64_t need = u->has_size ? u->declared : SMALLEST;
	const struct upload *o;

	if (!reserve_held(s->reserve)) {
		refuse_catalog(r, -ENOSPC, u->name);
		return false;
	}
	TAILQ_FOREACH(o, &s->uploads->list, entry) {
		uint64_t rest = 0;

		if (o != u && o->has_size && o->declared > o->received)
			rest = (o->declared - o->received) * o->want;
		room = room > rest ? room - rest : 0;
	}
	if (need > UINT64_MAX / REPLICAS_MAX)
		need = UINT64_MAX / REPLICAS_MAX;
	if (need * u->want <= room)
		return true;
	nx_refuse(r, NX__STATUS__FULL,
	    "the active nodes have room for %s more with %u replicas: delete "
	    "something or create a node",
	    nx_size_format(room / u->want), u->want);
	return false;
}

/* --- the pipe ---------------------------------------------------------------*/

static int
make_pipe(int ret_ends[2])
{
	if (pipe2(ret_ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* Beyond the user's share of pipe memory the kernel says EPERM; a
	 * smaller pipe only wakes us more often. */
	for (int size = PIPE_SIZE; size > 65536; size /= 4)
		if (fcntl(ret_ends[1], F_SETPIPE_SZ, size) >= 0)
			break;
	return 0;
}

static bool
open_pipe(struct nx_request *r, struct upload *u, int *ret_write)
{
	int ends[2], e = make_pipe(ends);

	if (e == 0) {
		e = upload_start(u, ends[0]);
		if (e < 0)
			nx_close(&ends[1]);
	}
	if (e < 0) {
		nx_refuse_errno(r, e, "making a pipe");
		return false;
	}
	*ret_write = ends[1];
	return true;
}

/*
 * Safe to grant: what comes out is a pipe and nothing else; what goes in is
 * bounded by the quota of the user the ticket names and by the room there is.
 * The caller never sees where the bytes go.
 */
void
serve_file_open_upload(
    struct nx_request *r, const Nx__OpenUploadRequest *q, struct storaged *s)
{
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	struct upload *u;
	int write_end;

	if (!decide_limits(r, s->uploads))
		return;
	u = upload_new(s->uploads);
	if (!u) {
		nx_refuse_errno(r, -ENOMEM, "starting an upload");
		return;
	}
	u->peer = r->peer;
	u->owner = r->who.user_id;
	u->has_size = q->has_size;
	u->declared = q->has_size ? q->size : 0;
	if (!decide_target(r, q, u) || !decide_digest(r, q, u) ||
	    !decide_replicas(r, s, q, u) ||
	    !decide_quota(r, s, u, &reply.max_size) ||
	    refuse_waiting(r, s, u->owner) || !decide_room(r, s, u) ||
	    !open_pipe(r, u, &write_end)) {
		upload_free(u);
		return;
	}
	reply.upload = u->id;
	nx_answer_file_open_upload(r, &reply, &write_end, 1);
}

/* --- the end ----------------------------------------------------------------*/

/* Only who opened it, for whom it was opened. */
static struct upload *
find(struct uploads *us, const struct nx_request *r, uint64_t id)
{
	struct upload *u;

	TAILQ_FOREACH(u, &us->list, entry)
		if (u->id == id && u->peer == r->peer &&
		    u->owner == r->who.user_id)
			return u;
	return NULL;
}

/* What FINISH adds. False: the upload has failed, the answer is on its way. */
static bool
take_finish(struct upload *u, const Nx__FinishUploadRequest *q)
{
	struct objection o = {.status = NX__STATUS__OK};
	const char *wrong;

	nx_assert(u->state == UPLOAD_OPEN && q->digest.len <= DIGEST_MAX);
	if (q->digest.len > 0 && !u->digest)
		object(&o, "no checksum was announced when this was opened");
	else if (q->path[0] != '\0' && u->path)
		object(&o, "this upload has its path already");
	else if (q->path[0] != '\0') {
		wrong = condition_read(q->condition, &u->condition);
		if (wrong)
			object(&o, wrong);
		else
			place(u, q->path, q->into_folder, q->create_only, &o);
	}
	if (o.status != NX__STATUS__OK) {
		upload_fail(u, o.status, "%s", o.text);
		return false;
	}
	if (q->digest.len > 0)
		memcpy(u->expected, q->digest.data, q->digest.len);
	u->n_expected = q->digest.len;
	return true;
}

void
serve_file_finish_upload(
    struct nx_request *r, const Nx__FinishUploadRequest *q, struct storaged *s)
{
	struct upload *u = find(s->uploads, r, q->upload);

	if (!u && !uploads_gave(s->uploads, q->upload)) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "the storage service was restarted: send the file again");
		return;
	}
	if (!u) {
		nx_refuse(r, NX__STATUS__NOT_FOUND,
		    "this upload is not under way any more: send the file "
		    "again");
		return;
	}
	if (u->finish || u->state == UPLOAD_COMMITTING) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "this upload is being finished already");
		return;
	}
	u->finish = r;
	u->finish_size = q->size;
	if (u->state != UPLOAD_OPEN || take_finish(u, q))
		upload_step(u);
}

void
serve_file_abort_upload(
    struct nx_request *r, const Nx__AbortUploadRequest *q, struct storaged *s)
{
	struct upload *u = find(s->uploads, r, q->upload);

	if (u && u->state == UPLOAD_COMMITTING) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "this upload is being finished already");
		return;
	}
	if (u) {
		u->dead = true;
		upload_fail(u, NX__STATUS__CONFLICT, "it was aborted");
	}
	nx_answer_file_abort_upload(r);
}
