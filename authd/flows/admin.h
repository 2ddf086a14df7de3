/*
 * What an administrator may ask: users and counts. The kernel vouched for the
 * caller's uid; no password, hash, code or key ever leaves by these.
 */
#ifndef AUTHD_ADMIN_H
#define AUTHD_ADMIN_H

#include "authd/store/store.h"
#include "common/hub.h"

/* Answers with the UserInfo of @user. */
void auth_answer_user(struct nx_request *r, const struct auth_user *user);

#endif
