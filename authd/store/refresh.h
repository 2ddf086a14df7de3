/*
 * Refresh tokens that are good, and those used a moment ago. One of a session
 * that is in no row was used before: rows of used ones go, and what they stood
 * for stays true. Whatever ends a session takes its rows along (a trigger).
 */
#ifndef AUTHD_STORE_REFRESH_H
#define AUTHD_STORE_REFRESH_H

#include <stdint.h>

#include "authd/credentials/credentials.h"
#include "common/db.h"

#define AUTH_REFRESH_ROWS       64  /* of a session: used ones go first */
#define AUTH_REFRESH_WINDOW_MAX 600 /* seconds */

/* One that has just been made. 0 or -errno. */
int auth_refresh_put(
    struct nx_db *db, const struct auth_refresh_id *id, uint64_t now_us);
/*
 * Uses it up. 1: it was good, or used up so short a time ago (@window_us) that
 * whoever asks may have missed the answer; 0: it was used before that; -errno.
 */
int auth_refresh_use(struct nx_db *db, const struct auth_refresh_id *id,
    uint64_t now_us, uint64_t window_us);
/* The rows of those that were used longest ago. */
int auth_refresh_purge(struct nx_db *db, uint64_t now_us);

#endif
