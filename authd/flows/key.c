/*
 * Access keys made, listed and revoked by whose they are, or by an administrator.
 * What one may do is what its maker said, and never more than files, nodes and
 * functions: no key signs in, makes keys or changes the account.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/caller.h"
#include "authd/flows/key.h"
#include "authd/flows/mail.h"
#include "authd/flows/notice.h"
#include "common/err.h"
#include "common/place.h"
#include "common/utf8.h"
#include "proto/serve_authd.h"

#define PAGE 50

void
auth_key_session(const char *id, uint8_t ret_session[NX_SESSION_LEN])
{
	char text[32];

	(void)snprintf(text, sizeof(text), "key %s", id);
	crypto_generichash(ret_session, NX_SESSION_LEN, (const uint8_t *)text,
	    strlen(text), NULL, 0);
}

/* --- as others see it -------------------------------------------------------*/

struct shown {
	Nx__KeyInfo info;
	const char *words[AUTH_RIGHTS_MAX];
};

static void
show(const struct auth_key *key, struct shown *s)
{
	static char bearer[] = "bearer", s3[] = "s3";
	Nx__KeyInfo *i = &s->info;

	nx__key_info__init(i);
	i->id = (char *)(uintptr_t)key->id;
	i->name = (char *)(uintptr_t)key->name;
	i->kind = key->kind == AUTH_KEY_S3 ? s3 : bearer;
	i->n_rights = auth_rights_words(key->rights, s->words);
	i->rights = (char **)(uintptr_t)s->words;
	i->place = (char *)(uintptr_t)key->place;
	i->created_at = (uint64_t)key->created_at;
	i->expires_at = (uint64_t)key->expires_at;
	i->used_at = (uint64_t)key->used_at;
	i->used_from = (char *)(uintptr_t)key->used_from;
}

void
serve_key_list(
    struct nx_request *r, const Nx__KeyListRequest *q, struct authd *a)
{
	static struct auth_key keys[PAGE + 1];
	static struct shown shown[PAGE];
	static Nx__KeyInfo *list[PAGE];
	Nx__KeyListReply reply = NX__KEY_LIST_REPLY__INIT;
	size_t limit = q->limit && q->limit < PAGE ? q->limit : PAGE;
	struct auth_caller c;
	struct auth_user owner;
	int n;

	if (!auth_caller(a, r, q->token, 0, &c) ||
	    !auth_caller_owner(a, r, &c, q->username, &owner))
		return;
	n = auth_key_list(a->db, owner.id, q->after, keys, limit + 1);
	if (n < 0) {
		nx_refuse_errno(r, n, "The keys could not be read");
		return;
	}
	for (; reply.n_keys < (size_t)n && reply.n_keys < limit;
	     reply.n_keys++) {
		show(&keys[reply.n_keys], &shown[reply.n_keys]);
		list[reply.n_keys] = &shown[reply.n_keys].info;
	}
	reply.keys = list;
	if ((size_t)n > limit)
		reply.next = keys[limit - 1].name;
	nx_answer_key_list(r, &reply);
}

/* --- making -----------------------------------------------------------------*/

enum { TAKEN = 1, TOO_MANY, GONE }; /* outcomes beside 0 and -errno */

struct making {
	struct authd *a;
	struct nx_request *r;
	struct auth_caller caller;
	struct auth_user owner;
	struct auth_key key;
	char client[AUTH_ADDRESS_MAX + 1];
	char secret[AUTH_KEY_TEXT + 1];
};

static int
write_key(struct nx_db *db, void *arg)
{
	struct making *m = arg;
	struct auth_user now;
	struct auth_event e = {.event = "key-made",
	    .actor = auth_caller_actor(&m->caller),
	    .user_id = m->owner.id,
	    .username = m->owner.username,
	    .client = m->client,
	    .detail = m->key.name};
	int r = auth_user_by_id(db, m->owner.id, &now);

	if (r <= 0)
		return r < 0 ? r : GONE;
	r = auth_key_count(db, m->owner.id);
	if (r < 0)
		return r;
	if ((uint64_t)r >= m->a->conf->keys_per_user)
		return TOO_MANY;
	r = auth_key_insert(db, &m->key);
	if (r == -EEXIST)
		return TAKEN;
	return r < 0 ? r : auth_audit(m->a, db, &e);
}

static void
answer_made(struct making *m)
{
	Nx__KeyMakeReply reply = NX__KEY_MAKE_REPLY__INIT;
	struct shown shown;

	show(&m->key, &shown);
	reply.key = &shown.info;
	reply.secret = m->secret;
	nx_answer_key_make(m->r, &reply);
}

static void
on_made(int result, void *arg)
{
	struct making *m = arg;

	if (result == TAKEN)
		nx_refuse(m->r, NX__STATUS__EXISTS,
		    "There is a key of this name: give it another one, or "
		    "revoke that.");
	else if (result == TOO_MANY)
		nx_refuse(m->r, NX__STATUS__CONFLICT,
		    "There are %" PRIu64 " keys, the most there can be: revoke "
		    "one first.",
		    m->a->conf->keys_per_user);
	else if (result == GONE)
		nx_refuse(m->r, NX__STATUS__NOT_FOUND,
		    "The account is not there any more.");
	else if (result < 0)
		nx_refuse_errno(m->r, result, "The key could not be stored");
	else {
		(void)auth_mail_send(
		    m->a, AUTH_MAIL_KEY, m->owner.email, "", NULL, NULL);
		answer_made(m);
	}
	sodium_memzero(m, sizeof(*m));
	free(m);
}

/* Its secret, and what is kept of it. */
static void
make_secret(struct making *m)
{
	struct auth_key *k = &m->key;
	struct auth_seal_place place = {"access_keys", m->owner.id, k->id};

	if (k->kind == AUTH_KEY_BEARER) {
		auth_access_key_new(k->id, m->secret);
		auth_secret_hash(m->a->keys.pepper, m->secret, k->kept);
		k->kept_len = AUTH_SECRET_HASH_LEN;
		return;
	}
	auth_s3_key_new(k->id, m->secret);
	auth_seal(m->a->keys.seal, &place, m->secret, AUTH_S3_SECRET, k->kept);
	k->kept_len = AUTH_S3_SECRET + AUTH_SEAL_EXTRA;
}

static const char *
wrong_name(const char *name)
{
	size_t len = strlen(name);

	return len == 0 || len > AUTH_KEY_NAME_MAX ||
		!nx_text_clean(name, len, "")
	    ? "a key needs a name of 1 to 64 bytes, to know it by"
	    : NULL;
}

/* How long it is good: as long as it says, if that is allowed. */
static const char *
wrong_time(const struct authd *a, uint64_t expires_at)
{
	uint64_t now = (uint64_t)auth_now(a);
	uint64_t days = a->conf->key_days;

	if (expires_at != 0 && expires_at <= now)
		return "the time at which the key expires is over already";
	if (expires_at > INT64_MAX)
		return "the time at which the key expires is no time";
	if (days > 0 && (expires_at == 0 || expires_at > now + days * 86400))
		return "the administrator wants keys to expire sooner: see "
		       "key_days of [authd]";
	return NULL;
}

static const char *
read_kind(const char *text, enum auth_key_kind *ret_kind)
{
	*ret_kind = strcmp(text, "s3") == 0 ? AUTH_KEY_S3 : AUTH_KEY_BEARER;
	return *ret_kind == AUTH_KEY_S3 || *text == '\0' ||
		strcmp(text, "bearer") == 0
	    ? NULL
	    : "a key is of the kind bearer, or s3";
}

static const char *
wrong_place(const struct auth_key *k, const char *place)
{
	const char *wrong = *place ? nx_place_wrong(place) : NULL;

	if (!wrong && *place && (k->rights & ~NX_RIGHTS_OF_FILES))
		wrong = "a key for one place is for files alone: leave out "
			"nodes, functions and sandboxes";
	if (!wrong && (k->rights & NX_RIGHT_REPOSITORY) && *place != '/')
		wrong = "a repository's key is for one folder: say which, as "
			"in /backups/laptop";
	return wrong;
}

/* NULL, or what is wrong with it. */
static const char *
read_key(const struct authd *a, const Nx__KeyMakeRequest *q, struct auth_key *k)
{
	const char *wrong = wrong_name(q->name);

	if (!wrong)
		wrong = read_kind(q->kind, &k->kind);
	if (!wrong)
		wrong = auth_rights_parse(
		    (const char *const *)q->rights, q->n_rights, &k->rights);
	if (!wrong)
		wrong = wrong_place(k, q->place);
	if (!wrong)
		wrong = wrong_time(a, q->expires_at);
	if (!wrong && k->kind == AUTH_KEY_S3 &&
	    (k->rights & ~NX_RIGHTS_OF_FILES))
		wrong = "a key that signs is for files alone: leave out nodes, "
			"functions and sandboxes";
	if (wrong)
		return wrong;
	(void)snprintf(k->name, sizeof(k->name), "%s", q->name);
	(void)snprintf(k->place, sizeof(k->place), "%s", q->place);
	k->expires_at = (int64_t)q->expires_at;
	k->created_at = auth_now(a);
	return NULL;
}

/* Safe to grant: it needs a session whose user has just proved who they are, and
 * makes what can do less than that. */
void
serve_key_make(
    struct nx_request *r, const Nx__KeyMakeRequest *q, struct authd *a)
{
	struct making *m = calloc(1, sizeof(*m));
	const char *wrong;

	if (!m) {
		nx_refuse_errno(r, -ENOMEM, "making a key");
		return;
	}
	m->a = a;
	m->r = r;
	(void)snprintf(m->client, sizeof(m->client), "%s", q->client);
	if (!auth_caller(a, r, q->token, AUTH_NEED_FRESH, &m->caller) ||
	    !auth_caller_owner(a, r, &m->caller, q->username, &m->owner)) {
		free(m);
		return;
	}
	wrong = read_key(a, q, &m->key);
	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		free(m);
		return;
	}
	m->key.user_id = m->owner.id;
	make_secret(m);
	nx_db_write(a->db, write_key, on_made, m);
}

/* --- revoking ---------------------------------------------------------------*/

struct revoking {
	struct authd *a;
	struct nx_request *r;
	struct auth_caller caller;
	struct auth_user owner;
	int64_t notice;
};

static int
write_revoked(struct nx_db *db, void *arg)
{
	struct revoking *v = arg;
	const Nx__KeyRequest *q = nx_as_key_request(v->r->body);
	struct auth_event e = {.event = "key-revoked",
	    .actor = auth_caller_actor(&v->caller),
	    .user_id = v->owner.id,
	    .username = v->owner.username,
	    .client = q->client};
	uint8_t session[NX_SESSION_LEN];
	struct auth_key key;
	int r = auth_key_of(db, v->owner.id, q->id, &key);

	if (r <= 0)
		return r < 0 ? r : GONE;
	e.detail = key.name;
	auth_key_session(key.id, session);
	r = auth_key_delete(db, key.id);
	if (r == 0)
		r = auth_audit(v->a, db, &e);
	return r < 0 ? r
		     : auth_notice_put(db, AUTH_NOTICE_REVOKE, v->owner.id,
			   session, auth_now(v->a), &v->notice);
}

static void
on_revoked(int result, void *arg)
{
	struct revoking *v = arg;

	if (result == GONE)
		nx_refuse(v->r, NX__STATUS__NOT_FOUND,
		    "There is no such key: GET /api/account/keys lists them.");
	else if (result < 0)
		nx_refuse_errno(v->r, result, "The key could not be revoked");
	else {
		auth_notice_pump(v->a);
		auth_notice_answer(v->a, v->r, v->notice, NULL);
	}
	free(v);
}

/* Safe to grant: it takes and gives nothing. */
void
serve_key_revoke(struct nx_request *r, const Nx__KeyRequest *q, struct authd *a)
{
	struct revoking *v = calloc(1, sizeof(*v));

	if (!v) {
		nx_refuse_errno(r, -ENOMEM, "revoking the key");
		return;
	}
	v->a = a;
	v->r = r;
	if (auth_caller(a, r, q->token, 0, &v->caller) &&
	    auth_caller_owner(a, r, &v->caller, q->username, &v->owner))
		nx_db_write(a->db, write_revoked, on_revoked, v);
	else
		free(v);
}
