/* Users, as authd and storaged know them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "proto/auth.rpc.h"
#include "proto/node.rpc.h"
#include "proto/care.rpc.h"
#include "proto/session.rpc.h"

static const struct ctl_column user_columns[] = {
    {"Name", "username", CTL_TEXT},
    {"Id", "id", CTL_TEXT},
    {"Mail", "email", CTL_TEXT},
    {"Disabled", "disabled", CTL_YES},
    {"Since", "created_at", CTL_TIME},
};

static const struct ctl_column usage_columns[] = {
    {"Used", "used", CTL_SIZE},
    {"Reserved", "reserved", CTL_SIZE},
    {"Counted", "counted", CTL_SIZE},
    {"Quota", "quota", CTL_SIZE},
    {"Files", "files", CTL_TEXT},
    {"Folders", "folders", CTL_TEXT},
    {"Entries at most", "entries", CTL_TEXT},
};

int
ctl_user_ls(struct ctl *c)
{
	Nx__UserListRequest request = NX__USER_LIST_REQUEST__INIT;

	return ctl_list(c, &ctl_list_users, &request.base);
}

static int
get_user(struct ctl *c, struct ctl_reply *reply)
{
	Nx__UserGetRequest request = NX__USER_GET_REQUEST__INIT;

	request.username = ctl_text(c, "USER");
	return ctl_ask(c, nx_ask_auth_user_get(&request), reply);
}

/* What storaged says of one user's space. */
static int
get_usage(struct ctl *c, uint64_t user_id, struct ctl_reply *reply)
{
	c->as_user = user_id;
	return ctl_ask(c, nx_ask_storage_usage(), reply);
}

int
ctl_user_info(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply user = {0}, usage = {0};
	int exit = get_user(c, &user);
	cJSON *json;

	if (exit == 0)
		exit = get_usage(c, ((Nx__UserInfo *)user.body)->id, &usage);
	if (exit != 0)
		return exit;
	if (c->json) {
		json = ctl_json(user.body);
		cJSON_AddItemToObject(json, "usage", ctl_json(usage.body));
		return ctl_print_json(json);
	}
	ctl_show(c, user.body, user_columns, NX_ARRAY_SIZE(user_columns), "id");
	if (!c->quiet)
		ctl_show(c, usage.body, usage_columns,
		    NX_ARRAY_SIZE(usage_columns), "used");
	return 0;
}

int
ctl_user_create(struct ctl *c)
{
	Nx__UserCreateRequest request = NX__USER_CREATE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	if (!ctl_option(c->args, "mail")->set)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "say where mails go to: --mail ADDRESS");
	request.username = ctl_text(c, "NAME");
	request.email = ctl_option_text(c, "mail");
	exit = ctl_ask(c, nx_ask_auth_user_create(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "id",
			  "%s is there, without a password: a mail says how to "
			  "choose one (/auth/reset)",
			  request.username);
}

static const struct ctl_column session_columns[] = {
    {"SESSION", "id", CTL_TEXT},
    {"NAME", "name", CTL_TEXT},
    {"CLIENT", "agent", CTL_TEXT},
    {"FROM", "address", CTL_TEXT},
    {"SINCE", "created_at", CTL_TIME},
    {"SEEN", "seen_at", CTL_TIME},
    {"UNTIL", "expires_at", CTL_TIME},
};
static const struct ctl_listing sessions = {NX__METHOD__SESSION_LIST,
    "sessions", "id", session_columns, NX_ARRAY_SIZE(session_columns)};

int
ctl_user_sessions(struct ctl *c)
{
	Nx__SessionListRequest request = NX__SESSION_LIST_REQUEST__INIT;

	request.username = ctl_text(c, "USER");
	return ctl_list(c, &sessions, &request.base);
}

int
ctl_user_logout(struct ctl *c)
{
	Nx__SessionEndRequest request = NX__SESSION_END_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.username = ctl_text(c, "USER");
	if (ctl_hole(c->args, "SESSION")->set)
		request.id = ctl_text(c, "SESSION");
	exit = ctl_ask(c, nx_ask_session_end(&request), &reply);
	if (exit == 0 && !c->quiet)
		printf("%s is signed out%s\n", request.username,
		    request.id[0] ? " there" : " everywhere");
	return exit;
}

static int
set_disabled(struct ctl *c, bool disabled)
{
	Nx__UserSetDisabledRequest request =
	    NX__USER_SET_DISABLED_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.username = ctl_text(c, "USER");
	request.disabled = disabled;
	exit = ctl_ask(c, nx_ask_auth_user_set_disabled(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "id", "%s is %s",
			  request.username, disabled ? "disabled" : "enabled");
}

int
ctl_user_disable(struct ctl *c)
{
	return set_disabled(c, true);
}

int
ctl_user_enable(struct ctl *c)
{
	return set_disabled(c, false);
}

int
ctl_user_delete(struct ctl *c)
{
	Nx__UserGetRequest request = NX__USER_GET_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.username = ctl_text(c, "USER");
	exit = ctl_ask(c, nx_ask_auth_user_delete(&request), &reply);
	return exit
	    ? exit
	    : ctl_done(c, reply.body, "id",
		  "%s is deleted with all files; nodes go when what others "
		  "keep there is elsewhere (nexusctl node ls)",
		  request.username);
}

int
ctl_user_quota(struct ctl *c)
{
	Nx__SetQuotaRequest request = NX__SET_QUOTA_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply user = {0}, usage = {0};
	const struct ctl_value *size = ctl_hole(c->args, "SIZE");
	int exit = get_user(c, &user);

	if (exit != 0)
		return exit;
	request.user_id = ((Nx__UserInfo *)user.body)->id;
	request.quota = size->number;
	exit = size->set
	    ? ctl_ask(c, nx_ask_storage_set_quota(&request), &usage)
	    : get_usage(c, request.user_id, &usage);
	return exit ? exit
		    : ctl_show(c, usage.body, usage_columns,
			  NX_ARRAY_SIZE(usage_columns), "quota");
}
