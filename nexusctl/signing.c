/* The keys that sign tokens. */
#include <stdio.h>

#include "common/err.h"
#include "nexusctl/ctl.h"
#include "proto/signing.rpc.h"

static const struct ctl_column columns[] = {
    {"KEY", "kid", CTL_TEXT},
    {"STATE", "state", CTL_TEXT},
    {"MADE", "made_at", CTL_TIME},
    {"SIGNS FROM", "signs_at", CTL_TIME},
    {"VERIFIES UNTIL", "drop_at", CTL_TIME},
};

int
ctl_auth_signing_keys(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__SigningKeysReply *list;
	int exit = ctl_ask(c, nx_ask_auth_signing_keys(), &reply);

	if (exit != 0)
		return exit;
	list = nx_as_signing_keys_reply(reply.body);
	if (c->json)
		return ctl_print_json(ctl_json(reply.body));
	if (c->quiet) {
		for (size_t i = 0; i < list->n_keys; i++)
			printf("%s\n", list->keys[i]->kid);
		return 0;
	}
	ctl_table((const ProtobufCMessage *const *)list->keys, list->n_keys,
	    columns, NX_ARRAY_SIZE(columns));
	return 0;
}

int
ctl_auth_rotate_keys(struct ctl *c)
{
	Nx__RotateKeysRequest request = NX__ROTATE_KEYS_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__SigningKey *key;
	char from[CTL_TIME_SIZE];
	int exit;

	request.now = ctl_flag(c, "now");
	exit = ctl_ask(c, nx_ask_auth_rotate_keys(&request), &reply);
	if (exit != 0)
		return exit;
	key = nx_as_signing_key(reply.body);
	ctl_time_format(key->signs_at, from);
	return ctl_done(
	    c, reply.body, "kid", "%s signs from %s on", key->kid, from);
}
