/*
 * A resumable upload becomes a file. Its etag is made of the sums of its pieces,
 * of which there may be very many: they are read a few at a time, and the loop
 * goes around between. Loop's thread only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

#define STEP 256U

struct finish {
	struct storaged *s;
	struct nx_request *request;
	struct catalog_upload upload;
	struct path path;
	struct digest *digest; /* over the MD5 of each piece */
	struct etag only;      /* of the one piece, if there is one */
	struct digest_values sums;
	uint32_t after;
	struct catalog_assembly assembly;
	struct catalog_commit commit;
};

static void
finish_free(struct finish *f)
{
	f->digest = digest_free(f->digest);
	free(f);
}

static void
refuse(struct finish *f, int result)
{
	if (f->upload.path[0])
		refuse_path(
		    f->request, f->s, f->upload.owner, result, &f->path);
	else
		refuse_catalog(f->request, result, f->upload.name);
	finish_free(f);
}

static void
answer(struct nx_request *r, struct storaged *s,
    const struct catalog_file *file, const char *path)
{
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	char sha256[SHA256_TEXT];
	Nx__FileInfo info;
	int e = info_sha256(s->catalog, file->key, sha256);

	if (e < 0) {
		nx_refuse_errno(r, e, "reading about the file");
		return;
	}
	info_file(file, &info, NULL);
	info.sha256 = sha256;
	reply.file = &info;
	reply.path = info_text(path);
	reply.offset = file->size;
	nx_answer_resumable_finish(r, &reply);
}

static void
committed(int result, void *arg)
{
	struct finish *f = arg;

	if (result != 0) {
		refuse(f, result);
		return;
	}
	nx_info("event=file-stored file=%s owner=%" PRIu64 " size=%" PRIu64
		" pieces=%u",
	    f->commit.file.id, f->upload.owner, f->commit.file.size,
	    f->upload.parts);
	answer(f->request, f->s, &f->commit.file, f->upload.path);
	if (f->commit.freed)
		collector_kick(f->s->collector);
	finish_free(f);
}

static void
commit(struct finish *f)
{
	struct catalog_commit *op = &f->commit;
	const struct catalog_upload *u = &f->upload;
	struct digest_values values;

	digest_end(f->digest, &values);
	if (u->parts == 1)
		op->file.etag = f->only;
	else
		checksum_etag_of(
		    values.value[DIGEST_MD5], u->parts, &op->file.etag);
	f->assembly = (struct catalog_assembly){.upload = u->file,
	    .changes = u->changes,
	    .parts = u->parts,
	    .size = u->size,
	    .chunks = u->chunks};
	op->digests = &f->sums;
	op->assembly = &f->assembly;
	op->file.owner = u->owner;
	(void)snprintf(op->file.name, sizeof(op->file.name), "%s", u->name);
	if (u->path[0] != '\0')
		op->path = &f->path;
	op->done = committed;
	op->arg = f;
	if (reserve_held(f->s->reserve))
		catalog_commit(f->s->catalog, op);
	else
		refuse(f, -ENOSPC);
}

/* --- the etag ---------------------------------------------------------------*/

static int
value_of(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A piece is one chunk: its etag is an MD5 in hex. */
static void
add_piece(struct finish *f, const struct catalog_part *p)
{
	uint8_t md5[MD5_LEN];

	for (size_t i = 0; i < MD5_LEN; i++)
		md5[i] = (uint8_t)(value_of(p->etag.text[2 * i]) << 4 |
		    value_of(p->etag.text[2 * i + 1]));
	digest_add(f->digest, md5, sizeof(md5));
	f->only = p->etag;
	f->after = p->number;
}

static void sum_later(struct finish *f);

static void
sum(evutil_socket_t fd, short what, void *arg)
{
	struct finish *f = arg;
	struct catalog_part parts[STEP];
	int n = catalog_part_list(
	    f->s->catalog, f->upload.file, f->after, parts, STEP);

	(void)fd;
	(void)what;
	for (int i = 0; i < n; i++)
		add_piece(f, &parts[i]);
	if (n < 0)
		refuse(f, n);
	else if (n == STEP)
		sum_later(f);
	else
		commit(f); /* compares that nothing has come meanwhile */
}

static void
sum_later(struct finish *f)
{
	struct timeval now = {0};

	if (event_base_once(f->s->base, -1, EV_TIMEOUT, sum, f, &now) < 0)
		refuse(f, -ENOMEM);
}

/* --- the SHA-256 ------------------------------------------------------------*/

/* What all of it hashes to, if that is wanted. 0 or -errno. */
static int
end_sum(struct finish *f)
{
	const struct catalog_upload *u = &f->upload;
	uint8_t state[DIGEST_STATE];
	struct digest *d;
	int r;

	if (!(u->sums & CATALOG_SUM_SHA256))
		return 0;
	r = catalog_upload_state(f->s->catalog, u->file, state);
	if (r == 0)
		r = digest_resume(state, u->size, &d);
	if (r < 0)
		return r;
	digest_end(d, &f->sums);
	digest_free(d);
	return 0;
}

/* Is it what was @said? False: @r has been refused. */
static bool
is_expected(struct nx_request *r, const ProtobufCBinaryData *said,
    const struct digest_values *values)
{
	if (said->len == 0)
		return true;
	if (!values->known[DIGEST_SHA256])
		nx_refuse(r, NX__STATUS__INVALID,
		    "the SHA-256 of this upload is not known: say that it is "
		    "wanted when one is opened");
	else if (said->len != SHA256_LEN ||
	    memcmp(said->data, values->value[DIGEST_SHA256], SHA256_LEN) != 0)
		nx_refuse(r, NX__STATUS__INVALID,
		    "what came has another SHA-256 than was announced: give "
		    "the upload up, and send the file again");
	else
		return true;
	return false;
}

/* --- what is asked ----------------------------------------------------------*/

static bool
fill(struct finish *f, const Nx__ResumableFinishRequest *q)
{
	static const bool md5[DIGEST_KINDS] = {[DIGEST_MD5] = true};
	const struct catalog_upload *u = &f->upload;
	const char *wrong = condition_read(q->condition, &f->commit.condition);
	int e;

	if (!wrong && u->path[0] != '\0')
		wrong = path_parse(u->path, strlen(u->path), &f->path);
	if (wrong) {
		nx_refuse(f->request, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (q->size != u->size) {
		nx_refuse(f->request, NX__STATUS__CONFLICT,
		    "%" PRIu64 " bytes are there, not %" PRIu64
		    ": go on at that offset",
		    u->size, q->size);
		return false;
	}
	f->commit.create_only = q->create_only || u->adds_only;
	e = digest_new(md5, &f->digest);
	if (e == 0)
		e = end_sum(f);
	if (e == 0)
		return is_expected(f->request, &q->sha256, &f->sums);
	nx_refuse_errno(f->request, e, "finishing the upload");
	return false;
}

/* It may have become a file by the time somebody asks again. */
static void
answer_again(struct nx_request *r, struct storaged *s,
    const Nx__ResumableFinishRequest *q)
{
	struct catalog_file file;
	char place[PATH_BYTES_MAX + 1];
	struct digest_values values;
	int e = nx_id_valid(q->id)
	    ? catalog_file_find(
		  s->catalog, r->who.user_id, r->who.place, q->id, &file)
	    : CATALOG_NO_FILE;

	if (e == 0)
		e = catalog_file_digests(s->catalog, file.key, &values);
	if (e != 0 || file.in_bucket) {
		refuse_catalog(r, e < 0 ? e : CATALOG_NO_UPLOAD, q->id);
		return;
	}
	if (!is_expected(r, &q->sha256, &values))
		return;
	catalog_file_place(s->catalog, &file, place, sizeof(place));
	answer(r, s, &file, file.in_tree ? place : "");
}

/* Safe to grant: what becomes visible is the caller's own, and counts no more
 * than it did. */
void
serve_resumable_finish(struct nx_request *r,
    const Nx__ResumableFinishRequest *q, struct storaged *s)
{
	struct finish *f = calloc(1, sizeof(*f));
	int e = -ENOMEM;

	if (f) {
		f->s = s;
		f->request = r;
		e = nx_id_valid(q->id)
		    ? catalog_upload_find(s->catalog, r->who.user_id,
			  r->who.place, q->id, &f->upload)
		    : CATALOG_NO_UPLOAD;
	}
	if (e == CATALOG_NO_UPLOAD && bucket_may_know(r))
		answer_again(r, s, q);
	else if (e == CATALOG_NO_UPLOAD)
		refuse_catalog(r, e, q->id);
	else if (e < 0)
		nx_refuse_errno(r, e, "finishing the upload");
	else if (f->upload.kind != CATALOG_RESUMABLE ||
	    !bucket_may(r, &f->upload))
		refuse_catalog(r, CATALOG_NO_UPLOAD, q->id);
	else if (fill(f, q)) {
		sum_later(f);
		return;
	}
	if (f)
		finish_free(f);
}
