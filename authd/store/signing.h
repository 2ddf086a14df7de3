/* Which keys there are that sign tokens; the keys themselves are in files
 * (credentials/keyring.h). */
#ifndef AUTHD_STORE_SIGNING_H
#define AUTHD_STORE_SIGNING_H

#include "authd/credentials/credentials.h"
#include "common/db.h"

/* As they came. Number or -errno. */
int auth_signing_list(
    struct nx_db *db, struct auth_signing_row ret_rows[AUTH_SIGNING_KEYS]);
int auth_signing_put(struct nx_db *db, const struct auth_signing_row *row);
/* All that have no end yet, but this one, have it then. */
int auth_signing_retire(struct nx_db *db, const char *but, int64_t drop_at);
int auth_signing_set_begin(struct nx_db *db, const char *kid, int64_t signs_at);
int auth_signing_delete(struct nx_db *db, const char *kid);

#endif
