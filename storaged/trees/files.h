/* Requests about files by id, trees by path, accounts. */
#ifndef STORAGED_FILES_H
#define STORAGED_FILES_H

#include "common/hub.h"

/* files.c */
void file_list_request(struct nx_request *r, void *ctx);
void file_stat_request(struct nx_request *r, void *ctx);
void file_delete_request(struct nx_request *r, void *ctx);

/* vfs.c */
void fs_mkdir_request(struct nx_request *r, void *ctx);
void fs_list_request(struct nx_request *r, void *ctx);
void fs_stat_request(struct nx_request *r, void *ctx);
void fs_delete_request(struct nx_request *r, void *ctx);
void fs_move_request(struct nx_request *r, void *ctx);

/* users.c */
void storage_usage_request(struct nx_request *r, void *ctx);
void storage_set_quota_request(struct nx_request *r, void *ctx);
void storage_status_request(struct nx_request *r, void *ctx);
void auth_revoke_request(struct nx_request *r, void *ctx);
void auth_user_deleted_request(struct nx_request *r, void *ctx);

#endif
