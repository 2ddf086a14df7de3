/* What storaged answers to; who may ask is in common/method.c. Also the keys
 * of its section in nexus.conf. */
#include <stddef.h>

#include "common/err.h"
#include "storaged/downloads/downloads.h"
#include "storaged/trees/files.h"
#include "storaged/storaged.h"
#include "storaged/uploads/upload.h"
#include "storaged/volumes/volume_rpc.h"

const struct nx_handler storaged_handlers[] = {
    {NX__METHOD__FILE_OPEN_UPLOAD, upload_open_request},
    {NX__METHOD__FILE_FINISH_UPLOAD, upload_finish_request},
    {NX__METHOD__FILE_ABORT_UPLOAD, upload_abort_request},
    {NX__METHOD__FILE_LIST, file_list_request},
    {NX__METHOD__FILE_STAT, file_stat_request},
    {NX__METHOD__FILE_DELETE, file_delete_request},
    {NX__METHOD__FILE_OPEN_READ, download_open_request},
    {NX__METHOD__FS_MKDIR, fs_mkdir_request},
    {NX__METHOD__FS_LIST, fs_list_request},
    {NX__METHOD__FS_STAT, fs_stat_request},
    {NX__METHOD__FS_DELETE, fs_delete_request},
    {NX__METHOD__FS_MOVE, fs_move_request},
    {NX__METHOD__STORAGE_USAGE, storage_usage_request},
    {NX__METHOD__STORAGE_SET_QUOTA, storage_set_quota_request},
    {NX__METHOD__STORAGE_STATUS, storage_status_request},
    {NX__METHOD__VOLUME_CREATE, volume_create_request},
    {NX__METHOD__VOLUME_ATTACH, volume_attach_request},
    {NX__METHOD__VOLUME_SET_ACTIVE, volume_set_active_request},
    {NX__METHOD__VOLUME_DELETE, volume_delete_request},
    {NX__METHOD__VOLUME_LIST, volume_list_request},
    {NX__METHOD__AUTH_REVOKE, auth_revoke_request},
    {NX__METHOD__AUTH_USER_DELETED, auth_user_deleted_request},
};
const size_t storaged_handlers_count = NX_ARRAY_SIZE(storaged_handlers);

#define AT(field) offsetof(struct storaged_conf, field)

const struct nx_conf_key storaged_conf_keys[] = {
    {"storaged", "quota", NX_CONF_SIZE, AT(quota), "500M", 0, INT64_MAX},
    {"storaged", "threads", NX_CONF_UINT, AT(threads), "32", 2, 64},
    {"storaged", "upload_idle", NX_CONF_UINT, AT(upload_idle), "60", 1, 86400},
    {"storaged", "max_uploads", NX_CONF_UINT, AT(max_uploads), "256", 1, 512},
    {"storaged", "orphan_grace", NX_CONF_UINT, AT(orphan_grace), "600", 5,
	86400},
    {"storaged", "orphan_keep", NX_CONF_UINT, AT(orphan_keep), "604800", 5,
	31536000},
    {"storaged", "orphans", NX_CONF_UINT, AT(orphans), "64", 0, INT64_MAX},
    {"storaged", "entries", NX_CONF_UINT, AT(entries), "1000000", 1, INT64_MAX},
};
const size_t storaged_conf_count = NX_ARRAY_SIZE(storaged_conf_keys);
