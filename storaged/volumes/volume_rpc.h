/* nodemgr's requests about volumes. */
#ifndef STORAGED_VOLUME_RPC_H
#define STORAGED_VOLUME_RPC_H

#include "common/hub.h"

void volume_create_request(struct nx_request *r, void *ctx);
void volume_attach_request(struct nx_request *r, void *ctx);
void volume_set_active_request(struct nx_request *r, void *ctx);
void volume_delete_request(struct nx_request *r, void *ctx);
void volume_list_request(struct nx_request *r, void *ctx);

#endif
