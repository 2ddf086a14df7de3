/*
 * The end of an upload: the one transaction that makes it a file. Whatever is
 * not as it was announced is refused before; after it there is nothing left to
 * undo. Loop's thread only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/upload_internal.h"
#include "proto/storage.rpc.h"

static void
committed(int result, void *arg)
{
	struct upload *u = arg;
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;
	Nx__FileInfo info;
	struct nx_request *r = u->finish;

	if (result != 0) {
		u->state = UPLOAD_FAILED;
		u->status = catalog_sentence(result,
		    u->path ? u->path->text : u->name, u->why, sizeof(u->why));
		upload_settle(u);
		return;
	}
	u->finish = NULL;
	info_file(&u->commit.file, &info);
	reply.file = &info;
	reply.path = info_text(u->path ? u->path->text : "");
	nx_info("event=file-stored file=%s owner=%" PRIu64 " size=%" PRIu64
		" chunks=%u",
	    info.id, info.owner, info.size, info.chunks);
	nx_answer_file_finish_upload(r, &reply);
	if (u->commit.freed)
		collector_kick(u->us->s->collector);
	upload_free(u);
}

static int
fill_etag(struct upload *u)
{
	uint8_t(*md5s)[MD5_LEN] = calloc(u->n_chunks + 1, MD5_LEN);

	if (!md5s)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->n_chunks; i++)
		memcpy(md5s[i], u->chunks[i].sums.md5, MD5_LEN);
	checksum_etag(
	    (const uint8_t(*)[MD5_LEN])md5s, u->n_chunks, &u->commit.file.etag);
	free(md5s);
	return 0;
}

static void
commit(struct upload *u)
{
	struct catalog_commit *c = &u->commit;
	struct catalog_file *f = &c->file;
	int r = quota_limit(u->us->s, u->owner, &c->quota);

	c->entries = quota_entries(u->us->s, u->owner);
	(void)snprintf(f->name, sizeof(f->name), "%s", u->name);
	f->owner = u->owner;
	f->size = u->received;
	f->chunks = u->n_chunks;
	f->want = u->want;
	c->path = u->path;
	c->chunks = u->chunks;
	c->create_only = u->create_only;
	c->condition = u->condition;
	c->done = committed;
	c->arg = u;
	if (r == 0)
		r = fill_etag(u);
	if (r < 0) {
		upload_fail_errno(u, r);
		return;
	}
	upload_stop_reading(u);
	u->state = UPLOAD_COMMITTING;
	if (!reserve_held(u->us->s->reserve)) {
		committed(-ENOSPC, u);
		return;
	}
	catalog_commit(u->us->s->catalog, c);
}

/* Asked once: commit or failure comes next. */
static bool
is_expected(struct upload *u)
{
	return u->n_expected == 0 ||
	    digest_is(u->digest, u->expected, u->n_expected);
}

void
upload_conclude(struct upload *u)
{
	nx_assert(u->state == UPLOAD_OPEN && u->eof);
	if (u->has_size && u->received != u->declared)
		upload_fail(u, NX__STATUS__INVALID,
		    "the file was cut short: %" PRIu64 " of %" PRIu64
		    " bytes came",
		    u->received, u->declared);
	else if (u->finish && u->finish_size != u->received)
		upload_fail(u, NX__STATUS__INVALID,
		    "the file was cut short: %" PRIu64 " of %" PRIu64
		    " bytes came",
		    u->received, u->finish_size);
	else if (u->finish && !is_expected(u))
		upload_fail(u, NX__STATUS__INVALID,
		    "what came has another checksum than was announced: send "
		    "the file again");
	else if (u->finish)
		commit(u);
}
