/*
 * All that the gateway answers, table by table. A further face plugs in here.
 */
#include "gatewayd/account/account.h"
#include "gatewayd/buckets/buckets.h"
#include "gatewayd/gateway.h"
#include "gatewayd/routes/routes.h"
#include "gatewayd/transfer/transfer.h"

const struct route_table *const gw_routes[] = {
    &health_routes,
    &login_routes,
    &password_routes,
    &token_routes,
    &session_routes,
    &key_routes,
    &factor_routes,
    &passkey_routes,
    &node_routes,
    &file_routes,
    &fs_routes,
    &history_routes,
    &snapshot_routes,
    &lock_routes,
    &list_routes,
    &policy_routes,
    &events_routes,
    &lambda_routes,
    &transfer_routes,
    &bucket_routes,
    &object_routes,
    &multipart_routes,
    &resumable_routes,
    NULL,
};
