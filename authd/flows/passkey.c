/*
 * Passkeys of an account: begun, registered, listed, named and removed. A ceremony
 * has two halves: begin gives a challenge, and what answers it is taken once. No
 * attestation is asked for, and the user must be verified by the authenticator.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/factor.h"
#include "authd/flows/limits.h"
#include "authd/flows/passkey.h"
#include "common/err.h"
#include "common/utf8.h"
#include "proto/serve_authd.h"

/* --- challenges -------------------------------------------------------------*/

bool
auth_passkey_answers(struct authd *a, const char *transaction,
    enum auth_purpose purpose, uint64_t user_id, const uint8_t *client_data,
    size_t len)
{
	struct auth_clientdata d;
	struct auth_challenge c;
	uint8_t id[AUTH_CHALLENGE_ID];
	size_t n;

	return sodium_hex2bin(id, sizeof(id), transaction, strlen(transaction),
		   NULL, &n, NULL) == 0 &&
	    n == sizeof(id) &&
	    auth_challenge_take(
		a->challenges, id, purpose, user_id, a->clock.mono_us(), &c) &&
	    auth_clientdata_read(client_data, len, &d) &&
	    d.create == (purpose == AUTH_PURPOSE_REGISTER) &&
	    memcmp(d.challenge, c.bytes, sizeof(c.bytes)) == 0 &&
	    auth_origin_listed(a->conf->origins, d.origin);
}

static void
answer_begin(struct authd *a, struct nx_request *r,
    const struct auth_challenge *c, const struct auth_user *user,
    const struct auth_passkey *had, size_t n)
{
	Nx__PasskeyBeginReply reply = NX__PASSKEY_BEGIN_REPLY__INIT;
	ProtobufCBinaryData ids[AUTH_PASSKEYS_MAX];
	char txn[2 * AUTH_CHALLENGE_ID + 1];

	reply.transaction =
	    sodium_bin2hex(txn, sizeof(txn), c->id, sizeof(c->id));
	reply.challenge = (ProtobufCBinaryData){
	    sizeof(c->bytes), (uint8_t *)(uintptr_t)c->bytes};
	reply.rp_id = a->conf->rp_id;
	for (size_t i = 0; i < n; i++)
		ids[i] = (ProtobufCBinaryData){
		    had[i].key.id_len, (uint8_t *)(uintptr_t)had[i].key.id};
	reply.had = ids;
	reply.n_had = n;
	if (user) {
		reply.username = (char *)(uintptr_t)user->username;
		reply.handle = (ProtobufCBinaryData){
		    sizeof(user->handle), (uint8_t *)(uintptr_t)user->handle};
	}
	nx_answer_passkey_begin(r, &reply);
}

/* For whoever comes: nobody is named, so nothing is told. */
static void
begin_login(
    struct authd *a, struct nx_request *r, const Nx__PasskeyBeginRequest *q)
{
	uint8_t who[AUTH_CLIENT_HASH_LEN];
	struct auth_challenge c;

	auth_client_hash(a, q->client, who);
	auth_challenge_make(
	    a->challenges, AUTH_PURPOSE_LOGIN, 0, who, a->clock.mono_us(), &c);
	answer_begin(a, r, &c, NULL, NULL, 0);
}

static void
begin_register(
    struct authd *a, struct nx_request *r, const Nx__PasskeyBeginRequest *q)
{
	static struct auth_passkey had[AUTH_PASSKEYS_MAX];
	uint8_t who[AUTH_CHALLENGE_WHO] = "user";
	struct auth_caller caller;
	struct auth_challenge c;
	int n;

	if (!auth_caller(a, r, q->token, AUTH_NEED_FRESH, &caller))
		return;
	n = auth_passkey_list(a->db, caller.user.id, had, NX_ARRAY_SIZE(had));
	if (n < 0) {
		nx_refuse_errno(r, n, "The passkeys could not be read");
		return;
	}
	memcpy(who + 8, &caller.user.id, sizeof(caller.user.id));
	auth_challenge_make(a->challenges, AUTH_PURPOSE_REGISTER,
	    caller.user.id, who, a->clock.mono_us(), &c);
	answer_begin(a, r, &c, &caller.user, had, (size_t)n);
}

/* Safe to grant: a challenge opens nothing, and there is room for others'. */
void
serve_passkey_begin(
    struct nx_request *r, const Nx__PasskeyBeginRequest *q, struct authd *a)
{
	if (q->registers)
		begin_register(a, r, q);
	else
		begin_login(a, r, q);
}

/* --- as others see it -------------------------------------------------------*/

static void
show(const struct auth_passkey *p, Nx__PasskeyInfo *i)
{
	nx__passkey_info__init(i);
	i->id = (char *)(uintptr_t)p->mark;
	i->name = (char *)(uintptr_t)p->name;
	i->created_at = (uint64_t)p->created_at;
	i->used_at = (uint64_t)p->used_at;
	i->synced = (p->key.flags & AUTH_PASSKEY_BACKED_UP) != 0;
}

void
serve_passkey_list(
    struct nx_request *r, const Nx__FactorCall *q, struct authd *a)
{
	static struct auth_passkey had[AUTH_PASSKEYS_MAX];
	Nx__PasskeyListReply reply = NX__PASSKEY_LIST_REPLY__INIT;
	Nx__PasskeyInfo info[AUTH_PASSKEYS_MAX], *list[AUTH_PASSKEYS_MAX];
	struct auth_caller caller;
	int n;

	if (!auth_caller(a, r, q->token, 0, &caller))
		return;
	n = auth_passkey_list(a->db, caller.user.id, had, NX_ARRAY_SIZE(had));
	if (n < 0) {
		nx_refuse_errno(r, n, "The passkeys could not be read");
		return;
	}
	for (int i = 0; i < n; i++) {
		show(&had[i], &info[i]);
		list[i] = &info[i];
	}
	reply.passkeys = list;
	reply.n_passkeys = (size_t)n;
	nx_answer_passkey_list(r, &reply);
}

/* --- changes ----------------------------------------------------------------*/

static void
free_passkey(struct auth_change *c)
{
	free(c->other);
}

static int
write_passkey(struct nx_db *db, struct auth_change *c)
{
	struct auth_passkey *p = c->other;
	int r = auth_passkey_count(db, c->caller.user.id);

	if (r < 0)
		return r;
	if (r >= AUTH_PASSKEYS_MAX)
		return AUTH_CHANGE_MANY;
	r = auth_passkey_insert(db, p);
	if (r == -EEXIST)
		return AUTH_CHANGE_THERE;
	return r < 0 ? r
		     : auth_change_policy(
			   db, c, c->caller.user.factors | AUTH_FACTOR_PASSKEY);
}

static void
answer_passkey(struct auth_change *c)
{
	Nx__PasskeyInfo info;

	show(c->other, &info);
	nx_answer(c->r, &info.base, NULL, 0);
}

static bool
name_holds(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= AUTH_PASSKEY_NAME &&
	    nx_text_clean(name, len, "");
}

/* NULL, or the change to write. */
static struct auth_passkey *
read_registration(struct auth_change *c, const Nx__PasskeyRegisterRequest *q)
{
	struct auth_passkey *p = calloc(1, sizeof(*p));

	c->other = p;
	if (!p ||
	    !auth_passkey_answers(c->a, q->transaction, AUTH_PURPOSE_REGISTER,
		c->caller.user.id, q->client_data.data, q->client_data.len) ||
	    !auth_authdata_register(q->auth_data.data, q->auth_data.len,
		c->a->conf->rp_id, &p->key))
		return NULL;
	p->user_id = c->caller.user.id;
	p->created_at = auth_now(c->a);
	(void)snprintf(p->name, sizeof(p->name), "%s", q->name);
	(void)snprintf(c->detail, sizeof(c->detail), "%s", q->name);
	return p;
}

/* Safe to grant: it adds a way in for the account of the token, whose user has
 * just proved who they are. */
void
serve_passkey_register(
    struct nx_request *r, const Nx__PasskeyRegisterRequest *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "passkey-added", write_passkey, answer_passkey, free_passkey};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);

	if (!c)
		return;
	if (!name_holds(q->name))
		auth_change_refuse(c, AUTH_CHANGE_NAME);
	else if (!read_registration(c, q))
		auth_change_refuse(c, AUTH_CHANGE_UNPROVEN);
	else
		auth_change_write(c);
}

static void
answer_empty(struct auth_change *c)
{
	nx_answer(c->r, &nx_empty.base, NULL, 0);
}

static int
write_name(struct nx_db *db, struct auth_change *c)
{
	int r = auth_passkey_rename(
	    db, c->caller.user.id, c->passkey.mark, c->passkey.name);

	return r < 0 ? r : r == 1 ? AUTH_CHANGED : AUTH_CHANGE_NONE;
}

static int
write_removal(struct nx_db *db, struct auth_change *c)
{
	int r = auth_passkey_delete(db, c->caller.user.id, c->passkey.mark);

	if (r <= 0)
		return r < 0 ? r : AUTH_CHANGE_NONE;
	r = auth_passkey_count(db, c->caller.user.id);
	if (r != 0)
		return r < 0 ? r : AUTH_CHANGED;
	return auth_change_policy(
	    db, c, c->caller.user.factors & ~(uint32_t)AUTH_FACTOR_PASSKEY);
}

static void
change_one(struct authd *a, struct nx_request *r, const Nx__PasskeyRequest *q,
    const struct auth_change_kind *kind, bool named)
{
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, kind);

	if (!c)
		return;
	if (strlen(q->id) != AUTH_PASSKEY_MARK) {
		auth_change_refuse(c, AUTH_CHANGE_NONE);
		return;
	}
	if (named && !name_holds(q->name)) {
		auth_change_refuse(c, AUTH_CHANGE_NAME);
		return;
	}
	(void)snprintf(c->passkey.mark, sizeof(c->passkey.mark), "%s", q->id);
	(void)snprintf(c->passkey.name, sizeof(c->passkey.name), "%s", q->name);
	(void)snprintf(c->detail, sizeof(c->detail), "%s", q->id);
	auth_change_write(c);
}

void
serve_passkey_rename(
    struct nx_request *r, const Nx__PasskeyRequest *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "passkey-renamed", write_name, answer_empty, NULL};

	change_one(a, r, q, &kind, true);
}

void
serve_passkey_remove(
    struct nx_request *r, const Nx__PasskeyRequest *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "passkey-removed", write_removal, answer_empty, NULL};

	change_one(a, r, q, &kind, false);
}
