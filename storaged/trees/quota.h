/*
 * How much a user may still store. What counts of it is in the catalogue; what
 * uploads under way have been promised is here, and goes with the process.
 * Loop's thread only.
 */
#ifndef STORAGED_QUOTA_H
#define STORAGED_QUOTA_H

#include <stdint.h>

#include "storaged/storaged.h"

struct quotas *quotas_new(void);
struct quotas *quotas_free(struct quotas *q);

/* The user's limit in bytes, of what counts (catalog_charge). User 0, the
 * operator, has none unless one is set. */
int quota_limit(struct storaged *s, uint64_t user, uint64_t *ret_bytes);
/* Files and folders the user may have. */
uint64_t quota_entries(const struct storaged *s, uint64_t user);
/* May there be one more? 0, CATALOG_TOO_MANY, -errno. */
int quota_check_entries(struct storaged *s, uint64_t user);
/* Does too much of what @user has deleted or replaced still take room? 0, then
 * the bytes in *ret_waiting are of no interest; 1: yes; -errno. */
int
quota_check_waiting(struct storaged *s, uint64_t user, uint64_t *ret_waiting);
/* What is neither used, nor promised, nor needed by snapshots. */
int quota_left(struct storaged *s, uint64_t user, uint64_t *ret_bytes);
/* Changes what is promised to @user from @old to @fresh bytes, of one upload.
 * 0 or -ENOMEM, and then nothing has changed. */
int
quota_promise(struct storaged *s, uint64_t user, uint64_t old, uint64_t fresh);
uint64_t quota_promised(struct storaged *s, uint64_t user);
/* Of all users. */
uint64_t quota_promised_total(struct storaged *s);

#endif
