/*
 * Resumable uploads: each chunk becomes a piece of the whole as soon as it is
 * durable and those before it are, in a transaction of its own. So what was sent
 * counts, whatever becomes of the sender, of the pipe or of us; and the end of
 * the pipe is no end of the upload. Loop's thread only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/storage.rpc.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/upload_stripe.h"
#include "storaged/volumes/volumes.h"

bool
upload_has_pieces(const struct upload *u)
{
	return u->in.target && u->in.target->kind == UPLOAD_PIECES;
}

/* --- sums -------------------------------------------------------------------*/

int
upload_mark(struct upload *u)
{
	struct upload_mark *m;

	if (!upload_has_pieces(u) || !u->in.target->sums)
		return 0;
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	digest_save(u->in.digest, m->state);
	STAILQ_INSERT_TAIL(&u->marks, m, entry);
	return 0;
}

static void
drop_mark(struct upload *u)
{
	struct upload_mark *m = STAILQ_FIRST(&u->marks);

	STAILQ_REMOVE_HEAD(&u->marks, entry);
	free(m);
}

void
upload_unmark(struct upload *u)
{
	while (!STAILQ_EMPTY(&u->marks))
		drop_mark(u);
}

/* The piece that is committed ends at @end: so its sum goes along. A stripe has a
 * mark at the end of each of its parts. */
static void
take_mark(struct upload *u, uint64_t end)
{
	struct upload_target *t = u->in.target;

	if (!t->sums)
		return;
	while (digest_state_len(STAILQ_FIRST(&u->marks)->state) < end)
		drop_mark(u);
	memcpy(t->state, STAILQ_FIRST(&u->marks)->state, sizeof(t->state));
	nx_assert(digest_state_len(t->state) == end);
	t->part.state = t->state;
	drop_mark(u);
}

/* --- pieces -----------------------------------------------------------------*/

static uint64_t
piece_size(const struct upload *u)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < u->n_piece; i++)
		if (u->piece[i].index >= 0)
			size += u->piece[i].sums.size;
	return size;
}

/* It is in the catalogue: not ours to undo any more. Its bytes count already, so
 * they are no promise. */
static void
hand_over(struct upload *u)
{
	uint64_t rest, size = piece_size(u);

	for (uint32_t i = 0; i < u->n_piece; i++)
		volumes_settle(u->us->s->volumes, &u->piece[i]);
	for (; u->n_pieces < u->next_piece; u->n_pieces++) {
		struct catalog_chunk *c = &u->chunks[u->n_pieces];

		c->n_replicas = 0;
		c->id.text[0] = '\0';
	}
	u->in.target->part.offset += size;
	u->in.credit += size;
	rest = u->in.has_size ? u->in.declared : u->received;
	intent_promise(&u->in, rest > u->in.credit ? rest - u->in.credit : 0);
}

static void
committed(int result, void *arg)
{
	struct upload *u = arg;
	char why[384];
	Nx__Status status;

	nx_assert(u->committing);
	u->committing = false;
	if (result == 0)
		hand_over(u);
	if (result == 0 || u->state != UPLOAD_OPEN) {
		upload_step(u);
		return;
	}
	status = intent_sentence(&u->in, result, why, sizeof(why));
	upload_fail(u, status, "%s", why);
}

/* The next chunk, or stripe, in order. False: it is not all durable yet. */
static bool
take_piece(struct upload *u)
{
	const struct catalog_chunk *c = &u->chunks[u->n_pieces];
	struct erasure e = catalog_erasure(c->code);
	uint32_t n = c->code ? e.data + e.parity : 1;

	if (u->n_pieces + n > upload_stripe_first(u) ||
	    (c->code == 0 && c->n_replicas == 0))
		return false;
	memcpy(u->piece, c, n * sizeof(*c));
	/* A piece is a content of its own. */
	for (uint32_t i = 0; i < n && c->code; i++)
		u->piece[i].index = catalog_part_index(0, i, c->code);
	u->n_piece = upload_pack(u->piece, n);
	u->next_piece = u->n_pieces + n;
	return true;
}

bool
upload_commit_piece(struct upload *u)
{
	int r;

	if (u->committing || u->n_pieces >= u->n_chunks || !take_piece(u))
		return true;
	memset(&u->commit, 0, sizeof(u->commit));
	u->commit.done = committed;
	u->commit.arg = u;
	u->committing = true;
	take_mark(u, u->in.target->part.offset + piece_size(u));
	r = intent_commit(
	    &u->in, piece_size(u), u->piece, u->n_piece, &u->commit);
	if (r == 0)
		return true;
	u->committing = false;
	upload_fail_errno(u, r);
	return false;
}

/* The pipe has ended, and everything is a piece of the whole. */
void
upload_end_pieces(struct upload *u)
{
	Nx__FinishUploadReply reply = NX__FINISH_UPLOAD_REPLY__INIT;

	if (!u->finish)
		return;
	reply.path = info_text("");
	reply.offset = u->in.target->part.offset;
	nx_answer_file_finish_upload(nx_take_ptr(u->finish), &reply);
	upload_free(u);
}

void
uploads_end_pieces(struct uploads *us, int64_t whole)
{
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		next = TAILQ_NEXT(u, entry);
		if (!upload_has_pieces(u) || u->state != UPLOAD_OPEN ||
		    u->in.target->part.upload != whole)
			continue;
		upload_fail(u, NX__STATUS__CONFLICT,
		    "somebody else goes on with this upload: ask where it "
		    "ends");
	}
}
