/* See revoke.h. */
#include <string.h>

#include "authd/flows/revoke.h"

static int
end_one(struct authd *a, struct nx_db *db, uint64_t user_id, const uint8_t *id,
    int64_t *ret_notice)
{
	int r = auth_session_delete(db, id, user_id);

	return r < 0 ? r
		     : auth_notice_put(db, AUTH_NOTICE_REVOKE, user_id, id,
			   auth_now(a), ret_notice);
}

int
auth_sessions_end(struct authd *a, struct nx_db *db, uint64_t user_id,
    const uint8_t *but, int64_t *ret_notice)
{
	/* No user has more. */
	static uint8_t ids[AUTH_SESSIONS_LIVE][NX_SESSION_LEN];
	int n = auth_session_list(db, user_id, ids, AUTH_SESSIONS_LIVE);
	int r = n < 0 ? n : 0;

	*ret_notice = 0;
	for (int i = 0; r == 0 && i < n; i++)
		if (!but || memcmp(ids[i], but, NX_SESSION_LEN) != 0)
			r = end_one(a, db, user_id, ids[i], ret_notice);
	return r;
}
