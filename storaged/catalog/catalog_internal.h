/* Between the files of catalog_*.c only. */
#ifndef STORAGED_CATALOG_INTERNAL_H
#define STORAGED_CATALOG_INTERNAL_H

#include "common/db.h"
#include "storaged/catalog/catalog.h"
#include "storaged/catalog/catalog_stripe_internal.h"

/* What was read of a user, and is so until anything is written. */
struct catalog_known {
	uint64_t user;
	int changes; /* of the database when it was */
	bool has_usage, has_waiting, has_leaving;
	bool leaving;
	struct catalog_usage usage;
	uint64_t waiting;
};
#define CATALOG_KNOWN 64U

/* The last number of a user's log, as long as no write has been undone. */
struct catalog_told {
	uint64_t user, last; /* 0: not known */
	unsigned undone;
};
#define CATALOG_TOLD 64U

/* Where a way of folders led, and when that was so (catalog_walk.c). */
struct catalog_moment {
	bool between; /* two changes, not within a transaction */
	int changes;
	uint64_t owed;
};
struct catalog_walked {
	uint64_t owner;
	struct catalog_moment then;
	int64_t key;
	size_t len; /* 0: none */
	char names[256];
};
#define CATALOG_WALKED 64U

struct catalog {
	struct nx_db *db;                             /* whose ctx it is */
	struct catalog_known known[CATALOG_KNOWN];    /* by user */
	struct catalog_told told[CATALOG_TOLD];       /* by user */
	struct catalog_walked walked[CATALOG_WALKED]; /* by owner */
	struct catalog_owed *owed;                    /* catalog_owed.h */
	uint64_t events_keep;
	void (*told_fn)(uint64_t user, void *arg);
	void *told_arg;
	void (*died_fn)(uint64_t owner, uint64_t bytes, void *arg);
	void *died_arg;
};

/* For nx_db_open (catalog_schema.c). */
extern const char *const catalog_schema[];
extern const size_t catalog_schema_steps;
/* One of them, in a file of its own. */
extern const char catalog_schema_apart[];
extern const char catalog_schema_buckets[];
extern const char catalog_schema_point[];
extern const char catalog_schema_history[];
extern const char catalog_schema_parity[];
extern const char catalog_schema_policies[];
extern const char catalog_schema_events[];
extern const char catalog_schema_locks[];
extern const char catalog_schema_digests[];
extern const char catalog_schema_sums[];
extern const char catalog_schema_kept_sums[];

/* What is known of a content, as columns of files; empty: NULL. */
struct catalog_digests {
	size_t sha256_len, sums_len;
	uint8_t sha256[SHA256_LEN], sums[DIGEST_PACKED];
};
/* Accepts NULL: nothing. */
void catalog_digests_of(
    const struct digest_values *values, struct catalog_digests *ret_columns);

/* Whose chunks the row @f of files has: its own, or those of the one it is a
 * copy of. Keys are never used again, so that one may have gone. */
#define CONTENT_OF(f) "iif(" f ".content <> 0, " f ".content, " f ".file)"
/* Is @f one of the rows that have the content @key? */
#define HAS_CONTENT(f, key)                                        \
	"(" f ".file = " key " OR (" f ".content = " key " AND " f \
	".content <> 0))"

/* The epoch of @owner, as an expression. */
#define EPOCH_OF(owner) \
	"ifnull((SELECT epoch FROM users WHERE user = " owner "), 0)"

/* Chunks of a file that are known to be damaged, and to be missing. That there
 * are none of anybody's is found out once for a statement, not for each row. */
#define DAMAGE_COUNT(file, kind)                                            \
	"iif(EXISTS(SELECT 1 FROM damage), (SELECT count(*) FROM damage d " \
	"WHERE d.file = " file " AND d.kind = " kind "), 0)"
#define DAMAGE_COLUMNS(file) \
	DAMAGE_COUNT(file, "1") ", " DAMAGE_COUNT(file, "2")

/* Of struct catalog_about, and its bytes; NULL for what has none. */
#define ABOUT_COLUMNS "f.mtime, f.type, f.extra"
void catalog_read_about(
    sqlite3_stmt *stmt, int column, struct catalog_about *ret_about);

/* Columns of struct catalog_file in the order catalog_read_file wants. */
#define FILE_COLUMNS                                                           \
	"f.file, f.id, f.name, f.owner, f.size, f.chunks, f.want, "            \
	"f.replicas, f.md5, f.created_at, f.tree, " DAMAGE_COLUMNS(CONTENT_OF( \
	    "f")) ", f.parts, " CONTENT_OF("f") ", " ABOUT_COLUMNS             \
						", ifnull((SELECT x.code "     \
						"FROM chunks x WHERE x.file "  \
						"= " CONTENT_OF(               \
						    "f") " AND x.idx = 0), 0)"
void catalog_read_file(sqlite3_stmt *stmt, struct catalog_file *ret_file);

/* What an entry adds to the folder it is in, or a change of that. */
struct catalog_sums {
	int64_t size, files, folders;
	int64_t charged; /* bytes against the quota */
	/* Levels, and bytes of a path, from that folder down: only ever an
	 * upper bound, for deletions do not lower it. 0 in changes. */
	int64_t height, reach;
};

/* Adds to a user's account; makes it when it is not there. -EBADMSG when
 * something would fall below zero. */
int catalog_account(struct nx_db *db, uint64_t user,
    const struct catalog_sums *d, int64_t chunks);
/* The same, and what changes at the root of their tree. */
struct catalog_root {
	int64_t size;
	uint64_t changed_at; /* 0: nothing came or went in it */
};
int catalog_account_root(struct nx_db *db, uint64_t user,
    const struct catalog_sums *d, int64_t chunks,
    const struct catalog_root *root);
/* Adds to the sums of @folder and all above it; *ret_root: what is left to be
 * added to the account. As catalog_add_up. */
int catalog_add_to_root(struct nx_db *db, int64_t folder,
    const struct catalog_sums *d, struct catalog_root *ret_root);
/* CATALOG_OVER_QUOTA, CATALOG_TOO_MANY, 0, -errno. */
int catalog_check_account(
    struct nx_db *db, uint64_t user, uint64_t quota, uint64_t entries);
/* 1 when the user is being dropped, 0, -errno. */
int catalog_leaving(struct nx_db *db, uint64_t user);
/* The same, for questions that many ask between two commits. */
int catalog_known_leaving(struct catalog *c, uint64_t user);

/*
 * The row of a file or of a folder goes, the rest of it at once or by reaping;
 * inside a write. Sums, accounts and a file's entry are the caller's.
 */
int catalog_drop_file(struct nx_db *db, uint64_t owner, int64_t file);
/* Copies that are not finished are undone: at start all, @arg NULL, or those of
 * the user @arg points to, a uint64_t, who leaves. */
int catalog_copy_undo(struct nx_db *db, void *arg);
/* @charged: what it and everything below it counted. */
int catalog_drop_folder(
    struct nx_db *db, uint64_t owner, int64_t folder, int64_t charged);

/*
 * Walks @depth names of @path. 0: *ret_entry is that entry (the root: key 0,
 * folder); CATALOG_NO_PATH, CATALOG_NOT_FOLDER.
 */
int catalog_walk(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, struct catalog_entry *ret_entry);
/* The same for folders alone, @depth of them, fewer than there are names: the
 * last one's key. */
int catalog_walk_folders(struct nx_db *db, uint64_t owner,
    const struct path *path, unsigned depth, int64_t *ret_key);
/* 1 found, 0 not, -errno. */
int catalog_find_child(struct nx_db *db, uint64_t owner, int64_t parent,
    const char *name, struct catalog_entry *ret_entry);
/* Entries with names after @after, up to the first folder. Number, -errno. */
int catalog_list_to_folder(struct nx_db *db, uint64_t owner, int64_t folder,
    const char *after, struct catalog_entry *ret_entries, size_t max);
/* The folder @path is to be in: its key, and nothing else of it. */
int catalog_walk_parent(struct nx_db *db, uint64_t owner,
    const struct path *path, struct catalog_entry *ret_parent);
/* What @entry itself adds to the folder *ret_parent it is in. */
int catalog_read_sums(struct nx_db *db, int64_t entry, int64_t *ret_parent,
    struct catalog_sums *ret_sums);
struct catalog_sums catalog_negated(const struct catalog_sums *sums);
/* Ends an operation on a tree: nx_db_write's done. */
void catalog_tree_done(int result, void *arg);
/* Adds to the sums of @folder and all above it, the root's in the account, and
 * sets the time of @folder. -EBADMSG when one would fall below zero. What is
 * not in the tree yet ends at a folder below 0. */
int catalog_add_up(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d);
/* The same, and to the account. */
int catalog_settle(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d);
/* Puts @file at @path, replacing a file there; inside a write. */
int catalog_put_entry(struct nx_db *db, const struct catalog_commit *op,
    int64_t file, bool *ret_replaced);
/* Makes way for @from, whatever folder it is in now, at @to: 0 and the folder
 * it goes into, or why it may not. With @ret_parent NULL only looks. */
int catalog_clear_target(struct nx_db *db, uint64_t owner,
    const struct catalog_entry *from, const struct path *to, bool replace,
    const struct catalog_condition *condition, int64_t *ret_parent);
/* The file @file of @owner is deleted where it is in the tree. CATALOG_NO_FILE
 * when a folder above it has been deleted. */
int catalog_take_entry(struct nx_db *db, uint64_t owner, int64_t file);
/* @e and everything below it goes from where it is: its row, its part of the
 * sums above it and of the account. It is history (catalog_past.h), unless
 * @forever. *ret_sums: what it was. */
int
catalog_bury(struct nx_db *db, uint64_t owner, const struct catalog_entry *e,
    enum catalog_why why, bool forever, struct catalog_sums *ret_sums);
/* Is there still a way from the root to the entry of @file? 1, 0, -errno. */
int catalog_is_attached(struct nx_db *db, int64_t file);
/* The entry of @file in its tree. 1 found, 0 not, -errno. */
int catalog_entry_of(struct nx_db *db, int64_t file, int64_t *ret_entry);

/* The largest owner up to @most of whom something waits, on @volume if that has
 * to do with it. 1, 0: there is none, -errno. */
typedef int catalog_owner_upto(
    struct nx_db *db, int64_t most, int64_t volume, int64_t *ret_owner);
/* The next whose turn it is, of those that @upto finds. 1, 0: nothing waits,
 * -errno. */
int catalog_next_owner(struct nx_db *db, struct catalog_turn *turn,
    catalog_owner_upto *upto, int64_t volume, uint64_t *ret_owner);

/* Does somebody read it right now? Then its chunks must stay. 1, 0, -errno. */
int catalog_is_pinned(struct nx_db *db, int64_t file);

/* A replica of a new chunk, @i of @c, and the sums of its volume and of its
 * segment. (What goes, and what moves, triggers count.) 0, CATALOG_NO_VOLUME,
 * -errno. */
int catalog_replica_insert(
    struct nx_db *db, int64_t chunk, const struct catalog_chunk *c, uint32_t i);
/* The sums alone, after a replica was inserted. 0 or -errno. */
int catalog_replica_came(
    struct nx_db *db, int64_t chunk, int64_t volume, uint64_t at);
/* So many records came to the segment that @at is in, none behind @at. */
int catalog_records_came(struct nx_db *db, int64_t volume, uint64_t at,
    int64_t chunks, int64_t bytes);
/* The path of @entry, "/" of the root; cut at the front when it is longer than
 * @size. 0 or -errno. */
int catalog_entry_place(
    struct nx_db *db, int64_t entry, char *ret_text, size_t size);
/* Some of the locks of @owner, who leaves, go. 1: there were some, 0, -errno. */
int catalog_drop_locks(struct nx_db *db, uint64_t owner);

/* Marks @chunk missing, before its last replica is forgotten; inside a
 * write. */
int catalog_lose_chunk(struct nx_db *db, int64_t chunk);

uint64_t catalog_now(void); /* unix seconds */

/* Many small writes of one user ask the same of the same user between two
 * commits. The user's place, with nothing in it that is not so any more. */
struct catalog_known *catalog_known(struct catalog *c, uint64_t user);

/* Reads chunk columns: chunk, file, id, size, md5, crc, idx, code; then the
 * replicas. */
#define CHUNK_COLUMNS \
	"c.chunk, c.file, c.id, c.size, c.md5, c.crc, c.idx, c.code"
int catalog_read_chunk(sqlite3_stmt *stmt, struct catalog_chunk *ret_chunk);
int catalog_read_replicas(struct nx_db *db, struct catalog_chunk *chunk);
/* All rows of such columns, from @r, which nx_db_query answered; then their
 * replicas. Number or -errno. */
int catalog_read_chunks(struct catalog *c, int r, sqlite3_stmt *stmt,
    struct catalog_chunk *ret_chunks);

/* Records of @owner's die: those of @file before the chunk @end, in segments
 * (catalog_segments.c). 0 or -errno. */
int
catalog_tell_died(struct nx_db *db, uint64_t owner, int64_t file, int64_t end);

#endif
