/*
 * What commits of new files put off to the end of their transaction: the sums of
 * the volumes, segments, folders and accounts they add to. Many that come at
 * once are mostly one user's and go into few folders, so a third of what each of
 * them cost was writing the same rows again.
 *
 * A write owes between catalog_owing() and catalog_owing_no_more(), and is handed
 * in with nx_db_write_owing(). It reads none of those sums but its account's,
 * here. Between the files of catalog_*.c only.
 */
#ifndef STORAGED_CATALOG_OWED_H
#define STORAGED_CATALOG_OWED_H

#include "storaged/catalog/catalog_internal.h"

/* 0 or -ENOMEM. */
int catalog_owed_new(struct catalog *c);
struct catalog_owed *catalog_owed_free(struct catalog_owed *o);

/* The write that runs now begins to owe, and ends. */
void catalog_owing(struct nx_db *db);
void catalog_owing_no_more(struct nx_db *db);
/* Does it? */
bool catalog_owes(struct nx_db *db);
/* Does it? Then *ret_moment: as long as it is the same, only writes that owe have
 * been made since, and none was undone. */
bool catalog_owed_moment(struct catalog *c, uint64_t *ret_moment);
/* What is owed is written, and the write that runs now owes nothing more: from
 * here on it may read and change any of the sums. 0 or -errno. */
int catalog_owed_pay(struct nx_db *db);

/* Only while it owes. A new replica: 0, CATALOG_NO_VOLUME, -errno. @bytes: in
 * its segment, when @at says one. */
int catalog_owe_replica(
    struct nx_db *db, int64_t volume, uint64_t at, int64_t bytes);
/* As catalog_settle, catalog_account and catalog_check_account. */
int catalog_owe_settle(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d);
int catalog_owe_account(struct nx_db *db, uint64_t user,
    const struct catalog_sums *d, int64_t chunks);
int catalog_owed_check(
    struct nx_db *db, uint64_t user, uint64_t quota, uint64_t entries);

#endif
