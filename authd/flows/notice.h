/*
 * What storaged and nodemgr must learn and confirm: sessions that ended, users
 * that are disabled or deleted. A notice is written in the transaction that
 * makes it true and stays in the database until it has been confirmed, however
 * long the other side is away. Per role and kind one is in flight at a time, so
 * that revocations never wait behind the deletion of a user's files.
 */
#ifndef AUTHD_NOTICE_H
#define AUTHD_NOTICE_H

#include "authd/state.h"
#include "authd/store/store.h"

/* Sends what is pending; harmless at any time. */
void auth_notice_pump(struct authd *a);
/* Answers @r (with @user as a UserInfo, or NULL: Empty) as soon as the roles
 * that are here have confirmed the revocations up to @id, or after two seconds: a
 * ticket dies by itself within a minute. */
void auth_notice_answer(struct authd *a, struct nx_request *r, int64_t id,
    const struct auth_user *user);
/* At shutdown: stops sending, answers who waits. */
void auth_notice_stop(struct authd *a);

#endif
