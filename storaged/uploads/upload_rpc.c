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

#define PIPE_SIZE (1 << 20)

/* --- what is decided before a byte flows ------------------------------------*/

static bool
decide_limits(struct nx_request *r, struct uploads *us)
{
	if (upload_take_place(us, r->who.user_id))
		return true;
	nx_refuse(r, NX__STATUS__LIMIT,
	    "too many uploads are under way: wait for one to finish");
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

/* Consumes wish->target. */
static void
open_upload(struct nx_request *r, struct storaged *s, uint64_t owner,
    const uint64_t *size, const struct wish *wish)
{
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	struct upload *u = NULL;
	int write_end;

	if (decide_limits(r, s->uploads)) {
		u = upload_new(s->uploads, owner);
		if (!u)
			nx_refuse_errno(r, -ENOMEM, "starting an upload");
	}
	if (!u) {
		free(wish->target);
		return;
	}
	u->peer = r->peer;
	u->in.has_size = size != NULL;
	u->in.declared = size ? *size : 0;
	if (!intent_decide(&u->in, r, wish, uploads_room_taken(s->uploads),
		&reply.max_size) ||
	    !open_pipe(r, u, &write_end)) {
		upload_free(u);
		return;
	}
	reply.upload = u->id;
	nx_answer(r, &reply.base, &write_end, 1);
}

/* Safe to grant: as serve_file_open_upload; the owner is who has what the target
 * names, and whoever asks acts for them. */
void
uploads_open(
    struct nx_request *r, struct storaged *s, const struct upload_ask *ask)
{
	const struct wish wish = {.name = "",
	    .path = "",
	    .condition = ask->condition,
	    .replicas = ask->replicas,
	    .erasure = ask->erasure,
	    .md5 = ask->md5,
	    .sha256 = ask->sha256,
	    .want_sha256 = ask->want_sha256,
	    .target = ask->target};

	open_upload(r, s, ask->owner, ask->has_size ? &ask->size : NULL, &wish);
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
	const struct wish wish = {.name = q->name,
	    .path = q->path,
	    .into_folder = q->into_folder,
	    .create_only = q->create_only,
	    .condition = q->condition,
	    .about = q->about,
	    .replicas = q->replicas,
	    .erasure = q->erasure,
	    .md5 = q->md5,
	    .sha256 = q->sha256,
	    .want_sha256 = q->want_sha256};

	open_upload(r, s, r->who.user_id, q->has_size ? &q->size : NULL, &wish);
}

/* --- the end ----------------------------------------------------------------*/

/* Only who opened it, for whom it was opened; who may only add has to do with
 * what was opened so. */
static struct upload *
find(struct uploads *us, const struct nx_request *r, uint64_t id)
{
	struct upload *u;

	TAILQ_FOREACH(u, &us->list, entry)
		if (u->id == id && u->peer == r->peer &&
		    u->in.owner == r->who.user_id &&
		    (u->in.adds_only || !nx_principal_adds_only(&r->who)))
			return u;
	return NULL;
}

/* What FINISH adds. False: the upload has failed, the answer is on its way. */
static bool
take_finish(struct upload *u, const Nx__FinishUploadRequest *q)
{
	struct objection o = {.status = NX__STATUS__OK};
	const struct wish wish = {.path = q->path,
	    .into_folder = q->into_folder,
	    .create_only = q->create_only,
	    .condition = q->condition};

	nx_assert(u->state == UPLOAD_OPEN && q->digest.len <= DIGEST_MAX);
	if (q->digest.len > 0 && !u->in.announced[DIGEST_MD5] &&
	    !u->in.announced[DIGEST_SHA256])
		object(&o, "no checksum was announced when this was opened");
	else if (q->path[0] != '\0' && (u->in.path || u->in.target))
		object(&o, "this upload has its path already");
	else if (q->path[0] != '\0')
		(void)intent_place(&u->in, &wish, &o);
	if (o.status != NX__STATUS__OK) {
		upload_fail(u, o.status, "%s", o.text);
		return false;
	}
	if (q->digest.len > 0)
		memcpy(u->in.expected, q->digest.data, q->digest.len);
	u->in.n_expected = q->digest.len;
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
