/*
 * A key is shown: tickets for what it may do, for a minute. A key that is not
 * there costs what one costs that is. Wrong ones draw on their address' budget,
 * which only bounds the noise: a right one is never refused for others' guesses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "authd/flows/grant.h"
#include "authd/flows/key.h"
#include "authd/flows/limits.h"
#include "common/err.h"
#include "proto/serve_authd.h"

#define WRONG_KEY \
	"This access key is not valid here: it is wrong, revoked or expired."
#define USED_EVERY 60 /* seconds between two notes that it is used */
#define FOREVER    ((int64_t)1 << 40)

struct use {
	struct authd *a;
	char id[AUTH_KEY_ID_MAX + 1];
	char from[AUTH_KEY_FROM_MAX + 1];
};

static int
write_use(struct nx_db *db, void *arg)
{
	struct use *u = arg;

	return auth_key_used(db, u->id, u->from, auth_now(u->a));
}

static void
on_use(int result, void *arg)
{
	(void)result;
	free(arg);
}

/* Nobody waits for it, and it is no great loss. */
static void
note_use(struct authd *a, const struct auth_key *k, const char *client)
{
	struct use *u;

	if (auth_now(a) - k->used_at < USED_EVERY && auth_now(a) >= k->used_at)
		return;
	u = calloc(1, sizeof(*u));
	if (!u)
		return;
	u->a = a;
	memcpy(u->id, k->id, sizeof(u->id));
	(void)snprintf(u->from, sizeof(u->from), "%s", client);
	nx_db_write_behind(a->db, write_use, on_use, u);
}

/* 1 and the key when the text is one that is good now; 0, or -errno. */
static int
find(struct authd *a, const char *text, struct auth_key *ret_key)
{
	char id[AUTH_KEY_ID + 1] = "";
	uint8_t hash[AUTH_SECRET_HASH_LEN];
	struct auth_key key = {0};
	bool whole = auth_access_key_id(text, id);
	int r = auth_key_find(a->db, id, &key);

	auth_secret_hash(a->keys.pepper, text, hash);
	if (r < 0)
		return r;
	if (sodium_memcmp(key.kept, hash, sizeof(hash)) != 0 || !whole ||
	    r == 0 || key.kind != AUTH_KEY_BEARER ||
	    key.kept_len != sizeof(hash) ||
	    (key.expires_at != 0 && key.expires_at <= auth_now(a)))
		return 0;
	*ret_key = key;
	return 1;
}

/* Whose it is, who may be here and is who they say. 1, 0 or -errno. */
static int
find_user(struct authd *a, const Nx__CheckKeyRequest *q,
    const struct auth_key *key, struct auth_user *ret_user)
{
	int r = auth_user_by_id(a->db, key->user_id, ret_user);

	if (r <= 0)
		return r;
	if (ret_user->disabled)
		return 0;
	return !q->named || *q->username == '\0' ||
	    strcasecmp(q->username, ret_user->username) == 0 ||
	    strcasecmp(q->username, ret_user->email) == 0;
}

static void
answer(struct authd *a, struct nx_request *r, const struct auth_key *key,
    const struct auth_user *user)
{
	uint8_t session[NX_SESSION_LEN];
	struct auth_grant g = {.user = user,
	    .session = session,
	    .rights = key->rights,
	    .place = key->place,
	    .expires = key->expires_at ? key->expires_at : FOREVER};

	auth_key_session(key->id, session);
	auth_grant_answer(a, r, &g);
}

/* Safe to grant: it needs the key itself, and gives no more than it may. */
void
serve_auth_check_key(
    struct nx_request *r, const Nx__CheckKeyRequest *q, struct authd *a)
{
	struct auth_charges charges;
	struct auth_user user;
	struct auth_key key;
	uint64_t wait = 0;
	int found = find(a, q->key, &key);

	if (found == 1)
		found = find_user(a, q, &key, &user);
	if (found == 0)
		wait = auth_limit_key(a, &charges, q->client);
	if (found < 0)
		nx_refuse_errno(r, found, "The keys could not be read");
	else if (wait > 0)
		auth_refuse_wait(r, wait);
	else if (found == 0)
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED, WRONG_KEY);
	else {
		note_use(a, &key, q->client);
		answer(a, r, &key, &user);
	}
}
