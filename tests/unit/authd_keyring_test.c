/* Several keys that sign: published, signing, verifying, gone; whatever is killed
 * in between, and whatever a token says of its key. */
#include <dirent.h>

#include "proto/signing.pb-c.h"
#include "tests/unit/authd_harness.h"

#define PUBLISHED 600
#define DAY       86400

static void
restart(struct harness *h)
{
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_ADMIN);
	h_attach(h, NX_ROLE_MAIL);
}

static Nx__Status
rotate(struct harness *h, bool now)
{
	Nx__RotateKeysRequest q = NX__ROTATE_KEYS_REQUEST__INIT;
	struct h_reply out;

	q.now = now;
	h_begin(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_ROTATE_KEYS, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	return out.status;
}

struct seen {
	size_t n;
	char kid[8][17], state[8][17];
};

static struct seen
list(struct harness *h)
{
	Nx__Empty q = NX__EMPTY__INIT;
	const Nx__SigningKeysReply *m;
	struct h_reply out;
	struct seen s = {0};

	h_begin(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_SIGNING_KEYS, &q.base, &out);
	h_wait(h, &out);
	assert_int_equal(out.status, NX__STATUS__OK);
	m = (const void *)out.body;
	for (; s.n < m->n_keys; s.n++) {
		strcpy(s.kid[s.n], m->keys[s.n]->kid);
		strcpy(s.state[s.n], m->keys[s.n]->state);
	}
	h_free(&out);
	return s;
}

static void
jwks(struct harness *h, char ret_json[AUTH_JWKS_MAX])
{
	Nx__Empty q = NX__EMPTY__INIT;
	const Nx__JwksReply *m;
	struct h_reply out;

	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_JWKS, &q.base, &out);
	h_wait(h, &out);
	assert_int_equal(out.status, NX__STATUS__OK);
	m = (const void *)out.body;
	assert_true(m->json.len < AUTH_JWKS_MAX);
	memcpy(ret_json, m->json.data, m->json.len);
	ret_json[m->json.len] = '\0';
	h_free(&out);
}

static bool
is_published(struct harness *h, const char *kid)
{
	char json[AUTH_JWKS_MAX];

	jwks(h, json);
	return strstr(json, kid) != NULL;
}

/* A new session's token, and which key signed it. */
static void
sign_in(struct harness *h, char ret_token[2049], char ret_kid[17])
{
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, "alice@example.org",
			     h->mail.code, ret_token),
	    NX__STATUS__OK);
	assert_true(auth_jwt_header(ret_token, ret_kid));
}

/* Ticks as the timer would. */
static void
tick(struct harness *h)
{
	auth_signing_tick(&h->a);
	h_settle(h);
}

static size_t
key_files(struct harness *h)
{
	char path[128];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/keys", h->dir);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += strncmp(e->d_name, "es256", 5) == 0;
	closedir(d);
	return n;
}

static int
setup(void **state)
{
	int r = h_setup(state);

	if (r == 0)
		h_user(*state, "alice", NULL);
	return r;
}

/* --- a life -----------------------------------------------------------------*/

static void
test_life(void **state)
{
	struct harness *h = *state;
	char old[2049], new[2049], first[17], kid[17];
	struct seen s;

	sign_in(h, old, first);
	assert_int_equal(rotate(h, false), NX__STATUS__OK);
	s = list(h);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.kid[0], first);
	assert_string_equal(s.state[0], "signs");
	assert_string_equal(s.state[1], "next");
	/* Published before it signs. */
	assert_true(is_published(h, s.kid[1]));
	sign_in(h, new, kid);
	assert_string_equal(kid, first);
	assert_int_equal(rotate(h, false), NX__STATUS__CONFLICT);
	h_advance(PUBLISHED + 1);
	sign_in(h, new, kid);
	assert_string_equal(kid, s.kid[1]);
	assert_string_equal(list(h).state[0], "verifies");
	assert_int_equal(h_check(h, old), NX__STATUS__OK);
	assert_int_equal(h_check(h, new), NX__STATUS__OK);
	/* Over a restart the same. */
	restart(h);
	assert_int_equal(h_check(h, old), NX__STATUS__OK);
	assert_int_equal(h_check(h, new), NX__STATUS__OK);
	tick(h);
	assert_int_equal(list(h).n, 2);
	/* Gone when the last token it signed has ended. */
	h_advance(DAY - 60);
	tick(h);
	assert_int_equal(list(h).n, 2);
	assert_true(is_published(h, first));
	h_advance(121);
	assert_false(is_published(h, first));
	tick(h);
	assert_int_equal(list(h).n, 1);
	assert_int_equal(key_files(h), 1);
	restart(h);
	s = list(h);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.kid[0], kid);
	assert_string_equal(s.state[0], "signs");
	assert_int_equal(key_files(h), 1);
}

static void
test_now(void **state)
{
	struct harness *h = *state;
	char old[2049], new[2049], kid[17], first[17];
	struct seen s;

	sign_in(h, old, first);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	sign_in(h, new, kid);
	assert_string_not_equal(kid, first);
	assert_int_equal(h_check(h, old), NX__STATUS__OK);
	/* One that waits is let sign, and no other made for it. */
	assert_int_equal(rotate(h, false), NX__STATUS__OK);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	s = list(h);
	assert_int_equal(s.n, 3);
	assert_int_equal(key_files(h), 3);
	assert_string_equal(s.state[2], "signs");
	sign_in(h, new, kid);
	assert_string_equal(kid, s.kid[2]);
}

static void
test_eight(void **state)
{
	struct harness *h = *state;

	for (int i = 1; i < AUTH_SIGNING_KEYS; i++)
		assert_int_equal(rotate(h, true), NX__STATUS__OK);
	assert_int_equal(rotate(h, true), NX__STATUS__CONFLICT);
	assert_int_equal(list(h).n, AUTH_SIGNING_KEYS);
	assert_int_equal(key_files(h), AUTH_SIGNING_KEYS);
	restart(h);
	assert_int_equal(list(h).n, AUTH_SIGNING_KEYS);
	h_advance(DAY + PUBLISHED);
	for (int i = 1; i < AUTH_SIGNING_KEYS; i++)
		tick(h);
	assert_int_equal(list(h).n, 1);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
}

/* Two administrators at once: one key more, or two that are both there. */
static void
test_two_at_once(void **state)
{
	struct harness *h = *state;
	Nx__RotateKeysRequest q = NX__ROTATE_KEYS_REQUEST__INIT;
	struct h_reply a, b;

	h_begin(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_ROTATE_KEYS, &q.base, &a);
	h_begin(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_ROTATE_KEYS, &q.base, &b);
	h_wait(h, &a);
	h_wait(h, &b);
	assert_int_equal(a.status, NX__STATUS__OK);
	assert_int_equal(b.status, NX__STATUS__CONFLICT);
	h_free(&a);
	h_free(&b);
	assert_int_equal(list(h).n, 2);
	assert_int_equal(key_files(h), 2);
	restart(h);
	assert_int_equal(list(h).n, 2);
}

/* No token outlives the key it is verified with, though tokens live longer now
 * than when that was decided. */
static void
test_longer_tokens(void **state)
{
	struct harness *h = *state;
	struct auth_claims claims;
	char token[2049], kid[17];
	int64_t end;

	h->conf.token_minutes = 5;
	assert_int_equal(rotate(h, false), NX__STATUS__OK);
	h->conf.token_minutes = 0;
	end = h->a.keys.ring.key[0].row.drop_at;
	assert_int_not_equal(end, 0);
	sign_in(h, token, kid);
	assert_int_equal(
	    auth_token_check(&h->a.keys.ring, token, auth_now(&h->a), &claims),
	    AUTH_TOKEN_OK);
	assert_int_equal(claims.expires, end);
	assert_non_null(auth_keyring_find(&h->a.keys.ring, kid, end - 1));
	assert_null(auth_keyring_find(&h->a.keys.ring, kid, end));
	h_advance(PUBLISHED + 5 * 60 + 60);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	tick(h);
	assert_int_equal(list(h).n, 1);
}

static void
test_clock_backwards(void **state)
{
	struct harness *h = *state;
	char token[2049], kid[17];

	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	h_advance(2 * DAY);
	tick(h);
	assert_int_equal(list(h).n, 1);
	/* Before any key that is left: one of them signs all the same. */
	h_wall_shift_us = -10LL * DAY * 1000000;
	sign_in(h, token, kid);
	assert_string_equal(list(h).state[0], "signs");
}

/* --- killed in between ------------------------------------------------------*/

/* After the file and before the row. */
static void
test_killed_before_the_row(void **state)
{
	struct harness *h = *state;
	char token[2049], kid[17];
	struct auth_signing_key key;

	sign_in(h, token, kid);
	assert_int_equal(auth_signing_new(&key), 0);
	assert_int_equal(auth_signing_save(h->a.keys.dirfd, &key), 0);
	auth_signing_fini(&key);
	assert_int_equal(key_files(h), 2);
	restart(h);
	assert_int_equal(key_files(h), 1);
	assert_int_equal(list(h).n, 1);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

static int
write_delete(struct nx_db *db, void *arg)
{
	return auth_signing_delete(db, arg);
}

/* After the row is deleted and before the file is. */
static void
test_killed_before_the_file(void **state)
{
	struct harness *h = *state;
	char token[2049], kid[17], old[17];

	strcpy(old, list(h).kid[0]);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	sign_in(h, token, kid);
	assert_int_equal(nx_db_write_now(h->a.db, write_delete, old), 0);
	restart(h);
	assert_int_equal(key_files(h), 1);
	assert_string_equal(list(h).kid[0], kid);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

/* At the first start, with its file and no row. */
static void
test_killed_at_first_start(void **state)
{
	struct harness *h = *state;
	char token[2049], kid[17];

	sign_in(h, token, kid);
	assert_int_equal(nx_db_write_now(h->a.db, write_delete, kid), 0);
	restart(h);
	assert_string_equal(list(h).kid[0], kid);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

/* An administrator takes a key's file away: what it signed is worth nothing. */
static void
test_file_removed(void **state)
{
	struct harness *h = *state;
	char old[2049], new[2049], first[17], kid[17], path[128];

	sign_in(h, old, first);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	sign_in(h, new, kid);
	snprintf(path, sizeof(path), "%s/keys/es256.pem", h->dir);
	assert_int_equal(unlink(path), 0);
	restart(h);
	assert_int_equal(h_check(h, old), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, new), NX__STATUS__OK);
	assert_int_equal(list(h).n, 1);
	snprintf(path, sizeof(path), "%s/keys/es256-%s.pem", h->dir, kid);
	assert_int_equal(unlink(path), 0);
	restart(h);
	assert_int_equal(h_check(h, new), NX__STATUS__UNAUTHENTICATED);
	sign_in(h, new, kid);
	assert_int_equal(h_check(h, new), NX__STATUS__OK);
}

/* --- whose signature --------------------------------------------------------*/

/* Signed by one of ours in the name of another. */
static void
test_anothers_name(void **state)
{
	struct harness *h = *state;
	struct auth_claims c = {.user_id = 1, .session = {1}}, back;
	struct auth_keyring *ring = &h->a.keys.ring;
	char kid[17], *token;

	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	c.issued = auth_now(&h->a);
	c.expires = c.issued + 60;
	assert_int_equal(auth_token_sign(&ring->key[0], &c, &token), 0);
	assert_int_equal(
	    auth_token_check(ring, token, c.issued, &back), AUTH_TOKEN_OK);
	free(token);
	memcpy(kid, ring->key[0].row.kid, sizeof(kid));
	memcpy(ring->key[0].row.kid, ring->key[1].row.kid, sizeof(kid));
	assert_int_equal(auth_token_sign(&ring->key[0], &c, &token), 0);
	memcpy(ring->key[0].row.kid, kid, sizeof(kid));
	assert_int_equal(
	    auth_token_check(ring, token, c.issued, &back), AUTH_TOKEN_FORGED);
	free(token);
}

/* Who remembers a token forgets it with its key. */
static void
test_cache_forgets(void **state)
{
	struct harness *h = *state;
	char token[2049], kid[17];

	sign_in(h, token, kid);
	assert_int_equal(rotate(h, true), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	h->a.keys.ring.key[0].row.drop_at = auth_now(&h->a);
	tick(h);
	assert_int_equal(list(h).n, 1);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_life),
	    T(test_now),
	    T(test_eight),
	    T(test_two_at_once),
	    T(test_longer_tokens),
	    T(test_clock_backwards),
	    T(test_killed_before_the_row),
	    T(test_killed_before_the_file),
	    T(test_killed_at_first_start),
	    T(test_file_removed),
	    T(test_anothers_name),
	    T(test_cache_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
