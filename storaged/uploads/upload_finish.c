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
#include "storaged/uploads/upload_stripe.h"
#include "proto/storage.rpc.h"

static void
committed(int result, void *arg)
{
	struct upload *u = arg;

	if (result != 0) {
		u->state = UPLOAD_FAILED;
		u->in.lapsed = true;
		u->status =
		    intent_sentence(&u->in, result, u->why, sizeof(u->why));
		upload_settle(u);
		return;
	}
	intent_answer(&u->in, &u->commit, nx_take_ptr(u->finish));
	upload_free(u);
}

static void
commit(struct upload *u)
{
	int r;

	u->commit.done = committed;
	u->commit.arg = u;
	u->n_chunks = upload_pack(u->chunks, u->n_chunks);
	r = intent_commit(
	    &u->in, u->received, u->chunks, u->n_chunks, &u->commit);
	if (r < 0 && r != -ENOSPC) {
		upload_fail_errno(u, r);
		return;
	}
	upload_stop_reading(u);
	u->state = UPLOAD_COMMITTING;
	if (r < 0)
		committed(r, u);
}

void
upload_conclude(struct upload *u)
{
	nx_assert(u->state == UPLOAD_OPEN && u->eof);
	if (u->in.has_size && u->received != u->in.declared)
		upload_fail(u, NX__STATUS__INVALID,
		    "the file was cut short: %" PRIu64 " of %" PRIu64
		    " bytes came",
		    u->received, u->in.declared);
	else if (u->finish && u->finish_size != u->received)
		upload_fail(u, NX__STATUS__INVALID,
		    "the file was cut short: %" PRIu64 " of %" PRIu64
		    " bytes came",
		    u->received, u->finish_size);
	else if (u->finish && !intent_is_expected(&u->in))
		upload_fail(u, NX__STATUS__INVALID, INTENT_UNEXPECTED);
	else if (u->finish)
		commit(u);
}
