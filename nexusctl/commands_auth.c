/* Users, and what proves who they are. */
#include "common/err.h"
#include "common/node_limits.h"
#include "nexusctl/ctl.h"

#define AUTH    NX_ROLE_BIT(NX_ROLE_AUTH)
#define STORAGE NX_ROLE_BIT(NX_ROLE_STORAGE)
#define NO_OPT  NULL, 0

static const struct ctl_command rows[] = {
    {"user ls", "list users", NULL, NO_OPT, AUTH, ctl_user_ls},
    {"user info <user>", "show a user and the space used", NULL, NO_OPT,
	AUTH | STORAGE, ctl_user_info},
    {"user quota <user> [size]", "show or set how much a user may store", NULL,
	NO_OPT, AUTH | STORAGE, ctl_user_quota},
    {"user disable <user>", "end a user's sessions and refuse new ones", NULL,
	NO_OPT, AUTH, ctl_user_disable},
    {"user enable <user>", "let a disabled user in again", NULL, NO_OPT, AUTH,
	ctl_user_enable},
    {"user delete <user>", "delete a user with all files and nodes",
	"The user's own files go at once. What other users have on the nodes' "
	"volumes is moved elsewhere first; a node whose volume cannot be "
	"emptied stays Deleting, and is tried again until it can go.",
	NO_OPT, AUTH, ctl_user_delete},
};
const struct ctl_command_set ctl_auth_commands = {rows, NX_ARRAY_SIZE(rows)};
