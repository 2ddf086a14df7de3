/*
 * What an administrator may ask: users and counts. The kernel vouched for the
 * caller's uid; no password, hash, code or key ever leaves by these.
 */
#ifndef AUTHD_ADMIN_H
#define AUTHD_ADMIN_H

#include "authd/store/store.h"
#include "common/hub.h"

void auth_user_list_handler(struct nx_request *r, void *ctx);
void auth_user_get_handler(struct nx_request *r, void *ctx);
void auth_user_set_disabled_handler(struct nx_request *r, void *ctx);
void auth_user_delete_handler(struct nx_request *r, void *ctx);
void auth_status_handler(struct nx_request *r, void *ctx);

/* Answers with the UserInfo of @user. */
void auth_answer_user(struct nx_request *r, const struct auth_user *user);

#endif
