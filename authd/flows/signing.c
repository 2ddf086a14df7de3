/*
 * The keys that sign tokens are changed in two steps, so that nothing is ever
 * signed by a key that is not on disk: its file, then one transaction that has all
 * its times in it, and those of the ones before. No step has to be made later for
 * it to be right: who signs and who verifies follows from the clock.
 *
 *	made		its file is there; a crash leaves a file without a row,
 *			which goes at the next start
 *	next		its row too: it is published, and verifies
 *	signs		PUBLISHED seconds later, when everybody has it who asks
 *	verifies	another one signs; until the last of its tokens has ended
 *	gone		first its row, then its file
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/flows.h"
#include "authd/flows/signin.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

#define PUBLISHED 600 /* seconds; gatewayd lets it be cached for half of it */
#define SLACK     60  /* as much as clocks may differ */

/* --- at start ---------------------------------------------------------------*/

static int
write_first(struct nx_db *db, void *arg)
{
	struct authd *a = arg;

	return auth_signing_put(db, &a->keys.ring.key[0].row);
}

/* A key whose file was removed is one that the administrator wants no more. */
static int
add(struct authd *a, const struct auth_signing_row *row, const char **ret_name)
{
	int r = auth_keyring_add(&a->keys.ring, a->keys.dirfd, row, ret_name);

	if (r != -ENOENT)
		return r;
	nx_warn("event=signing-key-gone kid=%s", row->kid);
	return auth_signing_delete(a->db, row->kid);
}

int
auth_signing_open(struct authd *a, const char **ret_name)
{
	struct auth_signing_row rows[AUTH_SIGNING_KEYS];
	struct auth_signing_key proof;
	int i, r, n = auth_signing_list(a->db, rows);
	size_t left;

	*ret_name = "es256.pem";
	for (i = 0, r = n < 0 ? n : 0; r == 0 && i < n; i++)
		r = add(a, &rows[i], ret_name);
	if (r == 0 && a->keys.ring.n == 0) {
		r = auth_keyring_first(
		    &a->keys.ring, a->keys.dirfd, auth_now(a), ret_name);
		if (r == 0)
			r = nx_db_write_now(a->db, write_first, a);
	}
	if (r < 0)
		return r;
	left = auth_keyring_tidy(&a->keys.ring, a->keys.dirfd);
	if (left > 0)
		nx_warn("event=signing-keys-unused removed=%zu", left);
	/* What OpenSSL loads to make one, it loads before the filter. */
	r = auth_signing_new(&proof);
	if (r == 0)
		auth_signing_fini(&proof);
	return r;
}

/* --- dropping ---------------------------------------------------------------*/

struct drop {
	struct authd *a;
	char kid[AUTH_KID_LEN + 1];
};

static int
tell(struct authd *a, struct nx_db *db, const char *event, const char *actor,
    const char *kid)
{
	const struct auth_event e = {
	    .event = event, .actor = actor, .detail = kid};

	return auth_audit(a, db, &e);
}

static int
write_drop(struct nx_db *db, void *arg)
{
	struct drop *d = arg;
	int r = auth_signing_delete(db, d->kid);

	return r < 0 ? r
		     : tell(d->a, db, "signing-key-dropped", "authd", d->kid);
}

static void
on_dropped(int result, void *arg)
{
	struct drop *d = arg;
	struct authd *a = d->a;

	if (result == 0) {
		nx_info("event=signing-key-dropped kid=%s", d->kid);
		auth_keyring_drop(&a->keys.ring, a->keys.dirfd, d->kid);
		auth_token_cache_forget(a->tokens);
	}
	a->dropping = false;
	free(d);
}

void
auth_signing_tick(struct authd *a)
{
	const struct auth_keyring *ring = &a->keys.ring;
	int64_t now = auth_now(a);
	struct drop *d;

	for (size_t i = 0; i < ring->n; i++) {
		const struct auth_signing_key *k = &ring->key[i];

		if (k->row.drop_at == 0 || now < k->row.drop_at ||
		    k == auth_keyring_signer(ring, now) || a->dropping)
			continue;
		d = calloc(1, sizeof(*d));
		if (!d)
			return;
		d->a = a;
		memcpy(d->kid, k->row.kid, sizeof(d->kid));
		a->dropping = true;
		nx_db_write(a->db, write_drop, on_dropped, d);
		return;
	}
}

/* --- changing ---------------------------------------------------------------*/

enum { WAITS = 1, MANY }; /* outcomes beside 0 and -errno */

struct rotation {
	struct authd *a;
	struct nx_request *r;
	bool now;
	struct auth_signing_key key; /* a new one; without a file: see row */
	struct auth_signing_row row; /* what is to sign */
	int64_t drop_at;             /* of those before */
};

static void
rotation_free(struct rotation *t)
{
	auth_signing_fini(&t->key);
	free(t);
}

/* One is published already: it signs from now on, if that is wanted. */
static int
write_sooner(struct nx_db *db, struct rotation *t)
{
	int r;

	if (!t->now)
		return WAITS;
	t->row.signs_at = auth_now(t->a);
	r = auth_signing_set_begin(db, t->row.kid, t->row.signs_at);
	return r < 0
	    ? r
	    : tell(t->a, db, "signing-keys-rotated", "admin", t->row.kid);
}

static int
write_rotation(struct nx_db *db, void *arg)
{
	struct auth_signing_row rows[AUTH_SIGNING_KEYS];
	struct rotation *t = arg;
	int r, n = auth_signing_list(db, rows);
	int64_t now = auth_now(t->a);

	if (n < 0)
		return n;
	if (n > 0 && rows[n - 1].signs_at > now) {
		t->row = rows[n - 1];
		return write_sooner(db, t);
	}
	if (n == AUTH_SIGNING_KEYS)
		return MANY;
	t->row = t->key.row;
	t->row.made_at = now;
	t->row.signs_at = t->now ? now : now + PUBLISHED;
	t->drop_at = t->row.signs_at + auth_token_life(t->a) + SLACK;
	r = auth_signing_put(db, &t->row);
	if (r == 0)
		r = auth_signing_retire(db, t->row.kid, t->drop_at);
	return r < 0
	    ? r
	    : tell(t->a, db, "signing-keys-rotated", "admin", t->row.kid);
}

static void
fill(const struct authd *a, const struct auth_signing_key *key,
    Nx__SigningKey *ret)
{
	nx__signing_key__init(ret);
	ret->kid = (char *)(uintptr_t)key->row.kid;
	ret->state = (char *)(uintptr_t)auth_keyring_state(
	    &a->keys.ring, key, auth_now(a));
	ret->made_at = (uint64_t)key->row.made_at;
	ret->signs_at = (uint64_t)key->row.signs_at;
	ret->drop_at = (uint64_t)key->row.drop_at;
}

/* What is on disk by now becomes true in memory. */
static void
rotated(struct rotation *t)
{
	struct auth_keyring *ring = &t->a->keys.ring;
	struct auth_signing_key *newest;
	Nx__SigningKey reply;

	if (strcmp(t->row.kid, t->key.row.kid) == 0) {
		for (size_t i = 0; i < ring->n; i++)
			if (ring->key[i].row.drop_at == 0)
				ring->key[i].row.drop_at = t->drop_at;
		auth_keyring_take(ring, &t->key);
	} else {
		auth_keyring_drop(ring, t->a->keys.dirfd, t->key.row.kid);
	}
	newest = &ring->key[ring->n - 1];
	newest->row = t->row;
	nx_info("event=signing-keys-rotated kid=%s", newest->row.kid);
	fill(t->a, newest, &reply);
	nx_answer_auth_rotate_keys(t->r, &reply);
}

static void
on_rotated(int result, void *arg)
{
	struct rotation *t = arg;

	if (result == 0) {
		rotated(t);
		rotation_free(t);
		return;
	}
	auth_keyring_drop(&t->a->keys.ring, t->a->keys.dirfd, t->key.row.kid);
	if (result == WAITS)
		nx_refuse(t->r, NX__STATUS__CONFLICT,
		    "A new key is published already and signs soon (nexusctl "
		    "auth signing-keys); --now lets it sign at once.");
	else if (result == MANY)
		nx_refuse(t->r, NX__STATUS__CONFLICT,
		    "There are 8 keys, the most there can be: wait until one "
		    "that only verifies has gone (nexusctl auth "
		    "signing-keys).");
	else
		nx_refuse_errno(t->r, result, "The keys stay as they were");
	rotation_free(t);
}

/*
 * Safe to grant to an administrator: no key leaves, and what was signed before
 * stays good. The file is written here, as the database is: some milliseconds,
 * once in a long while.
 */
void
serve_auth_rotate_keys(
    struct nx_request *r, const Nx__RotateKeysRequest *q, struct authd *a)
{
	struct rotation *t = calloc(1, sizeof(*t));
	int made = t ? auth_signing_new(&t->key) : -ENOMEM;

	if (made == 0)
		made = auth_signing_save(a->keys.dirfd, &t->key);
	if (made < 0) {
		nx_refuse_errno(r, made, "A new key could not be kept");
		if (t)
			rotation_free(t);
		return;
	}
	t->a = a;
	t->r = r;
	t->now = q->now;
	nx_db_write(a->db, write_rotation, on_rotated, t);
}

/* --- telling ----------------------------------------------------------------*/

void
serve_auth_signing_keys(struct nx_request *r, struct authd *a)
{
	Nx__SigningKeysReply reply = NX__SIGNING_KEYS_REPLY__INIT;
	Nx__SigningKey keys[AUTH_SIGNING_KEYS], *list[AUTH_SIGNING_KEYS];

	for (size_t i = 0; i < a->keys.ring.n; i++) {
		fill(a, &a->keys.ring.key[i], &keys[i]);
		list[i] = &keys[i];
	}
	reply.n_keys = a->keys.ring.n;
	reply.keys = list;
	nx_answer_auth_signing_keys(r, &reply);
}

/* Safe to grant to strangers: public keys are public. */
void
serve_auth_jwks(struct nx_request *r, struct authd *a)
{
	Nx__JwksReply reply = NX__JWKS_REPLY__INIT;
	char json[AUTH_JWKS_MAX];

	reply.json.len = auth_keyring_jwks(&a->keys.ring, auth_now(a), json);
	reply.json.data = (uint8_t *)json;
	nx_answer_auth_jwks(r, &reply);
}
