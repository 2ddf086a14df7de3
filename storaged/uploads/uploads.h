/*
 * The door of uploads: a pipe comes out, bytes come in, a file appears or nothing does.
 *
 * OPEN decides all that can be decided and hands out the pipe's write end. The
 * loop watches the read end; when there is something, a worker reads it in pieces
 * that others hash and write at the same time (lane.h); a full chunk is made
 * durable while the next one is read. FINISH makes it a file in one transaction.
 * Whatever else happens (ABORT, a lost peer, a body too long or too short, a
 * deadline without progress) undoes everything.
 *
 * Memory: 16 MiB of pieces for all of them, 3 MiB for one, and the checksums; of
 * one that pauses less than 64 KiB. Never the content.
 */
#ifndef STORAGED_UPLOADS_H
#define STORAGED_UPLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hub.h"
#include "storaged/storaged.h"

struct uploads *uploads_new(struct storaged *s);
/* Undoes what is under way; workers finish it. */
void uploads_stop(struct uploads *us);
/* None may be under way any more. */
struct uploads *uploads_free(struct uploads *us);

/* Ends the uploads of a peer that is gone, of a user that was deleted. */
void uploads_peer_gone(struct uploads *us, const struct nx_peer *peer);
void uploads_user_gone(struct uploads *us, uint64_t user);
size_t uploads_count(const struct uploads *us);
/* When the oldest one under way began (unix seconds); UINT64_MAX: none. */
uint64_t uploads_oldest(const struct uploads *us);

#endif
