/* Access keys of users, made and revoked by an administrator. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/ctl.h"
#include "proto/key.rpc.h"

static const struct ctl_column columns[] = {
    {"NAME", "name", CTL_TEXT},
    {"KIND", "kind", CTL_TEXT},
    {"RIGHTS", "rights", CTL_TEXT},
    {"PLACE", "place", CTL_TEXT},
    {"SINCE", "created_at", CTL_TIME},
    {"EXPIRES", "expires_at", CTL_TIME},
    {"USED", "used_at", CTL_TIME},
    {"FROM", "used_from", CTL_TEXT},
};
static const struct ctl_listing keys = {
    NX__METHOD__KEY_LIST, "keys", "id", columns, NX_ARRAY_SIZE(columns)};

int
ctl_key_ls(struct ctl *c)
{
	Nx__KeyListRequest request = NX__KEY_LIST_REQUEST__INIT;

	request.username = ctl_text(c, "USER");
	return ctl_list(c, &keys, &request.base);
}

/* "read,create" as words; how many. */
static size_t
split(char *text, char **ret_words, size_t max)
{
	size_t n = 0;

	for (char *word = strtok(text, ", "); word && n < max;
	     word = strtok(NULL, ", "))
		ret_words[n++] = word;
	return n;
}

/* The secret is all that a program wants of it. */
static int
told(struct ctl *c, const Nx__KeyMakeReply *m)
{
	if (c->json)
		return ctl_print_json(ctl_json(&m->base));
	if (c->quiet) {
		printf("%s\n", m->secret);
		return 0;
	}
	if (strcmp(m->key->kind, "s3") == 0)
		printf("access key id      %s\nsecret access key  %s\n",
		    m->key->id, m->secret);
	else
		printf("%s\n", m->secret);
	fprintf(stderr,
	    "It is told this once: keep it where the program "
	    "finds it.\n");
	return 0;
}

int
ctl_key_make(struct ctl *c)
{
	Nx__KeyMakeRequest request = NX__KEY_MAKE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *rights = strdup(ctl_option_text(c, "rights"));
	char *words[8];
	int exit;

	if (!rights)
		return ctl_failf(c, NX__STATUS__UNAVAILABLE, "out of memory");
	request.username = ctl_text(c, "USER");
	request.name = ctl_text(c, "NAME");
	request.n_rights = split(rights, words, NX_ARRAY_SIZE(words));
	request.rights = words;
	if (ctl_option(c->args, "place")->set)
		request.place = ctl_option_text(c, "place");
	if (ctl_option(c->args, "expires")->set)
		request.expires_at = ctl_option_number(c, "expires");
	if (ctl_flag(c, "s3"))
		request.kind = (char[]){"s3"};
	exit = ctl_ask(c, nx_ask_key_make(&request), &reply);
	return exit ? exit : told(c, nx_as_key_make_reply(reply.body));
}

int
ctl_key_revoke(struct ctl *c)
{
	Nx__KeyRequest request = NX__KEY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.username = ctl_text(c, "USER");
	request.id = ctl_text(c, "KEY");
	exit = ctl_ask(c, nx_ask_key_revoke(&request), &reply);
	if (exit == 0 && !c->quiet)
		printf("%s is revoked\n", request.id);
	return exit;
}
