/*
 * What gives a suspect volume its good name back: a chunk is written to it,
 * synced, read back and removed, and a sample of what it holds is read, whole,
 * every block against its checksum. Then it is trusted again. By itself, a
 * minute after it became suspect, and then less and less often while it fails;
 * or when an admin asks for it.
 */
#ifndef STORAGED_PROOF_H
#define STORAGED_PROOF_H

#include "storaged/storaged.h"

struct proofs;

struct proofs *proofs_new(struct storaged *s);
/* Workers must have ended. */
struct proofs *proofs_free(struct proofs *p);

/* Proves @v, which is attached, now. @done (may be NULL) learns how it went:
 * "" when the volume is trusted, else a sentence; @checked chunks were read. 0, or
 * -ENOMEM: then it is not called. */
typedef void proof_done(
    struct storaged *s, const char *why_not, uint64_t checked, void *arg);
struct volume;
int
proof_start(struct proofs *p, struct volume *v, proof_done *done, void *arg);

#endif
