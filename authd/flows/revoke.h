/* Ending sessions, and telling those who gave them tickets. */
#ifndef AUTHD_REVOKE_H
#define AUTHD_REVOKE_H

#include "authd/state.h"
#include "authd/store/store.h"

/*
 * In a transaction: ends all sessions of the user but the one called @but (NULL:
 * all), one by one, so that whoever signs in anew is let in at once. *ret_notice
 * is what auth_notice_answer() waits for; 0: there was none. 0 or -errno.
 */
int auth_sessions_end(struct authd *a, struct nx_db *db, uint64_t user_id,
    const uint8_t *but, int64_t *ret_notice);

#endif
