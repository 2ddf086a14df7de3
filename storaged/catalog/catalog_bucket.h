/*
 * Buckets: a flat space of keys beside the trees, with versions, retention and
 * what S3 knows of an object. Part of the catalogue's door (catalog.h), which
 * says how operations and their results are meant.
 *
 * An object is a row that names a file (catalog_files.c), so chunks, replicas,
 * healing, readers and trash are the files' own. Of the versions of a key the one
 * that came last is the current one; a delete marker is a version without file.
 *
 * Nothing of a bucket is anybody's but its owner's: who asks for another's gets
 * CATALOG_NO_BUCKET. Names are one space for all, as S3's clients expect.
 */
#ifndef STORAGED_CATALOG_BUCKET_H
#define STORAGED_CATALOG_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "storaged/chunks/chunks.h"

struct catalog;
struct catalog_condition;

#define CATALOG_BUCKET_NAME 63U
#define CATALOG_KEY_MAX     1024U
#define CATALOG_META_MAX    16384U
#define CATALOG_BUCKETS_MAX 1000U /* of one owner */

/* Of a key: any bytes but NUL, at least one; borrowed. */
struct catalog_key {
	const uint8_t *data;
	size_t len; /* at most CATALOG_KEY_MAX */
};

/* As people may see it: what is no text is written %XX, and it is cut at the end
 * when it is longer than @size. */
void
catalog_key_text(const struct catalog_key *key, char *ret_text, size_t size);

enum catalog_versions {
	CATALOG_VERSIONS_OFF, /* never were on */
	CATALOG_VERSIONS_ON,
	CATALOG_VERSIONS_SUSPENDED
};

enum catalog_lock_mode {
	CATALOG_UNLOCKED,
	CATALOG_GOVERNANCE, /* may be lifted by who says that they mean to */
	CATALOG_COMPLIANCE, /* may not be lifted by anybody */
	CATALOG_LOCK_MODES
};

/* What keeps a version from being deleted. Times are the catalogue's own clock,
 * which never goes back (catalog_clock.c). */
struct catalog_lock {
	enum catalog_lock_mode mode;
	uint64_t until; /* unix seconds; of no meaning when UNLOCKED */
	bool hold;      /* a legal hold, beside it */
};

struct catalog_bucket {
	int64_t key;
	char name[CATALOG_BUCKET_NAME + 1];
	uint64_t owner, made_at;
	enum catalog_versions versions;
	bool lockable; /* versions can be locked; then they are on for good */
	enum catalog_lock_mode mode; /* of every new version, for */
	uint32_t days;               /* so many days */
};

/* 0, CATALOG_NO_BUCKET, -errno. @owner 0: anybody's. */
int catalog_bucket_find(struct catalog *c, uint64_t owner, const char *name,
    struct catalog_bucket *ret_bucket);
/* By name, those after @after. Number or -errno. */
int catalog_bucket_list(struct catalog *c, uint64_t owner, const char *after,
    struct catalog_bucket *ret_buckets, size_t max);

/* Makes, changes (versions, mode, days) or deletes bucket.key, made by name. */
struct catalog_bucket_op {
	struct catalog_bucket bucket; /* make: made_at and key are filled in */
	uint64_t quota, entries;      /* make, as in struct catalog_commit */
	bool lock; /* change: mode and days too; else they are as they are */
	void (*done)(int result, void *arg);
	void *arg;
};
/* CATALOG_TAKEN: by the owner themselves, CATALOG_BUCKET_TAKEN: by another. */
void catalog_bucket_make(struct catalog *c, struct catalog_bucket_op *op);
/* Versions off: as they are. What is not changed is as the transaction finds it,
 * and filled in. CATALOG_LOCKABLE: versions of a lockable bucket stay on. */
void catalog_bucket_set(struct catalog *c, struct catalog_bucket_op *op);
/* CATALOG_BUCKET_FULL while there is a version or an upload in it. */
void catalog_bucket_delete(struct catalog *c, struct catalog_bucket_op *op);

/* --- objects ----------------------------------------------------------------*/

struct catalog_object {
	int64_t row;
	size_t key_len;
	uint8_t key[CATALOG_KEY_MAX];
	char version[NX_ID_LEN + 1]; /* empty: the null version */
	bool current, marker;
	int64_t file; /* 0: a marker */
	char id[NX_ID_LEN + 1];
	uint64_t size, charged;
	uint32_t parts; /* of a multipart upload; 0: of none */
	struct etag etag;
	uint64_t modified_at;
	struct catalog_lock lock;
};

/* The version @version ("null": the null version) of @key, or with NULL the
 * current one; 0, CATALOG_NO_KEY, -errno. A marker is found too. */
int catalog_object_find(struct catalog *c, const struct catalog_bucket *bucket,
    const struct catalog_key *key, const char *version,
    struct catalog_object *ret_object);
/* The one whose file has the id @id, of @owner's (0: anybody's). */
int catalog_object_of(struct catalog *c, uint64_t owner, const char *id,
    struct catalog_object *ret_object);
/* Its metadata; number of bytes, at most CATALOG_META_MAX, or -errno. */
int catalog_object_meta(
    struct catalog *c, int64_t row, uint8_t ret_meta[CATALOG_META_MAX]);

/* How a list goes on: where it stopped. */
struct catalog_cursor {
	size_t len; /* 0: from the beginning */
	uint8_t key[CATALOG_KEY_MAX];
	bool beyond; /* after all keys that begin with @key, not just @key */
	/* versions: after this one of @key; 0: after all of them */
	int64_t row;
};

/* One thing of a list: an object, or what several keys begin with. */
struct catalog_listed {
	const struct catalog_object *object; /* NULL: a common prefix */
	struct catalog_key prefix;
};
/* Takes it and returns true, or wants no more: the list ends before it. */
typedef bool catalog_object_each(const struct catalog_listed *one, void *arg);

struct catalog_listing {
	struct catalog_key prefix, delimiter; /* empty: none */
	bool versions; /* all of each key, newest first, markers too */
	size_t max;
	/* in: after what; out: what to go on after, when *ret_more */
	struct catalog_cursor cursor;
};
/*
 * Current objects, or versions, byte-wise by key. What lies between two common
 * prefixes is stepped over, not through. 0 and *ret_more, -errno.
 */
int catalog_object_list(struct catalog *c, const struct catalog_bucket *bucket,
    struct catalog_listing *l, catalog_object_each *each, void *arg,
    bool *ret_more);

/* Where a commit puts its file; see struct catalog_commit. */
struct catalog_object_put {
	int64_t bucket;
	struct catalog_key key;
	const uint8_t *meta;
	size_t meta_len;
	struct catalog_lock lock; /* UNLOCKED: what the bucket says */
	bool adds_only; /* no version with content goes for it, old or new */
	/* results */
	char version[NX_ID_LEN + 1];
};
/* May one come there? 0, or why not; what the one it replaces counts is in
 * *ret_old, 0 when none goes. */
int catalog_check_object(struct catalog *c, uint64_t owner,
    const struct catalog_object_put *put,
    const struct catalog_condition *condition, uint64_t *ret_old);

/* Deletes a version, or without one the current: what is left is what S3 says,
 * a marker where versions are kept. Nothing there: CATALOG_NO_KEY. */
struct catalog_object_remove {
	int64_t bucket;
	uint64_t owner;
	struct catalog_key key;
	const char *version;                       /* NULL: none was named */
	bool bypass;                               /* governance */
	const struct catalog_condition *condition; /* NULL: none */
	uint64_t quota, entries;                   /* for a marker */
	/* results */
	bool made_marker, was_marker;
	char marker[NX_ID_LEN + 1]; /* the version that was made or deleted */
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_object_remove(struct catalog *c, struct catalog_object_remove *op);

/* Changes the lock of a version. CATALOG_LOCKED when that would shorten it. */
struct catalog_object_lock {
	int64_t bucket;
	uint64_t owner;
	struct catalog_key key;
	const char *version;
	struct catalog_lock lock;
	bool set_until, set_hold; /* which of it */
	bool bypass;
	struct catalog_object object; /* result: as it is then */
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_object_lock(struct catalog *c, struct catalog_object_lock *op);

/* The highest time the catalogue has ever seen, in unix seconds; retention is
 * by this. */
uint64_t catalog_clock(struct catalog *c);

#endif
