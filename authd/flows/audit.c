/* See audit.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "common/log.h"

int
auth_audit(struct authd *a, struct nx_db *db, const struct auth_event *e)
{
	return auth_audit_put(db, a->keys.audit, auth_now(a), e);
}

/* An event that outlives its words. */
struct later {
	struct authd *a;
	struct auth_event e;
	uint8_t session[NX_SESSION_LEN];
	char words[];
};

static const char *
keep(char **at, const char *word)
{
	char *kept = *at;
	size_t size;

	if (!word)
		return NULL;
	size = strlen(word) + 1;
	memcpy(kept, word, size);
	*at += size;
	return kept;
}

static size_t
room(const char *word)
{
	return word ? strlen(word) + 1 : 0;
}

static struct later *
later_new(struct authd *a, const struct auth_event *e)
{
	size_t size = room(e->source) + room(e->event) + room(e->actor) +
	    room(e->username) + room(e->client) + room(e->result) +
	    room(e->detail);
	struct later *l = malloc(sizeof(*l) + size);
	char *at;

	if (!l)
		return NULL;
	l->a = a;
	l->e = *e;
	at = l->words;
	l->e.source = keep(&at, e->source);
	l->e.event = keep(&at, e->event);
	l->e.actor = keep(&at, e->actor);
	l->e.username = keep(&at, e->username);
	l->e.client = keep(&at, e->client);
	l->e.result = keep(&at, e->result);
	l->e.detail = keep(&at, e->detail);
	if (e->session)
		memcpy(l->session, e->session, sizeof(l->session));
	l->e.session = e->session ? l->session : NULL;
	return l;
}

static int
write_later(struct nx_db *db, void *arg)
{
	struct later *l = arg;

	return auth_audit(l->a, db, &l->e);
}

static void
on_later(int result, void *arg)
{
	struct later *l = arg;

	if (result < 0)
		nx_warn("event=audit-lost what=%s user=%" PRIu64
			" error=\"%s\"",
		    l->e.event, l->e.user_id, strerror(-result));
	free(l);
}

void
auth_audit_alone(struct authd *a, const struct auth_event *e)
{
	struct later *l = later_new(a, e);

	if (l)
		nx_db_write_behind(a->db, write_later, on_later, l);
	else
		nx_warn("event=audit-lost what=%s user=%" PRIu64
			" error=\"no memory\"",
		    e->event, e->user_id);
}
