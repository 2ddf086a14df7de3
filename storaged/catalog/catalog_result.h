/* What an operation of the catalogue may come to beside well (0) and an error
 * (-errno): nothing has changed then. Part of its door, catalog.h. */
#ifndef STORAGED_CATALOG_RESULT_H
#define STORAGED_CATALOG_RESULT_H

enum catalog_result {
	CATALOG_NO_FILE = 1,
	CATALOG_AMBIGUOUS, /* several ids begin like that */
	CATALOG_BAD_ID,
	CATALOG_NO_PATH,
	CATALOG_NO_PARENT,
	CATALOG_NOT_FOLDER, /* a file is where a folder would have to be */
	CATALOG_IS_FOLDER,  /* a folder is where a file would have to be */
	CATALOG_TAKEN,
	CATALOG_NOT_EMPTY,
	CATALOG_INTO_ITSELF,
	CATALOG_IS_ROOT,
	CATALOG_TOO_DEEP,
	CATALOG_OVER_QUOTA,
	CATALOG_WOULD_LOSE, /* a file would have a chunk nowhere */
	CATALOG_NO_VOLUME,  /* a volume of the chunks has gone */
	CATALOG_TOO_MANY,   /* the user has as many entries as they may */
	CATALOG_NO_USER,    /* they were deleted, their things are going */
	CATALOG_UNMET,      /* a condition of the write does not hold */
	/* catalog_bucket.h, catalog_part.h */
	CATALOG_NO_BUCKET,
	CATALOG_BUCKET_TAKEN, /* by somebody else */
	CATALOG_BUCKET_FULL,  /* something is in it */
	CATALOG_BUCKETS_MANY, /* the owner has as many as they may */
	CATALOG_LOCKABLE,     /* its versions stay on */
	CATALOG_NOT_LOCKABLE, /* made without */
	CATALOG_NO_KEY,
	CATALOG_LOCKED,     /* retention or a hold keeps it */
	CATALOG_NO_UPLOAD,  /* in pieces */
	CATALOG_OFFSET,     /* a piece is not where the last one ends */
	CATALOG_BAD_PART,   /* not there, or with another etag */
	CATALOG_PART_ORDER, /* numbers do not ascend */
	CATALOG_PART_SMALL, /* and is not the last */
	CATALOG_IN_BUCKET,  /* an object, not to be had as a file */
	/* catalog_history.h */
	CATALOG_NO_VERSION,
	CATALOG_KEEPINGS_MANY, /* folders with a time of their own */
	CATALOG_NO_SNAPSHOT,
	CATALOG_SNAPSHOT_TAKEN,
	CATALOG_SNAPSHOTS_MANY,
	CATALOG_NOT_IN_SNAPSHOT,
	/* catalog_lock.h */
	CATALOG_KEPT, /* it, what it is in or something in it is locked */
	CATALOG_LOCK_PAST,
	CATALOG_LOCK_SHORTER,
	CATALOG_LOCKS_MANY,
};

#endif
