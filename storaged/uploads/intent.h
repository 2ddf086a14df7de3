/*
 * What somebody means to store: whose it is, where it goes, what it may take.
 * OPEN, FINISH and PUT ask the same about it, and here it is decided, so that a
 * file sent in one call is refused for what one sent through a pipe is. Trusts
 * the ticket about the user and nothing else. Loop's thread only.
 */
#ifndef STORAGED_INTENT_H
#define STORAGED_INTENT_H

#include <sys/queue.h>

#include "common/hub.h"
#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/uploads.h"

struct intent {
	LIST_ENTRY(intent) entry;
	struct storaged *s;
	uint64_t owner;
	char name[PATH_NAME_MAX + 1];
	struct path *path; /* NULL: a raw file, unless FINISH places it */
	bool create_only, has_size;
	bool adds_only; /* so the ticket says: it replaces nothing */
	struct catalog_condition condition;
	struct catalog_about about;
	struct about_meta *meta; /* NULL: none */
	uint64_t declared;       /* with has_size */
	uint64_t credit;         /* what the file that is replaced counts */
	bool lapsed;             /* it failed: its credit is nobody's */
	unsigned want;     /* replicas; of what is coded, those of the rest */
	uint32_t code;     /* catalog_stripe.h; 0: it is not */
	uint64_t promised; /* of the owner's quota */
	struct upload_target *target; /* no file, but an object or a piece */
	struct digest *digest;        /* of the content, if any are needed */
	struct digest_values values;  /* and then these are they */
	bool announced[DIGEST_KINDS]; /* somebody will say these */
	uint8_t expected[DIGEST_MAX]; /* what they must be, */
	size_t n_expected;            /* 0: not said */
};
LIST_HEAD(intents, intent);

void intent_init(struct intent *in, struct storaged *s, uint64_t owner);
/* Gives back what was promised for it. */
void intent_fini(struct intent *in);

/* What is wrong with a name or a path. */
struct objection {
	Nx__Status status; /* OK: nothing */
	char text[384];
};
bool object(struct objection *o, const char *wrong); /* false, always */

/* What is asked for, in whichever message. */
struct wish {
	const char *name, *path;
	bool into_folder, create_only;
	const Nx__Condition *condition; /* NULL: none */
	const Nx__About *about;         /* NULL: nothing */
	uint32_t replicas;
	const char *erasure; /* "" or NULL: nothing is said */
	bool md5, sha256;    /* the content will be compared with these */
	bool want_sha256;    /* to be known, in any case */
	struct upload_target *target; /* NULL: a file; else the intent's now */
};
/*
 * Gives @in its place in the tree: wish->path, or with into_folder the folder it
 * may name instead. in->credit is then what it will replace.
 */
bool intent_place(struct intent *in, const struct wish *wish,
    struct objection *ret_objection);
/*
 * All that can be decided before a byte has been looked at: name and place,
 * replicas, quota, what waits to be freed, room. @taken: bytes of room that
 * others count on. *ret_max: bytes the quota leaves at most. False: @r has been
 * refused.
 */
bool intent_decide(struct intent *in, struct nx_request *r,
    const struct wish *wish, uint64_t taken, uint64_t *ret_max);

/* What @bytes of it take on volumes, about. */
uint64_t intent_takes(const struct intent *in, uint64_t bytes);

/* Changes what its owner has been promised for it to @bytes; as it was when
 * memory is out. */
void intent_promise(struct intent *in, uint64_t bytes);

/* --- why not: sentences that several say ------------------------------------*/

#define INTENT_UNEXPECTED                                                   \
	"what came has another checksum than was announced: send the file " \
	"again"
#define INTENT_NO_VOLUME \
	"a node that held part of it was deleted: send it again"
#define INTENT_STOPPING "storage is being restarted: send the file again"

/* --- the end ----------------------------------------------------------------*/

/* All of it has come: is it what it was said to be? Asked once. */
bool intent_is_expected(struct intent *in);
/*
 * Makes it a file: fills in @c, all but done and arg, and hands it to the
 * catalogue. @chunks are borrowed until then. 0; -errno: nothing was handed on,
 * -ENOSPC when the disk is full.
 */
int intent_commit(struct intent *in, uint64_t size,
    struct catalog_chunk *chunks, uint32_t n_chunks, struct catalog_commit *c);
/* It is a file: tells @r. */
void intent_answer(const struct intent *in, const struct catalog_commit *c,
    struct nx_request *r);
/* What to say when it could not be stored: -errno. LIMIT: history gives up room
 * for it, so it may go well in INTENT_ROOM_S. */
#define INTENT_ROOM_S 5U
Nx__Status intent_store_sentence(
    const struct intent *in, int error, char *text, size_t size);
/* The same before anything is sent: is there history that can make room for
 * @bytes on the volumes? */
bool intent_room_sentence(
    const struct intent *in, uint64_t bytes, char *text, size_t size);
/* What to say when the catalogue said @result. */
Nx__Status
intent_sentence(const struct intent *in, int result, char *text, size_t size);

#endif
