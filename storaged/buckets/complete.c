/*
 * The end of a multipart upload: the parts are held against the list in bounded
 * steps, then one transaction makes the object, whatever its size. No byte and no
 * chunk's row moves. Whoever asks again after it went well is told so again: the
 * file has the upload's id. Loop's thread only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

#define RECORD    20U /* number, little-endian, and MD5 */
#define LIST_SIZE (RECORD * CATALOG_PARTS_MAX)
#define TRIES_MAX 8U /* when others complete it, or add to it, meanwhile */

struct complete {
	struct storaged *s;
	struct nx_request *request;
	struct catalog_upload upload;
	struct catalog_placing placing;
	struct catalog_assembly assembly;
	struct catalog_object_put object;
	struct catalog_commit commit;
	struct digest_values digests;
	const ProtobufCBinaryData *said; /* what its sum must be */
	uint8_t meta[CATALOG_META_MAX];
	uint8_t (*md5s)[MD5_LEN];
	struct catalog_part *parts;
	size_t n;
	TAILQ_ENTRY(complete) entry;
	unsigned tries;
};

/* Of one upload one at a time: two that place parts would undo each other's. */
static TAILQ_HEAD(, complete) running = TAILQ_HEAD_INITIALIZER(running);

static void place(struct complete *c);

static struct complete *
other_of(int64_t upload)
{
	struct complete *c;

	TAILQ_FOREACH(c, &running, entry)
		if (c->upload.file == upload)
			return c;
	return NULL;
}

static void
complete_free(struct complete *c)
{
	free(c->md5s);
	free(c->parts);
	free(c);
}

static void
complete_end(struct complete *c)
{
	struct complete *next;

	TAILQ_REMOVE(&running, c, entry);
	next = other_of(c->upload.file);
	complete_free(c);
	if (next)
		place(next);
}

static void
refuse(struct complete *c, int result)
{
	char text[KEY_TEXT];

	catalog_key_text(
	    &(struct catalog_key){c->upload.key, c->upload.key_len}, text,
	    sizeof(text));
	refuse_catalog(c->request, result, text);
	complete_end(c);
}

/* --- the list ---------------------------------------------------------------*/

static bool
read_list(struct complete *c, const uint8_t *data, size_t size)
{
	c->n = size / RECORD;
	c->parts = calloc(c->n + 1, sizeof(*c->parts));
	c->md5s = calloc(c->n + 1, MD5_LEN);
	if (!c->parts || !c->md5s)
		return false;
	for (size_t i = 0; i < c->n; i++, data += RECORD) {
		struct catalog_part *p = &c->parts[i];

		p->number = (uint32_t)data[0] | (uint32_t)data[1] << 8 |
		    (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
		memcpy(c->md5s[i], data + 4, MD5_LEN);
		checksum_etag(
		    (const uint8_t(*)[MD5_LEN]) & c->md5s[i], 1, &p->etag);
	}
	return true;
}

/* From the message, or from the memfd. False: refused. */
static bool
take_list(struct complete *c, const ProtobufCBinaryData *parts)
{
	struct nx_request *r = c->request;
	nx_cleanup_free uint8_t *copy = NULL;
	const uint8_t *data = parts->data;
	size_t size = parts->len;
	bool good =
	    r->n_fds == 0 || nx_memfd_check(r->fds[0], LIST_SIZE, &size) == 0;

	if (!good || size == 0 || size % RECORD != 0 || size > LIST_SIZE ||
	    (r->n_fds > 0 && parts->len > 0)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "an upload is completed with a list of 1 to %u parts",
		    CATALOG_PARTS_MAX);
		return false;
	}
	if (r->n_fds > 0) {
		data = copy = malloc(size);
		if (copy && pread(r->fds[0], copy, size, 0) != (ssize_t)size)
			data = NULL;
	}
	if (data && read_list(c, data, size))
		return true;
	nx_refuse_errno(r, -ENOMEM, "reading the list of parts");
	return false;
}

/* --- the sum of the parts' --------------------------------------------------*/

/* The SHA-256 of the SHA-256s of its parts, as S3 has it, where each has one. 0 or
 * -ENOMEM. */
static int
sum_parts(struct complete *c)
{
	static const bool sha256[DIGEST_KINDS] = {[DIGEST_SHA256] = true};
	struct digest_values values;
	struct digest *d;

	c->digests = (struct digest_values){0};
	for (size_t i = 0; i < c->n; i++)
		if (!c->parts[i].summed)
			return 0;
	if (digest_new(sha256, &d) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++)
		digest_add(d, c->parts[i].sha256, SHA256_LEN);
	digest_end(d, &values);
	digest_free(d);
	c->digests.known[DIGEST_SHA256_PARTS] = true;
	memcpy(c->digests.value[DIGEST_SHA256_PARTS],
	    values.value[DIGEST_SHA256], SHA256_LEN);
	return 0;
}

/* False: @r has been refused. */
static bool
is_expected(struct nx_request *r, const ProtobufCBinaryData *said,
    const struct digest_values *values)
{
	if (said->len == 0)
		return true;
	if (!values->known[DIGEST_SHA256_PARTS])
		nx_refuse(r, NX__STATUS__INVALID,
		    "not every part has a SHA-256: say that they are wanted "
		    "when the upload is opened, or what each must be");
	else if (said->len != SHA256_LEN ||
	    memcmp(said->data, values->value[DIGEST_SHA256_PARTS],
		SHA256_LEN) != 0)
		nx_refuse(r, NX__STATUS__INVALID,
		    "the SHA-256s of the parts have another SHA-256 than was "
		    "announced: send the parts that are wrong again");
	else
		return true;
	return false;
}

/* --- the commit -------------------------------------------------------------*/

static void
answer(struct nx_request *r, struct storaged *s, const char *id,
    const ProtobufCBinaryData *said)
{
	struct digest_values values;
	struct catalog_object o;
	struct object_told told;
	struct catalog_file file;
	Nx__ObjectInfo info;
	int e = catalog_object_of(s->catalog, r->who.user_id, id, &o);

	if (e == 0)
		e = catalog_file_find(
		    s->catalog, r->who.user_id, r->who.place, id, &file);
	if (e == CATALOG_NO_FILE)
		e = CATALOG_NO_KEY;
	if (e == 0)
		e = object_info_alone(s, &o, &told, &info);
	if (e == 0)
		e = catalog_file_digests(s->catalog, o.file, &values);
	if (e != 0) {
		refuse_catalog(
		    r, e == CATALOG_NO_KEY ? CATALOG_NO_UPLOAD : e, id);
		return;
	}
	if (!is_expected(r, said, &values))
		return;
	nx_answer_multipart_complete(r, &info);
}

/* Somebody was faster: with a part, then the list is held against that; or they
 * have completed it. */
static void
not_completed(struct complete *c, int result)
{
	if (result == CATALOG_OFFSET && c->tries++ < TRIES_MAX)
		place(c);
	else if (result == CATALOG_NO_UPLOAD) {
		answer(c->request, c->s, c->upload.id, c->said);
		complete_end(c);
	} else
		refuse(c, result);
}

static void
committed(int result, void *arg)
{
	struct complete *c = arg;

	if (result != 0) {
		not_completed(c, result);
		return;
	}
	nx_info("event=object-completed file=%s parts=%zu", c->upload.id, c->n);
	answer(c->request, c->s, c->upload.id, c->said);
	collector_kick(c->s->collector);
	complete_end(c);
}

static int
fill_commit(struct complete *c)
{
	struct catalog_commit *op = &c->commit;
	const struct catalog_upload *u = &c->upload;
	int n = catalog_upload_meta(c->s->catalog, u->file, c->meta);

	if (n < 0)
		return n;
	c->assembly = (struct catalog_assembly){.upload = u->file,
	    .changes = c->placing.changes,
	    .parts = (uint32_t)c->n,
	    .size = c->placing.size,
	    .chunks = c->placing.chunks};
	c->object = (struct catalog_object_put){.bucket = u->bucket,
	    .key = {u->key, u->key_len},
	    .meta = c->meta,
	    .meta_len = (size_t)n,
	    .lock = u->lock,
	    .adds_only = u->adds_only};
	op->assembly = &c->assembly;
	op->digests = &c->digests;
	op->object = &c->object;
	op->file.owner = u->owner;
	catalog_key_text(&c->object.key, op->file.name, sizeof(op->file.name));
	checksum_etag_parts(
	    (const uint8_t(*)[MD5_LEN])c->md5s, c->n, &op->file.etag);
	op->done = committed;
	op->arg = c;
	return reserve_held(c->s->reserve) ? 0 : -ENOSPC;
}

static void
refuse_part(struct complete *c, int result)
{
	uint32_t number =
	    c->placing.wrong < c->n ? c->parts[c->placing.wrong].number : 0;
	const char *why = result == CATALOG_PART_SMALL
	    ? "has less than 5 MiB and is not the last"
	    : "is not there, or has another etag";

	nx_refuse(c->request, NX__STATUS__INVALID, "part %u %s", number, why);
	complete_end(c);
}

static void
placed(int result, void *arg)
{
	struct complete *c = arg;

	if (result == CATALOG_BAD_PART || result == CATALOG_PART_SMALL) {
		refuse_part(c, result);
		return;
	}
	if (result == 0)
		result = sum_parts(c);
	if (result == 0 && !is_expected(c->request, c->said, &c->digests)) {
		complete_end(c);
		return;
	}
	if (result == 0)
		result = fill_commit(c);
	if (result == 0)
		catalog_commit(c->s->catalog, &c->commit);
	else
		not_completed(c, result);
}

static void
place(struct complete *c)
{
	c->placing = (struct catalog_placing){.owner = c->upload.owner,
	    .upload = c->upload.file,
	    .parts = c->parts,
	    .n_parts = c->n,
	    .done = placed,
	    .arg = c};
	catalog_place_parts(c->s->catalog, &c->placing);
}

static bool
start(struct complete *c, const Nx__MultipartCompleteRequest *q)
{
	const char *wrong = condition_read(q->condition, &c->commit.condition);
	bool first;

	if (wrong) {
		nx_refuse(c->request, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	c->commit.condition.absent |= c->upload.adds_only;
	if (!take_list(c, &q->parts))
		return false;
	first = !other_of(c->upload.file);
	TAILQ_INSERT_TAIL(&running, c, entry);
	if (first)
		place(c);
	return true;
}

/* Safe to grant: what becomes visible is made of parts of the caller's own
 * upload, and counts no more than they did. */
void
serve_multipart_complete(struct nx_request *r,
    const Nx__MultipartCompleteRequest *q, struct storaged *s)
{
	struct complete *c = calloc(1, sizeof(*c));
	int e;

	if (!c) {
		nx_refuse_errno(r, -ENOMEM, "completing the upload");
		return;
	}
	c->s = s;
	c->request = r;
	c->said = &q->sha256_parts;
	e = nx_id_valid(q->id) ? catalog_upload_find(s->catalog, r->who.user_id,
				     r->who.place, q->id, &c->upload)
			       : CATALOG_NO_UPLOAD;
	if (e == CATALOG_NO_UPLOAD && bucket_may_know(r))
		answer(r, s, q->id, &q->sha256_parts);
	else if (e == CATALOG_NO_UPLOAD)
		refuse_catalog(r, e, q->id);
	else if (e < 0)
		nx_refuse_errno(r, e, "completing the upload");
	else if (c->upload.kind != CATALOG_MULTIPART ||
	    !bucket_may(r, &c->upload))
		refuse_catalog(r, CATALOG_NO_UPLOAD, q->id);
	else if (start(c, q))
		return;
	complete_free(c);
}
