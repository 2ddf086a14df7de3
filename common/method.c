/* The table of methods. One line each; what the columns mean is in method.h. */
#include "common/err.h"
#include "common/method.h"
#include "common/ticket.h"
#include "proto/auth.pb-c.h"
#include "proto/mail.pb-c.h"
#include "proto/net.pb-c.h"
#include "proto/node.pb-c.h"
#include "proto/storage.pb-c.h"
#include "proto/switch.pb-c.h"

#define GW   NX_ROLE_BIT(NX_ROLE_GATEWAY)
#define ADM  NX_ROLE_BIT(NX_ROLE_ADMIN)
#define NODE NX_ROLE_BIT(NX_ROLE_NODE)
#define STOR NX_ROLE_BIT(NX_ROLE_STORAGE)
#define AUTH NX_ROLE_BIT(NX_ROLE_AUTH)
#define SW   NX_ROLE_BIT(NX_ROLE_SWITCH)
#define EVERY                                                       \
	(GW | ADM | NODE | STOR | AUTH | NX_ROLE_BIT(NX_ROLE_NET) | \
	    NX_ROLE_BIT(NX_ROLE_MAIL))

#define D(m) &nx__##m##__descriptor
#define T    NX_NEEDS_TICKET
#define N    NX_NO_TICKET
#define M(m) .method = NX__METHOD__##m, .name = #m
/* message types, callers, callee, ticket, rights */
#define P(req, rep, from, to, t, r)                            \
	.request = D(req), .reply = D(rep), .callers = (from), \
	.callee = NX_ROLE_##to, .ticket = (t), .rights = (r)
#define IDEM            .idempotent = true
#define FDS(lo, hi, k)  .fds_min = (lo), .fds_max = (hi), .fd_kind = NX_FD_##k
#define REPLY_FDS(n, k) .reply_fds_max = (n), .reply_fd_kind = NX_FD_##k

#define RD NX_RIGHT_READ
#define WR NX_RIGHT_WRITE
#define ND NX_RIGHT_NODES
#define FN NX_RIGHT_FUNCTIONS

/* clang-format off */
const struct nx_method nx_methods[] = {
{M(SWITCH_HELLO), P(hello, hello_reply, EVERY, SWITCH, N, 0)},
{M(SWITCH_ATTACH), P(attach, empty, SW, NONE, N, 0), FDS(1, 1, SEQPACKET)},
{M(SWITCH_EDGE_LOST), P(attach, empty, EVERY, SWITCH, N, 0)},
{M(SWITCH_STATUS), P(empty, switch_status_reply, ADM, SWITCH, N, 0), IDEM},

{M(AUTH_REGISTER_INIT), P(register_init_request, auth_message_reply, GW, AUTH, N, 0)},
{M(AUTH_REGISTER_VERIFY), P(verify_request, verify_reply, GW, AUTH, N, 0)},
{M(AUTH_LOGIN_INIT), P(login_init_request, auth_message_reply, GW, AUTH, N, 0)},
{M(AUTH_LOGIN_VERIFY), P(verify_request, verify_reply, GW, AUTH, N, 0)},
{M(AUTH_LOGOUT), P(token_request, empty, GW, AUTH, N, 0), IDEM},
{M(AUTH_CHECK_TOKEN), P(token_request, check_token_reply, GW, AUTH, N, 0), IDEM},
{M(AUTH_TICKET_KEY), P(ticket_key, empty, STOR | NODE, AUTH, N, 0), IDEM},
{M(AUTH_USER_LIST), P(user_list_request, user_list_reply, ADM, AUTH, N, 0), IDEM},
{M(AUTH_USER_GET), P(user_get_request, user_info, ADM, AUTH, N, 0), IDEM},
{M(AUTH_USER_SET_DISABLED), P(user_set_disabled_request, user_info, ADM, AUTH, N, 0), IDEM},
{M(AUTH_USER_DELETE), P(user_get_request, user_info, ADM, AUTH, N, 0)},
{M(AUTH_STATUS), P(empty, auth_status_reply, ADM, AUTH, N, 0), IDEM},
{M(AUTH_REVOKE), P(revoke, empty, AUTH, NONE, N, 0), IDEM},
{M(AUTH_USER_DELETED), P(user_deleted, empty, AUTH, NONE, N, 0), IDEM},

{M(MAIL_SEND), P(mail_send_request, empty, AUTH, MAIL, N, 0)},

{M(FILE_OPEN_UPLOAD), P(open_upload_request, open_upload_reply, GW | ADM, STORAGE, T, WR), REPLY_FDS(1, PIPE_WRITE)},
{M(FILE_FINISH_UPLOAD), P(finish_upload_request, finish_upload_reply, GW | ADM, STORAGE, T, WR)},
{M(FILE_ABORT_UPLOAD), P(abort_upload_request, empty, GW | ADM, STORAGE, T, WR), IDEM},
{M(FILE_LIST), P(file_list_request, file_list_reply, GW | ADM, STORAGE, T, RD), IDEM},
{M(FILE_STAT), P(file_request, file_info, GW | ADM, STORAGE, T, RD), IDEM},
{M(FILE_DELETE), P(file_request, file_info, GW | ADM, STORAGE, T, WR)},
{M(FILE_OPEN_READ), P(open_read_request, open_read_reply, GW | ADM, STORAGE, T, RD), REPLY_FDS(16, FILE_READ), IDEM},
{M(FS_MKDIR), P(mkdir_request, fs_entry, GW | ADM, STORAGE, T, WR)},
{M(FS_LIST), P(fs_list_request, fs_list_reply, GW | ADM, STORAGE, T, RD), IDEM},
{M(FS_STAT), P(fs_path_request, fs_entry, GW | ADM, STORAGE, T, RD), IDEM},
{M(FS_DELETE), P(fs_path_request, fs_delete_reply, GW | ADM, STORAGE, T, WR)},
{M(FS_MOVE), P(fs_move_request, fs_entry, GW | ADM, STORAGE, T, WR)},
{M(STORAGE_USAGE), P(empty, usage_reply, GW | ADM, STORAGE, T, RD), IDEM},
{M(STORAGE_SET_QUOTA), P(set_quota_request, usage_reply, ADM, STORAGE, N, 0), IDEM},
{M(STORAGE_STATUS), P(empty, storage_status_reply, ADM, STORAGE, N, 0), IDEM},
{M(VOLUME_CREATE), P(volume_create_request, volume_info, NODE, STORAGE, N, 0)},
{M(VOLUME_ATTACH), P(volume_request, volume_info, NODE, STORAGE, N, 0), REPLY_FDS(1, DIRECTORY), IDEM},
{M(VOLUME_SET_ACTIVE), P(volume_set_active_request, volume_info, NODE, STORAGE, N, 0), IDEM},
{M(VOLUME_DELETE), P(volume_delete_request, volume_delete_reply, NODE, STORAGE, N, 0)},
{M(VOLUME_LIST), P(volume_list_request, volume_list_reply, NODE | ADM, STORAGE, N, 0), IDEM},

{M(NODE_CREATE), P(node_create_request, node_info, GW | ADM, NODE, T, ND)},
{M(NODE_LIST), P(node_list_request, node_list_reply, GW | ADM, NODE, T, ND), IDEM},
{M(NODE_GET), P(node_request, node_info, GW | ADM, NODE, T, ND), IDEM},
{M(NODE_START), P(node_request, node_info, GW | ADM, NODE, T, ND)},
{M(NODE_STOP), P(node_stop_request, node_info, GW | ADM, NODE, T, ND)},
{M(NODE_DELETE), P(node_delete_request, node_delete_reply, GW | ADM, NODE, T, ND)},
{M(NODE_METRICS), P(node_request, node_metrics, GW | ADM, NODE, T, ND), IDEM},
{M(NODE_EXEC), P(node_exec_request, node_exec_reply, ADM, NODE, T, ND), REPLY_FDS(3, ANY)},
{M(NODE_EXEC_WAIT), P(node_exec_wait_request, node_exec_end, ADM, NODE, T, ND)},
{M(NODE_STATUS), P(empty, node_status_reply, ADM, NODE, N, 0), IDEM},
{M(NODE_LOGS), P(node_logs_request, empty, ADM, NODE, T, ND), REPLY_FDS(1, MEMFD), IDEM},
{M(LAMBDA_RUN), P(lambda_run_request, lambda_run_reply, GW | ADM, NODE, T, FN), FDS(1, 1, MEMFD), REPLY_FDS(2, MEMFD)},

{M(NET_ATTACH), P(net_attach_request, net_attach_reply, NODE, NET, N, 0), FDS(1, 1, RTNETLINK), IDEM},
{M(NET_DETACH), P(net_detach_request, empty, NODE, NET, N, 0), IDEM},
{M(NET_STATUS), P(empty, net_status_reply, ADM, NET, N, 0), IDEM},
};
/* clang-format on */
const size_t nx_methods_count = NX_ARRAY_SIZE(nx_methods);

const struct nx_method *
nx_method_find(uint32_t method)
{
	size_t i;

	for (i = 0; i < nx_methods_count; i++)
		if ((uint32_t)nx_methods[i].method == method)
			return &nx_methods[i];
	return NULL;
}
