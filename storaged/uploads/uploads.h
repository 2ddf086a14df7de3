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
#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"
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

/* --- uploads of what is no file ---------------------------------------------*/

enum upload_kind {
	UPLOAD_OBJECT, /* of a bucket */
	UPLOAD_PART, /* of a multipart upload: one file, whole or not at all */
	UPLOAD_PIECES, /* of a resumable one: each chunk counts when it is
			* durable, whatever becomes of the rest */
};

struct upload_target {
	enum upload_kind kind;
	struct catalog_object_put object; /* its key and meta are in data */
	struct catalog_part_put part;
	unsigned want; /* replicas, of a part or pieces, */
	uint32_t code; /* and whether they are coded: catalog_stripe.h */
	bool sums; /* PIECES: with a SHA-256, which stands so at part.offset */
	uint8_t state[DIGEST_STATE];
	char what[256]; /* what a sentence calls it */
	size_t key_len, meta_len;
	uint8_t data[CATALOG_KEY_MAX + CATALOG_META_MAX];
};

struct upload_ask {
	uint64_t owner;
	bool has_size;
	uint64_t size;
	uint32_t replicas;
	const char *erasure; /* "4+2", or "" or NULL */
	bool md5, sha256;    /* FINISH will say them */
	bool want_sha256;    /* it is to be known in any case */
	const Nx__Condition *condition;
	struct upload_target *target;
};
/* Answers @r with the pipe, an OpenUploadReply, or refuses it. Consumes
 * ask->target. FINISH and ABORT are those of all uploads. */
void uploads_open(
    struct nx_request *r, struct storaged *s, const struct upload_ask *ask);
/* How often it is to be there: as asked, or as the folder @path is to come to
 * wants it (NULL: none), or by default. False: @r has been refused. */
struct upload_policy {
	uint32_t replicas;   /* 0: not asked for */
	const char *erasure; /* the same: "" or NULL */
	/* what that is */
	unsigned want;
	uint32_t code; /* catalog_stripe.h */
};
bool uploads_decide_policy(struct nx_request *r, struct storaged *s,
    uint64_t owner, const struct path *path, struct upload_policy *policy);
/* Whoever still sends pieces of @whole has been overtaken: another goes on. */
void uploads_end_pieces(struct uploads *us, int64_t whole);

#endif
