/* Keys and tokens: what is accepted, and everything that is not. */
#include "tests/unit/authd_harness.h"

#include <jwt.h>

#define NOW 1800000000

struct keyring {
	char dir[64], path[128];
	struct auth_keys keys;
};

/* All of them, as at the first start. */
static int
open_keys(const char *dir, struct auth_keys *ret_keys, const char **ret_path)
{
	static char path[256];
	const char *name;
	int r = auth_keys_open(dir, ret_keys, ret_path);

	if (r < 0)
		return r;
	r = auth_keyring_first(&ret_keys->ring, ret_keys->dirfd, NOW, &name);
	if (r < 0) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		*ret_path = path;
		auth_keys_fini(ret_keys);
	}
	return r;
}

static int
setup(void **state)
{
	struct keyring *k = calloc(1, sizeof(*k));
	const char *what;

	assert_true(sodium_init() >= 0);
	strcpy(k->dir, "/tmp/nexus-keys-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/keys", k->dir);
	assert_int_equal(open_keys(k->path, &k->keys, &what), 0);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	struct keyring *k = *state;

	auth_keys_fini(&k->keys);
	h_remove(k->dir);
	free(k);
	return 0;
}

static const struct auth_claims good = {.user_id = 42,
    .session = {1, 2, 3, 4},
    .issued = NOW,
    .expires = NOW + 3600};

static void
test_round_trip(void **state)
{
	struct keyring *k = *state;
	struct auth_claims back;
	char *token;

	assert_int_equal(
	    auth_token_sign(&k->keys.ring.key[0], &good, &token), 0);
	assert_int_equal(
	    auth_token_check(&k->keys.ring, token, NOW, &back), AUTH_TOKEN_OK);
	assert_int_equal(back.user_id, 42);
	assert_memory_equal(back.session, good.session, NX_SESSION_LEN);
	assert_int_equal(
	    auth_token_check(&k->keys.ring, token, NOW + 3599, &back),
	    AUTH_TOKEN_OK);
	assert_int_equal(
	    auth_token_check(&k->keys.ring, token, NOW + 3600, &back),
	    AUTH_TOKEN_EXPIRED);
	assert_int_equal(
	    auth_token_check(&k->keys.ring, token, NOW - 60, &back),
	    AUTH_TOKEN_OK);
	assert_int_equal(
	    auth_token_check(&k->keys.ring, token, NOW - 61, &back),
	    AUTH_TOKEN_EARLY);
	free(token);
}

/* Cut anywhere, or with any character changed, it is refused; in the last one
 * too, of which base64url uses two bits only. */
static void
test_mutations(void **state)
{
	struct keyring *k = *state;
	struct auth_claims back;
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";
	char *token, *copy;
	size_t i, len;

	assert_int_equal(
	    auth_token_sign(&k->keys.ring.key[0], &good, &token), 0);
	len = strlen(token);
	for (i = 0; i < len; i++) {
		copy = strndup(token, i);
		assert_int_not_equal(
		    auth_token_check(&k->keys.ring, copy, NOW, &back),
		    AUTH_TOKEN_OK);
		free(copy);
	}
	for (i = 0; i < len * 64; i++) {
		copy = strdup(token);
		copy[i / 64] = alphabet[i % 64];
		if (strcmp(copy, token) == 0) {
			free(copy);
			continue;
		}
		if (auth_token_check(&k->keys.ring, copy, NOW, &back) ==
		    AUTH_TOKEN_OK)
			fail_msg(
			    "accepted with byte %zu of %zu changed", i, len);
		free(copy);
	}
	free(token);
}

/* A token that libjwt makes as we say. */
struct recipe {
	const char *name;
	jwt_alg_t alg;
	bool own_key, kid;
	const char *typ, *iss, *aud, *sub, *sid;
	long iat, nbf, exp;
	enum auth_token_result result;
};

#define SID    "01020304000000000000000000000000"
#define OURS   JWT_ALG_ES256, true, true, "JWT"
#define CLAIMS "nexus", "nexus-api", "42", SID
#define TIMES  NOW, NOW, NOW + 60

static const struct recipe recipes[] = {
    {"ours", OURS, CLAIMS, TIMES, AUTH_TOKEN_OK},
    {"none", JWT_ALG_NONE, true, true, "JWT", CLAIMS, TIMES,
	AUTH_TOKEN_MALFORMED},
    {"hs256", JWT_ALG_HS256, true, true, "JWT", CLAIMS, TIMES,
	AUTH_TOKEN_MALFORMED},
    {"other key", JWT_ALG_ES256, false, true, "JWT", CLAIMS, TIMES,
	AUTH_TOKEN_FORGED},
    {"no kid", JWT_ALG_ES256, true, false, "JWT", CLAIMS, TIMES,
	AUTH_TOKEN_MALFORMED},
    {"iss", OURS, "nexus2", "nexus-api", "42", SID, TIMES, AUTH_TOKEN_FOREIGN},
    {"no iss", OURS, NULL, "nexus-api", "42", SID, TIMES, AUTH_TOKEN_FOREIGN},
    {"aud", OURS, "nexus", "nexus", "42", SID, TIMES, AUTH_TOKEN_FOREIGN},
    {"no aud", OURS, "nexus", NULL, "42", SID, TIMES, AUTH_TOKEN_FOREIGN},
    {"sub 0", OURS, "nexus", "nexus-api", "0", SID, TIMES, AUTH_TOKEN_FOREIGN},
    {"sub 042", OURS, "nexus", "nexus-api", "042", SID, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"sub +42", OURS, "nexus", "nexus-api", "+42", SID, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"sub 42x", OURS, "nexus", "nexus-api", "42x", SID, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"sub 2^64", OURS, "nexus", "nexus-api", "18446744073709551616", SID, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"no sub", OURS, "nexus", "nexus-api", NULL, SID, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"sid short", OURS, "nexus", "nexus-api", "42", "0102", TIMES,
	AUTH_TOKEN_FOREIGN},
    {"sid not hex", OURS, "nexus", "nexus-api", "42",
	"0102030400000000000000000000000g", TIMES, AUTH_TOKEN_FOREIGN},
    {"no sid", OURS, "nexus", "nexus-api", "42", NULL, TIMES,
	AUTH_TOKEN_FOREIGN},
    {"no iat", OURS, CLAIMS, 0, NOW, NOW + 60, AUTH_TOKEN_FOREIGN},
    {"no nbf", OURS, CLAIMS, NOW, 0, NOW + 60, AUTH_TOKEN_FOREIGN},
    {"no exp", OURS, CLAIMS, NOW, NOW, 0, AUTH_TOKEN_FOREIGN},
    {"exp negative", OURS, CLAIMS, NOW, NOW, -5, AUTH_TOKEN_FOREIGN},
    {"expired", OURS, CLAIMS, NOW - 60, NOW - 60, NOW, AUTH_TOKEN_EXPIRED},
    {"nbf ahead", OURS, CLAIMS, NOW, NOW + 61, NOW + 120, AUTH_TOKEN_EARLY},
};

static void
grant(jwt_t *jwt, const char *name, const char *value)
{
	if (value)
		assert_int_equal(jwt_add_grant(jwt, name, value), 0);
}

static void
grant_time(jwt_t *jwt, const char *name, long value)
{
	if (value)
		assert_int_equal(jwt_add_grant_int(jwt, name, value), 0);
}

static char *
cook(const struct recipe *r, const struct auth_keys *ours,
    const struct auth_keys *other)
{
	const char *key = (r->own_key ? ours : other)->ring.key[0].private_pem;
	jwt_t *jwt;
	char *token;

	assert_int_equal(jwt_new(&jwt), 0);
	grant(jwt, "iss", r->iss);
	grant(jwt, "aud", r->aud);
	grant(jwt, "sub", r->sub);
	grant(jwt, "sid", r->sid);
	grant_time(jwt, "iat", r->iat);
	grant_time(jwt, "nbf", r->nbf);
	grant_time(jwt, "exp", r->exp);
	if (r->kid)
		jwt_add_header(jwt, "kid", ours->ring.key[0].row.kid);
	jwt_add_header(jwt, "typ", r->typ);
	if (r->alg == JWT_ALG_HS256)
		key = ours->ring.key[0].public_pem;
	assert_int_equal(
	    jwt_set_alg(jwt, r->alg, r->alg ? (const unsigned char *)key : NULL,
		r->alg ? (int)strlen(key) : 0),
	    0);
	token = jwt_encode_str(jwt);
	assert_non_null(token);
	jwt_free(jwt);
	return token;
}

static void
test_forgeries(void **state)
{
	struct keyring *k = *state;
	struct auth_claims back;
	struct auth_keys other;
	const char *what;
	char path[160], *token;
	size_t i;

	snprintf(path, sizeof(path), "%s/other", k->dir);
	assert_int_equal(open_keys(path, &other, &what), 0);
	for (i = 0; i < NX_ARRAY_SIZE(recipes); i++) {
		enum auth_token_result result;

		token = cook(&recipes[i], &k->keys, &other);
		result = auth_token_check(&k->keys.ring, token, NOW, &back);
		if (result != recipes[i].result)
			fail_msg("%s: %d, not %d", recipes[i].name, (int)result,
			    (int)recipes[i].result);
		free(token);
	}
	auth_keys_fini(&other);
}

/* --- the header alone -------------------------------------------------------*/

static bool
header(const char *json)
{
	char token[AUTH_TOKEN_MAX], kid[AUTH_KID_LEN + 1], signature[87];

	memset(signature, 'A', 86);
	signature[86] = '\0';
	sodium_bin2base64(token, sizeof(token), (const unsigned char *)json,
	    strlen(json), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	strcat(strcat(token, ".e30."), signature);
	return auth_jwt_header(token, kid);
}

#define KID "\"kid\":\"0123456789abcdef\""

static void
test_header(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "[]",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"none\",\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":\"es256\",\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":\"ES256 \",\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":\"ES256\",\"typ\":\"jwt\"," KID "}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"," KID ",\"jku\":\"x\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"," KID ",}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"," KID "} x",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"," KID,
	    "{\"alg\":\"\\u0045S256\",\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":[\"ES256\"],\"typ\":\"JWT\"," KID "}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"0123\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"0123456789ABCDEF\"}",
	    "{alg:\"ES256\",\"typ\":\"JWT\"," KID "}",
	};
	size_t i;

	(void)state;
	assert_true(header("{\"alg\":\"ES256\",\"typ\":\"JWT\"," KID "}"));
	assert_true(
	    header(" { " KID " , \"typ\" : \"JWT\" ,\n\"alg\":\"ES256\" } "));
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		if (header(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

/* --- the keys ---------------------------------------------------------------*/

static void
test_keys_stay(void **state)
{
	struct keyring *k = *state;
	struct auth_keys again;
	const char *what;
	char path[160];
	struct stat st;

	assert_int_equal(open_keys(k->path, &again, &what), 0);
	assert_memory_equal(again.pepper, k->keys.pepper, AUTH_PEPPER_LEN);
	assert_string_equal(
	    again.ring.key[0].private_pem, k->keys.ring.key[0].private_pem);
	assert_string_equal(
	    again.ring.key[0].row.kid, k->keys.ring.key[0].row.kid);
	auth_keys_fini(&again);
	assert_int_equal(stat(k->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/pepper", k->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, AUTH_PEPPER_LEN);
}

static void
test_keys_refused(void **state)
{
	static const char *const names[] = {"pepper", "es256.pem"};
	struct keyring *k = *state;
	struct auth_keys again;
	const char *what;
	char path[160], aside[170];
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", k->path, names[i]);
		snprintf(aside, sizeof(aside), "%s.aside", path);
		/* readable by others */
		assert_int_equal(chmod(path, 0640), 0);
		assert_int_equal(open_keys(k->path, &again, &what), -EPERM);
		assert_string_equal(what, path);
		assert_int_equal(chmod(path, 0600), 0);
		/* somewhere else */
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(symlink(aside, path), 0);
		assert_int_equal(open_keys(k->path, &again, &what), -EPERM);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(aside, path), 0);
		/* cut short: never replaced by a new one */
		assert_int_equal(truncate(path, 10), 0);
		assert_int_equal(open_keys(k->path, &again, &what), -EBADMSG);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(open_keys(k->path, &again, &what), 0);
		auth_keys_fini(&again);
	}
	assert_int_equal(chmod(k->path, 0755), 0);
	assert_int_equal(open_keys(k->path, &again, &what), -EPERM);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_round_trip),
	    T(test_mutations),
	    T(test_forgeries),
	    T(test_header),
	    T(test_keys_stay),
	    T(test_keys_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
