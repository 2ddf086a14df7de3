/*
 * Uploads in pieces: several requests, in any number of processes' lives, make
 * one file. S3's multipart uploads have parts by number, which are put in order at
 * the end; a resumable upload has pieces one after the other. Part of the
 * catalogue's door (catalog.h).
 *
 * A piece is a file of its own that nobody sees: it has its chunks, is healed and
 * counts. The whole is a file too, from the beginning, without a chunk of its own:
 * completing it writes where each piece begins and puts it where it belongs, and
 * no chunk's row is touched. Its id is the upload's, so who asks again whether it
 * is complete finds the file.
 */
#ifndef STORAGED_CATALOG_PART_H
#define STORAGED_CATALOG_PART_H

#include "storaged/catalog/catalog_bucket.h"
#include "storaged/catalog/path.h"

#define CATALOG_PARTS_MAX 10000U
#define CATALOG_PART_MIN  (5U << 20) /* all but the last, of S3's */

#define CATALOG_SUM_SHA256 1U /* in sets of sums that are wanted */

enum catalog_upload_kind {
	CATALOG_MULTIPART = 1, /* for a key of a bucket */
	CATALOG_RESUMABLE,     /* for a path, or a raw file */
};

struct catalog_upload {
	int64_t file; /* the whole */
	char id[NX_ID_LEN + 1];
	uint64_t owner;
	enum catalog_upload_kind kind;
	int64_t bucket; /* MULTIPART */
	size_t key_len;
	uint8_t key[CATALOG_KEY_MAX];
	char name[PATH_NAME_MAX + 1];   /* RESUMABLE: of a raw file, or */
	char path[PATH_BYTES_MAX + 2];  /* where it goes */
	uint32_t want;                  /* replicas */
	uint32_t code;                  /* catalog_stripe.h */
	uint32_t sums;                  /* CATALOG_SUM_*, or-ed: are wanted */
	uint64_t began_at, expires_at;  /* unix seconds */
	uint64_t size, chunks, charged; /* of its pieces */
	uint32_t parts;
	struct catalog_lock lock;
	bool adds_only;  /* opened by who may only add: it replaces nothing */
	int64_t changes; /* another number after whatever was done to it */
};

/* Opens upload.kind: id, file and times are filled in. */
struct catalog_upload_open {
	struct catalog_upload upload;
	const uint8_t *meta;
	size_t meta_len;
	const uint8_t *state; /* RESUMABLE, of no byte; NULL: no SHA-256 */
	uint64_t keep;        /* seconds until it expires */
	uint64_t quota, entries;
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_upload_open(struct catalog *c, struct catalog_upload_open *op);
/* @owner 0: anybody's. @place: as in catalog_file_find. 0, CATALOG_NO_UPLOAD,
 * -errno. */
int catalog_upload_find(struct catalog *c, uint64_t owner, const char *place,
    const char *id, struct catalog_upload *ret_upload);
/* Its metadata; number of bytes, or -errno. */
int catalog_upload_meta(
    struct catalog *c, int64_t upload, uint8_t ret_meta[CATALOG_META_MAX]);
/* Where the SHA-256 of a resumable one stands, which is wanted. 0 or -errno. */
int catalog_upload_state(
    struct catalog *c, int64_t upload, uint8_t ret_state[DIGEST_STATE]);
/* Of a bucket by key and age, those after the upload @after of @after_key; of a
 * user by age. Number or -errno. */
int catalog_upload_list(struct catalog *c, int64_t bucket,
    const struct catalog_key *after_key, int64_t after,
    struct catalog_upload *ret_uploads, size_t max);
int catalog_resumable_list(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_upload *ret_uploads, size_t max);

struct catalog_part {
	uint32_t number;
	uint64_t size, offset; /* offset: of resumable uploads */
	struct etag etag;
	uint64_t made_at;
	bool summed; /* there is a SHA-256 */
	uint8_t sha256[SHA256_LEN];
};
/* Number or -errno. */
int catalog_part_list(struct catalog *c, int64_t upload, uint32_t after,
    struct catalog_part *ret_parts, size_t max);

/* Where a commit puts its file; see struct catalog_commit. */
struct catalog_part_put {
	int64_t upload;  /* its file */
	uint32_t number; /* MULTIPART: replaces the one of that number */
	uint64_t offset; /* RESUMABLE: must be where the last one ends */
	uint64_t keep;   /* seconds from now on until it expires; 0: as it is */
	const uint8_t *state; /* of the SHA-256 with it; NULL: as it is */
};

/*
 * Says which parts a multipart upload is made of, and where each begins: by number,
 * as many steps as they need, with others' writes between. It shows nowhere until
 * it is committed; done again it is as the last one said. CATALOG_PART_ORDER,
 * CATALOG_PART_SMALL, CATALOG_BAD_PART: of parts[wrong].
 */
struct catalog_placing {
	uint64_t owner;
	int64_t upload;
	struct catalog_part *parts; /* number and etag; borrowed */
	size_t n_parts;
	/* results, and the SHA-256 of each part */
	size_t wrong;
	uint64_t size, chunks;
	int64_t changes; /* of the upload, then */
	void (*done)(int result, void *arg);
	void *arg;
	/* the catalogue's own, until @done */
	struct catalog *catalog;
	struct catalog_placed {
		uint32_t after;
		size_t next; /* of parts */
		uint64_t size, chunks;
	} now, then; /* before a step, and after it if it is not undone */
	bool more;
};
void catalog_place_parts(struct catalog *c, struct catalog_placing *op);

/* What a commit makes its file of, instead of chunks: the parts that were placed,
 * or all pieces of a resumable upload. Id, want, size and chunks of the file are
 * the upload's, its etag is the caller's to know. CATALOG_OFFSET when anything
 * has happened to the upload since. */
struct catalog_assembly {
	int64_t upload, changes;
	uint32_t parts;
	uint64_t size, chunks;
};

/* Gives up an upload: all of it goes. */
struct catalog_upload_drop {
	uint64_t owner; /* 0: anybody's */
	int64_t upload;
	void (*done)(int result, void *arg);
	void *arg;
};
void catalog_upload_drop(struct catalog *c, struct catalog_upload_drop *op);
/* The first upload that has expired: its key, 0: there is none, -errno. */
int64_t catalog_upload_expired(struct catalog *c);

#endif
