/*
 * From what somebody meant to store to a file: the one transaction, and what is
 * said about it. Loop's thread only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "common/status.h"
#include "proto/storage.rpc.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/intent.h"
#include "storaged/volumes/volumes.h"

bool
intent_is_expected(struct intent *in)
{
	if (in->digest)
		digest_end(in->digest, &in->values);
	return in->n_expected == 0 ||
	    digest_is(&in->values, in->announced, in->expected, in->n_expected);
}

/* What it is, beside a file. */
static void
fill_target(struct intent *in, struct catalog_commit *c)
{
	struct upload_target *t = in->target;

	if (!t)
		return;
	if (t->kind == UPLOAD_OBJECT)
		c->object = &t->object;
	else
		c->part = &t->part;
	/* Of objects and parts, S3's: of more than one chunk no list of sums. */
	if (in->values.known[DIGEST_MD5])
		checksum_etag(
		    (const uint8_t(*)[MD5_LEN])in->values.value[DIGEST_MD5], 1,
		    &c->file.etag);
}

static int
fill_etag(const struct catalog_chunk *chunks, uint32_t n, struct etag *ret_etag)
{
	uint8_t(*md5s)[MD5_LEN] = calloc(n + 1, MD5_LEN);
	size_t data = 0;

	if (!md5s)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (chunks[i].index >= 0)
			memcpy(md5s[data++], chunks[i].sums.md5, MD5_LEN);
	checksum_etag((const uint8_t(*)[MD5_LEN])md5s, data, ret_etag);
	free(md5s);
	return 0;
}

int
intent_commit(struct intent *in, uint64_t size, struct catalog_chunk *chunks,
    uint32_t n_chunks, struct catalog_commit *c)
{
	struct catalog_file *f = &c->file;
	int r = quota_limit(in->s, in->owner, &c->quota);

	c->entries = quota_entries(in->s, in->owner);
	(void)snprintf(f->name, sizeof(f->name), "%s", in->name);
	f->owner = in->owner;
	f->size = size;
	f->chunks = n_chunks;
	f->want = in->want;
	f->code = n_chunks > 0 ? chunks[0].code : 0;
	c->path = in->path;
	c->chunks = chunks;
	c->create_only = in->create_only;
	c->condition = in->condition;
	f->about = in->about;
	if (in->meta) {
		c->meta = in->meta->data;
		c->meta_len = in->meta->len;
	}
	c->digests = &in->values;
	if (r == 0)
		r = fill_etag(chunks, n_chunks, &f->etag);
	fill_target(in, c);
	if (r == 0 && !reserve_held(in->s->reserve))
		r = -ENOSPC;
	if (r == 0)
		catalog_commit(in->s->catalog, c);
	return r;
}

void
intent_answer(const struct intent *in, const struct catalog_commit *c,
    struct nx_request *r)
{
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	char sha256[SHA256_TEXT] = "";
	Nx__FileInfo info;

	for (uint32_t i = 0; i < c->file.chunks; i++)
		volumes_settle(in->s->volumes, &c->chunks[i]);
	info_file(&c->file, &info, NULL);
	if (in->values.known[DIGEST_SHA256])
		checksum_text(
		    in->values.value[DIGEST_SHA256], SHA256_LEN, sha256);
	info.sha256 = sha256;
	reply.file = &info;
	reply.path = info_text(in->path ? in->path->text : "");
	if (c->object)
		reply.version = info_text(c->object->version);
	nx_debug("event=file-stored file=%s owner=%" PRIu64 " size=%" PRIu64
		 " chunks=%u",
	    info.id, info.owner, info.size, info.chunks);
	nx_answer(r, &reply.base, NULL, 0);
	if (c->freed)
		collector_kick(in->s->collector);
}

bool
intent_room_sentence(
    const struct intent *in, uint64_t bytes, char *text, size_t size)
{
	if (!historian_want(in->s->historian, bytes))
		return false;
	(void)snprintf(text, size,
	    "older versions and what was deleted are being given up to make "
	    "room: try again in %u seconds",
	    INTENT_ROOM_S);
	return true;
}

Nx__Status
intent_store_sentence(
    const struct intent *in, int error, char *text, size_t size)
{
	uint64_t bytes = in->has_size ? in->declared : CHUNK_SIZE;

	if (error == -ENOSPC && bytes <= INT64_MAX / (in->want + 1) &&
	    intent_room_sentence(in, bytes * in->want, text, size))
		return NX__STATUS__LIMIT;
	if (error == -ENOSPC) {
		(void)snprintf(text, size,
		    "no active node has room for this file: delete something "
		    "or create a node");
		return NX__STATUS__FULL;
	}
	(void)snprintf(
	    text, size, "the file could not be stored: %s", strerror(-error));
	return nx_status_of_errno(error);
}

Nx__Status
intent_sentence(const struct intent *in, int result, char *text, size_t size)
{
	if (in->path)
		return path_sentence(
		    in->s, in->owner, result, in->path, text, size);
	return catalog_sentence(result, in->name, text, size);
}
