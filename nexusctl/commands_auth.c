/* Users, and what proves who they are. */
#include "common/err.h"
#include "common/node_limits.h"
#include "nexusctl/ctl.h"

#define AUTH    NX_ROLE_BIT(NX_ROLE_AUTH)
#define STORAGE NX_ROLE_BIT(NX_ROLE_STORAGE)
#define OPT(o)  o, NX_ARRAY_SIZE(o)
#define NO_OPT  NULL, 0

static const struct ctl_option audit_options[] = {
    {"of", 0, "<user>", NULL, "what concerns this user alone"},
    {"event", 0, "<word:EVENT>", NULL, "of this kind, as login"},
    {"since", 0, "<moment>", NULL, "from then on, as -1d"},
    {"until", 0, "<moment>", NULL, "and not after"},
    {"verify", 0, NULL, NULL, "look whether all of it is as it was written"},
};
static const struct ctl_option create_options[] = {
    {"mail", 0, "<word:ADDRESS>", NULL, "where mails for it go to"},
};
static const struct ctl_option rotate_options[] = {
    {"now", 0, NULL, NULL, "let the new key sign at once"},
};
static const struct ctl_option key_options[] = {
    {"rights", 0, "<word:RIGHTS>", "read,write",
	"read, write, create, nodes, functions, sandboxes, repository; with "
	"commas between"},
    {"place", 0, "<word:PLACE>", NULL,
	"where alone: /FOLDER, BUCKET, or BUCKET/HOW-KEYS-BEGIN"},
    {"expires", 0, "<moment>", NULL,
	"until when, as +90d; for ever if not said"},
    {"s3", 0, NULL, NULL, "a pair of S3, which signs, and is not shown"},
};

static const struct ctl_command rows[] = {
    {"user create <word:NAME>", "make an account for somebody",
	"Whether registration is open or not. It has no password: whoever has "
	"the address chooses one, with a code from /auth/reset/init.\n\n"
	"    nexusctl user create ann --mail ann@example.org",
	OPT(create_options), AUTH, ctl_user_create},
    {"user ls", "list users", NULL, NO_OPT, AUTH, ctl_user_ls},
    {"user info <user>", "show a user and the space used", NULL, NO_OPT,
	AUTH | STORAGE, ctl_user_info},
    {"user quota <user> [size]", "show or set how much a user may store", NULL,
	NO_OPT, AUTH | STORAGE, ctl_user_quota},
    {"user disable <user>", "end a user's sessions and refuse new ones", NULL,
	NO_OPT, AUTH, ctl_user_disable},
    {"user enable <user>", "let a disabled user in again", NULL, NO_OPT, AUTH,
	ctl_user_enable},
    {"user sessions <user>", "list where a user is signed in", NULL, NO_OPT,
	AUTH, ctl_user_sessions},
    {"user logout <user> [word:SESSION]",
	"sign a user out, there or everywhere", NULL, NO_OPT, AUTH,
	ctl_user_logout},
    {"user delete <user>", "delete a user with all files and nodes",
	"The user's own files go at once. What other users have on the nodes' "
	"volumes is moved elsewhere first; a node whose volume cannot be "
	"emptied stays Deleting, and is tried again until it can go.",
	NO_OPT, AUTH, ctl_user_delete},

    {"key make <user> <word:NAME>", "make an access key for a user's program",
	"The program shows it as a Bearer token, as the password of Basic, or "
	"as X-API-KEY. With create it can add and neither read, replace nor "
	"delete; with repository it keeps backups: it reads, adds, and deletes "
	"its own locks alone.\n\n"
	"    nexusctl key make ann laptop --rights create --place /backups",
	OPT(key_options), AUTH, ctl_key_make},
    {"key ls <user>", "list a user's access keys", NULL, NO_OPT, AUTH,
	ctl_key_ls},
    {"key revoke <user> <word:KEY>", "end an access key, by id or name", NULL,
	NO_OPT, AUTH, ctl_key_revoke},

    {"auth rotate-keys", "let another key sign tokens",
	"The new key is published at /.well-known/jwks.json and signs ten "
	"minutes later, when whoever verifies tokens has it; the old one "
	"verifies what it signed until the last of it has ended. A key that "
	"may be known to others verifies nothing any more once its file is "
	"removed (keys/ below the state of authd) and authd started again.",
	OPT(rotate_options), AUTH, ctl_auth_rotate_keys},
    {"auth signing-keys", "list the keys that sign tokens", NULL, NO_OPT, AUTH,
	ctl_auth_signing_keys},

    {"audit", "list what has happened to accounts",
	"Who signed in, changed a password, made or lost a key, and from "
	"where; "
	"the oldest first. Each row has a MAC over the one before, under a key "
	"that is not in the database: with --verify what was changed, taken "
	"out, put in or cut off is named, and the exit status is 9.\n\n"
	"    nexusctl audit --since -1d",
	OPT(audit_options), AUTH, ctl_audit},
};
const struct ctl_command_set ctl_auth_commands = {rows, NX_ARRAY_SIZE(rows)};
