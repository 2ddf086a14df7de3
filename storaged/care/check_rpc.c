/* What an admin may ask of checking: that a run begins, and how it went. */
#include <string.h>

#include "proto/serve_storaged.h"
#include "storaged/care/check.h"

static const char *const states[] = {
    [CHECK_WAITING] = "waiting",
    [CHECK_COPYING] = "copying",
    [CHECK_LOOKING] = "looking",
    [CHECK_MENDING] = "mending",
};

/*
 * Safe to grant: it reads a copy, and mends by the catalogue's own rules only
 * what disagrees with itself; no rule deletes a byte of a file. Only an admin
 * may ask.
 */
void
serve_storage_check(
    struct nx_request *r, const Nx__CheckRequest *q, struct storaged *s)
{
	Nx__CheckReply reply = NX__CHECK_REPLY__INIT;

	reply.run = check_begin(s->check, q->repair);
	nx_answer_storage_check(r, &reply);
}

void
serve_storage_check_status(struct nx_request *r, struct storaged *s)
{
	Nx__CheckStatusReply reply = NX__CHECK_STATUS_REPLY__INIT;
	const struct check_status *st = check_status(s->check);
	char *said[CHECK_SAID];

	reply.state = (char *)(uintptr_t)states[st->state];
	reply.run = st->run;
	reply.began_at = st->began_at;
	reply.ended_at = st->ended_at;
	reply.next_at = st->next_at;
	reply.over = st->over;
	reply.found = st->found;
	reply.mended = st->mended;
	reply.left = st->left;
	if (st->error < 0)
		reply.error = (char *)(uintptr_t)strerror(-st->error);
	for (unsigned i = 0; i < st->n_said; i++)
		said[i] = (char *)(uintptr_t)st->said[i];
	reply.said = said;
	reply.n_said = st->n_said;
	nx_answer_storage_check_status(r, &reply);
}
