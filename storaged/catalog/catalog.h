/*
 * The catalogue: which files there are, whose, in which tree and under which
 * path, which chunks they have and on which volumes. The narrow interface of
 * docs/architecture.md: nothing outside catalog_*.c knows how rows look.
 *
 * Reads answer at once from what is committed. Writes are operations that the
 * caller owns and keeps alive until their @done runs: then the result is on
 * disk. Results: 0, a negative errno, or a positive enum catalog_result, an
 * outcome that changed nothing.
 *
 * Deletions and moves are short, however much they touch: what a deletion left
 * behind is taken away by catalog_reap, a bounded step at a time.
 *
 * Trusts its callers to have checked names and paths (path.h).
 *
 * The seam is the linker's: this header and path.h are all that others see, and
 * no type in them tells what the rows are kept in. Another catalogue defines
 * these functions in files of its own (some five: opening and order, files,
 * trees, volumes, reaping), and Makefile and catalog_open's caller choose it.
 * There is never more than one in a process, so a table of operations would
 * only hide which it is.
 */
#ifndef STORAGED_CATALOG_H
#define STORAGED_CATALOG_H

#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/id.h"
#include "storaged/chunks/chunks.h"
#include "storaged/catalog/catalog_result.h"
#include "storaged/catalog/catalog_about.h"
#include "storaged/catalog/catalog_stripe.h"
#include "storaged/catalog/path.h"
struct catalog;
struct nx_db;
struct catalog_assembly;
struct catalog_object_put;
struct catalog_part_put;

int catalog_open(
    struct event_base *base, const char *path, struct catalog **ret_catalog);
/* The same, with the first @schema of its steps only. */
int catalog_open_at(struct event_base *base, const char *path, uint32_t schema,
    struct catalog **ret_catalog);
/* Commits and answers what is pending. */
struct catalog *catalog_close(struct catalog *c);

/* Commits and answers what is pending, now: at start and at the end only, it
 * waits for the disk. 0 or -errno. */
int catalog_flush(struct catalog *c);

typedef void catalog_done(int result, void *arg);

/* Changes nothing; its @done runs when every write asked for before is on
 * disk. */
struct catalog_barrier {
	catalog_done *done;
	void *arg;
};
void catalog_barrier(struct catalog *c, struct catalog_barrier *op);

/* --- files ------------------------------------------------------------------*/

struct catalog_file {
	int64_t key;
	int64_t content; /* of what its chunks are: its key, if it is no copy */
	char id[NX_ID_LEN + 1];
	char name[PATH_NAME_MAX + 1];
	uint64_t owner, size;
	uint32_t chunks, code; /* code: of them, catalog_stripe.h */
	uint32_t want;         /* replicas asked for */
	uint32_t replicas;     /* the fewest any chunk has */
	uint32_t
	    damaged; /* chunks known to have a block that is good nowhere */
	uint32_t missing; /* chunks known to have no replica that can be read */
	struct etag etag;
	uint64_t created_at;
	struct catalog_about about;
	uint64_t extra; /* bytes of type and meta */
	bool in_tree, in_bucket;
	bool past;      /* history: what was in a tree, at a path */
	bool hidden;    /* of an upload in pieces: its whole, or a piece */
	uint32_t parts; /* it is made of so many pieces and has no chunk of its
			 * own; 0: it is not */
};

#define CATALOG_REPLICAS 8

struct catalog_chunk {
	int64_t key, index;
	int64_t file;  /* the content it is part of */
	uint32_t code; /* 0: it is whole by itself; catalog_stripe.h */
	struct chunk_id id;
	struct checksums sums;
	uint32_t n_replicas;
	int64_t volumes[CATALOG_REPLICAS];
	uint64_t at[CATALOG_REPLICAS]; /* there: see struct chunk_place */
};
/* Of the @i-th; which one is on @volume, CATALOG_REPLICAS: none. */
struct chunk_place catalog_place(const struct catalog_chunk *chunk, size_t i);
size_t catalog_replica_on(const struct catalog_chunk *chunk, int64_t volume);

/* @owner 0: anybody's. @place: no others than those in it (common/place.h),
 * empty: all. @id may be a unique prefix. */
int catalog_file_find(struct catalog *c, uint64_t owner, const char *place,
    const char *id, struct catalog_file *ret_file);
/* The file @key; 0, CATALOG_NO_FILE, -errno. */
int
catalog_file_get(struct catalog *c, int64_t key, struct catalog_file *ret_file);
/* The first file after the key @after that has @content; there are as many as
 * there are copies, all of one owner. 0, CATALOG_NO_FILE, -errno. */
int catalog_file_with(struct catalog *c, int64_t content, int64_t after,
    struct catalog_file *ret_file);
/* How many there are. */
int catalog_files_with(struct catalog *c, int64_t content, uint64_t *ret_n);
/* The file with the smallest key from @key on, in trees too. 0,
 * CATALOG_NO_FILE at the end, -errno. It may be one that was deleted with what
 * it was in: ask catalog_file_there. */
int catalog_file_next(
    struct catalog *c, int64_t key, struct catalog_file *ret_file);
/* 1, or 0: it has gone from sight, though its row waits to be reaped. */
int catalog_file_there(struct catalog *c, const struct catalog_file *file);
/* How a person knows @file: its path in its owner's tree, cut at the front when
 * it is longer than @size, or the raw file's name. */
void catalog_file_place(struct catalog *c, const struct catalog_file *file,
    char *ret_text, size_t size);
/* Raw files in the order they came; those after key @after. Number or
 * -errno. */
int catalog_file_list(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_file *ret_files, size_t max);
/* All those, in trees too, of which something is damaged or missing, in the
 * order of their contents. It goes on after *at, zeros are the beginning and the
 * end: so many are looked at in one go and no more, there may be none of
 * @owner's among them. Number or -errno. */
struct catalog_damaged {
	int64_t content, file;
};
int catalog_file_list_damaged(struct catalog *c, uint64_t owner,
    struct catalog_damaged *at, struct catalog_file *ret_files, size_t max);
/* Its meta; number of bytes or -errno. */
int catalog_file_meta(
    struct catalog *c, int64_t key, uint8_t ret_meta[CATALOG_ABOUT_MAX]);
/* What is known of its whole content, but its MD5. 0 or -errno. */
int catalog_file_digests(
    struct catalog *c, int64_t key, struct digest_values *ret_values);
/* Chunks of @content from @index on; number or -errno. */
int catalog_file_chunks(struct catalog *c, int64_t content, uint32_t index,
    struct catalog_chunk *ret_chunks, size_t max);
/* Chunks from the one with the byte @offset on, which begins at *ret_start; of
 * pieces too. Number or -errno. */
int catalog_file_at(struct catalog *c, const struct catalog_file *file,
    uint64_t offset, struct catalog_chunk *ret_chunks, size_t max,
    uint64_t *ret_start);

/* What must hold of what a write is about, looked at inside the write; zeros:
 * nothing. Of several etags one must be the file's; a folder has none. */
#define CATALOG_MATCHES 8U
struct catalog_condition {
	bool absent, present;
	uint8_t n_match;
	struct etag match[CATALOG_MATCHES];
};

/*
 * A complete upload becomes visible: file, chunks, what names it, quota. What
 * names it is one of path, object and part; none: it is a raw file. What it is
 * made of are chunks, or an upload in pieces.
 */
struct catalog_commit {
	struct catalog_file file; /* id, key and created_at are filled in */
	const struct path *path;
	struct catalog_object_put *object;
	const struct catalog_part_put *part;
	struct catalog_chunk *chunks;      /* file.chunks of them, or */
	struct catalog_assembly *assembly; /* which says size and chunks, or */
	int64_t copy_of; /* a file of the same owner; so does that */
	bool create_only;
	struct catalog_condition condition;
	const uint8_t *meta; /* as bytes; file.about is said too */
	size_t meta_len;
	const struct digest_values *digests; /* of all of it; NULL: none */
	uint64_t quota;   /* bytes the owner may have charged */
	uint64_t entries; /* files and folders they may have */
	catalog_done *done;
	void *arg;
	bool freed; /* an old file of that path was dropped */
};
void catalog_commit(struct catalog *c, struct catalog_commit *op);

/* One file goes, with its tree entry if it has one. */
struct catalog_remove {
	struct catalog_file file;
	catalog_done *done;
	void *arg;
};
void catalog_remove(struct catalog *c, struct catalog_remove *op);

/* Everything of a user goes: from sight at once, the rest by reaping. Done
 * again it changes nothing. */
struct catalog_drop_user {
	uint64_t user;
	catalog_done *done;
	void *arg;
};
void catalog_drop_user(struct catalog *c, struct catalog_drop_user *op);

#include "storaged/catalog/catalog_trees.h"

/* --- users ------------------------------------------------------------------*/

#define CATALOG_NO_QUOTA (-1)

/* What a file or folder counts against a quota at least, whatever is in it:
 * rows and inodes are not for nothing. */
#define CATALOG_FILE_CHARGE   4096U
#define CATALOG_FOLDER_CHARGE 512U

static inline uint64_t
catalog_charge(uint64_t size)
{
	return size > CATALOG_FILE_CHARGE ? size : CATALOG_FILE_CHARGE;
}

struct catalog_usage {
	uint64_t used; /* bytes in files */
	uint64_t files, folders;
	uint64_t charged;              /* bytes that count against the quota */
	int64_t quota;                 /* CATALOG_NO_QUOTA: the default */
	uint64_t history, pasts, held; /* catalog_history.h */
};
int catalog_usage(
    struct catalog *c, uint64_t user, struct catalog_usage *ret_usage);
struct catalog_set_quota {
	uint64_t user, quota;
	catalog_done *done;
	void *arg;
};
void catalog_set_quota(struct catalog *c, struct catalog_set_quota *op);

struct catalog_totals {
	uint64_t files, chunks, bytes;
};
int catalog_totals(struct catalog *c, struct catalog_totals *ret_totals);

/* --- volumes and replicas ---------------------------------------------------*/

enum catalog_volume_state {
	CATALOG_VOLUME_MAKING, /* not complete: remove at start */
	CATALOG_VOLUME_READY,
	CATALOG_VOLUME_GOING, /* forgotten: remove at start */
};

/* What an operator wants to become of one. */
enum catalog_volume_intent {
	CATALOG_VOLUME_USE,
	CATALOG_VOLUME_DRAIN, /* nothing new, what is there goes elsewhere */
	CATALOG_VOLUME_FAIL,  /* the same, and it is not trusted */
};

struct catalog_volume {
	int64_t key;
	char node[NX_ID_LEN + 1];
	uint64_t size;
	enum catalog_volume_state state;
	bool active, suspect;
	int64_t disk; /* 0: the state directory's */
	enum catalog_volume_intent intent;
	uint64_t own; /* bytes of the node's own image; 0: it has none */
};
int catalog_volumes(struct catalog *c,
    void (*each)(const struct catalog_volume *v, void *arg), void *arg);
struct catalog_volume_op {
	struct catalog_volume volume;
	catalog_done *done;
	void *arg;
};
/* Inserts (filling in the key) or, when it has one, updates state, active,
 * suspect and intent. */
void catalog_volume_save(struct catalog *c, struct catalog_volume_op *op);
/* What opens a volume's chunks, wrapped: opaque here. */
#define CATALOG_KEY 92U
int catalog_volume_keys(struct catalog *c,
    int (*each)(
	const char *node, const uint8_t wrapped[CATALOG_KEY], void *arg),
    void *arg);
struct catalog_volume_key_op {
	int64_t volume;
	uint8_t wrapped[CATALOG_KEY];
	catalog_done *done;
	void *arg;
};
void
catalog_volume_key_save(struct catalog *c, struct catalog_volume_key_op *op);
/* The row of volume.key goes; no replica may refer to it any more. */
void catalog_volume_delete(struct catalog *c, struct catalog_volume_op *op);
/* Forgets all replicas on @volume, in steps that others' writes go between, and
 * marks it GOING. CATALOG_WOULD_LOSE when a file that is not @losable would have
 * a chunk nowhere because of it, CATALOG_KEPT when one that is locked would: both
 * are looked for before anything changes. If it only comes to be meanwhile, or
 * anything fails, replicas are forgotten that would not have had to be, no last. */
struct catalog_forget {
	int64_t volume;
	const int64_t *losable; /* contents of files, sorted; borrowed */
	size_t n_losable;
	uint64_t lost; /* files that have a chunk nowhere now */
	int64_t kept;  /* a file that is locked */
	catalog_done *done;
	void *arg;
	/* the catalogue's own, until @done */
	struct catalog *catalog;
	int64_t after, looked;
	uint64_t step_lost;
	bool more;
};
void catalog_volume_forget(struct catalog *c, struct catalog_forget *op);
int
catalog_volume_chunks(struct catalog *c, int64_t volume, uint64_t *ret_chunks);
/* Chunks on @volume with a key after @after, any replicas. Number, -errno. */
int catalog_volume_next(struct catalog *c, int64_t volume, int64_t after,
    struct catalog_chunk *ret_chunks, size_t max);
/* The next chunk of a file that has fewer replicas than it wants; zeros: from
 * the beginning. Chunks of copies come again with each as long as they are that
 * few. 1, 0 at the end, -errno. */
struct catalog_degraded {
	int64_t file, chunk;
};
int catalog_degraded_next(struct catalog *c, struct catalog_degraded *at,
    struct catalog_chunk *ret_chunk);
/* Counts such files with keys after *@after, which is the last one's then, up to
 * @max. Number or -errno. */
int catalog_degraded_count(struct catalog *c, int64_t *after, unsigned max);
/* The chunk, fresh; 0 or CATALOG_NO_FILE when it is gone. */
int catalog_chunk_get(
    struct catalog *c, int64_t chunk, struct catalog_chunk *ret_chunk);
/* A verified copy of @chunk exists on @volume now, @at; @old, unless 0, has none
 * any more. What was elsewhere on @volume is given up too. CATALOG_NO_FILE when
 * the chunk was deleted meanwhile. */
struct catalog_replica_set {
	int64_t chunk, volume, old;
	uint64_t at;
	catalog_done *done;
	void *arg;
};
void catalog_replica_set(struct catalog *c, struct catalog_replica_set *op);

/* --- what deletions leave behind --------------------------------------------*/

/* So that one owner's backlog is not everybody's: owners take turns, from one
 * call to the next, and who is wanted goes before them once. Begins as zeros. */
struct catalog_turn {
	int64_t last;    /* whose turn it was */
	uint64_t wanted; /* 0: nobody */
};

/* Takes away a bounded part of what was deleted, some hundred rows and about a
 * millisecond: rows go, chunk files become trash. Other writes go first, and it
 * is not synced: what a power cut undoes is reaped again. @more: there is a
 * next step. */
struct catalog_reap {
	bool more;
	struct catalog_turn turn; /* in and out */
	uint64_t began; /* nx_now_us(), after it had waited for others */
	catalog_done *done;
	void *arg;
};
void catalog_reap(struct catalog *c, struct catalog_reap *op);
/* Is there anything for it to do? 1, 0, -errno. */
int catalog_left(struct catalog *c);
/* Bytes that @user has deleted or replaced and that are not free yet: copies
 * counted, of very many chunks a part; and what is still below deleted folders,
 * as it counted against the quota. 0 or -errno. */
int catalog_waiting(struct catalog *c, uint64_t user, uint64_t *ret_bytes);

/* --- readers ----------------------------------------------------------------*/

/* While a content is pinned its chunks stay, and catalog_file_chunks gives them,
 * though all files that have it be deleted and nobody can find them any more.
 * Pins are counted and end with the process. 0 or -errno. */
int catalog_pin(struct catalog *c, int64_t content);
/* 1 when it was the last pin: what was deleted meanwhile can go; 0, -errno. */
int catalog_unpin(struct catalog *c, int64_t content);

/* --- damage -----------------------------------------------------------------*/

enum catalog_damage {
	CATALOG_WHOLE,
	CATALOG_DAMAGED, /* a block of the chunk is good in no replica */
	CATALOG_MISSING, /* no replica of it can be read */
};

/* What is known of @chunk. */
enum catalog_damage catalog_damage(struct catalog *c, int64_t chunk);

/* Remembers what a reader or the healer found out about @chunk, until it is
 * found whole. Nobody waits for it: what a crash forgets is found again. */
void
catalog_found(struct catalog *c, int64_t chunk, enum catalog_damage damage);

/* --- what is to be unlinked -------------------------------------------------*/

/* Chunk files of @volume nobody refers to any more: of several owners' as many
 * each, the largest of each first. Number or -errno. */
int catalog_trash(struct catalog *c, int64_t volume, struct catalog_turn *turn,
    struct chunk_id *ret_ids, size_t max);
/* They are unlinked. As for catalog_reap, other writes go first. */
struct catalog_trash_done {
	uint64_t began;
	int64_t volume;
	struct chunk_id *ids;
	size_t n;
	catalog_done *done;
	void *arg;
};
void catalog_trash_done(struct catalog *c, struct catalog_trash_done *op);
/* Does the catalogue, or its trash, know a file @name on @volume? 1, 0,
 * -errno. */
int catalog_knows(struct catalog *c, int64_t volume, const char *name);

/* --- checking ---------------------------------------------------------------*/

#define CATALOG_FINDING_VALUES 8

/* Rows that do not agree, or pages that cannot be read. */
struct catalog_finding {
	const char *rule; /* its name, of the program's own */
	char text[256];   /* what is wrong, in one sentence */
	bool mendable;
	/* the catalogue's own */
	size_t at;
	int64_t values[CATALOG_FINDING_VALUES];
	int n;
};

/*
 * Looks at everything in the file @path, a copy of the catalogue that nobody
 * else uses. Blocks for as long as that takes: a worker thread, or start-up.
 */
struct catalog_check {
	const char *path;
	unsigned share;          /* percent of a core; 0: all it can have */
	const atomic_bool *stop; /* true: end with -ECANCELED; may be NULL */
	void (*found)(const struct catalog_finding *f, void *arg);
	void *arg;
};
/* 0: all of it was looked at, whatever was found; -errno. */
int catalog_check(struct catalog_check *check);

/* Mends one finding of a copy in the catalogue itself, if it still is so. */
struct catalog_mend {
	struct catalog_finding finding; /* a mendable one */
	int changed;                    /* rows */
	catalog_done *done;
	void *arg;
};
void catalog_mend(struct catalog *c, struct catalog_mend *op);

#include "storaged/catalog/catalog_point.h"
#include "storaged/catalog/catalog_bucket.h"
#include "storaged/catalog/catalog_part.h"
#include "storaged/catalog/catalog_disks.h"
#include "storaged/catalog/catalog_segments.h"
#include "storaged/catalog/catalog_history.h"
#include "storaged/catalog/catalog_events.h"
#include "storaged/catalog/catalog_scrub.h"
#include "storaged/catalog/catalog_lock.h"

#endif
