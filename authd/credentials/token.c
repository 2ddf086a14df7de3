/*
 * Tokens, signed and checked with libjwt. Everything that a token could choose for
 * itself is compared before the library sees it.
 */
#include <errno.h>
#include <inttypes.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "authd/credentials/token.h"
#include "common/fd.h"

#define CLOCK_LEEWAY 60 /* seconds a token may lie in the future */

static void
jwt_freep(jwt_t **jwt)
{
	jwt_free(*jwt);
}

static void
md_freep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void
sig_freep(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static int
add_claims(jwt_t *jwt, const struct auth_claims *claims)
{
	char sub[24], sid[NX_SESSION_LEN * 2 + 1];

	snprintf(sub, sizeof(sub), "%" PRIu64, claims->user_id);
	sodium_bin2hex(
	    sid, sizeof(sid), claims->session, sizeof(claims->session));
	return jwt_add_grant(jwt, "iss", AUTH_TOKEN_ISSUER) ||
	    jwt_add_grant(jwt, "aud", AUTH_TOKEN_AUDIENCE) ||
	    jwt_add_grant(jwt, "sub", sub) || jwt_add_grant(jwt, "sid", sid) ||
	    jwt_add_grant_int(jwt, "iat", claims->issued) ||
	    jwt_add_grant_int(jwt, "nbf", claims->issued) ||
	    jwt_add_grant_int(jwt, "exp", claims->expires);
}

int
auth_token_sign(const struct auth_signing_key *key,
    const struct auth_claims *claims, char **ret_token)
{
	nx_cleanup(jwt_freep) jwt_t *jwt = NULL;
	char *token;

	if (jwt_new(&jwt) != 0 || add_claims(jwt, claims) ||
	    jwt_add_header(jwt, "typ", "JWT") ||
	    jwt_add_header(jwt, "kid", key->row.kid) ||
	    jwt_set_alg(jwt, JWT_ALG_ES256,
		(const unsigned char *)key->private_pem,
		(int)strlen(key->private_pem)))
		return -ENOMEM;
	token = jwt_encode_str(jwt);
	if (!token)
		return -ENOMEM;
	*ret_token = token;
	return 0;
}

static bool
grant_is(jwt_t *jwt, const char *grant, const char *value)
{
	const char *text = jwt_get_grant(jwt, grant);

	return text && strcmp(text, value) == 0;
}

/* A positive number in canonical decimal digits. */
static bool
grant_id(jwt_t *jwt, const char *grant, uint64_t *ret_id)
{
	const char *text = jwt_get_grant(jwt, grant);
	char again[24];
	uint64_t id;

	if (!text || text[0] < '1' || text[0] > '9')
		return false;
	errno = 0;
	id = strtoull(text, NULL, 10);
	snprintf(again, sizeof(again), "%" PRIu64, id);
	if (errno != 0 || strcmp(text, again) != 0)
		return false;
	*ret_id = id;
	return true;
}

static bool
grant_session(jwt_t *jwt, uint8_t ret_session[NX_SESSION_LEN])
{
	const char *text = jwt_get_grant(jwt, "sid");
	size_t len;

	return text && strlen(text) == NX_SESSION_LEN * 2 &&
	    sodium_hex2bin(ret_session, NX_SESSION_LEN, text,
		NX_SESSION_LEN * 2, NULL, &len, NULL) == 0 &&
	    len == NX_SESSION_LEN;
}

/* A whole number above 0; libjwt answers 0 with errno for anything else. */
static bool
grant_time(jwt_t *jwt, const char *grant, int64_t *ret_time)
{
	long value;

	errno = 0;
	value = jwt_get_grant_int(jwt, grant);
	*ret_time = value;
	return errno == 0 && value > 0;
}

enum auth_token_result
auth_claims_check(const struct auth_claims *claims, int64_t now)
{
	if (now >= claims->expires)
		return AUTH_TOKEN_EXPIRED;
	if (claims->issued > now + CLOCK_LEEWAY ||
	    claims->not_before > now + CLOCK_LEEWAY)
		return AUTH_TOKEN_EARLY;
	return AUTH_TOKEN_OK;
}

static enum auth_token_result
check_claims(jwt_t *jwt, int64_t now, struct auth_claims *ret_claims)
{
	struct auth_claims c = {0};
	enum auth_token_result result;

	if (!grant_is(jwt, "iss", AUTH_TOKEN_ISSUER) ||
	    !grant_is(jwt, "aud", AUTH_TOKEN_AUDIENCE) ||
	    !grant_id(jwt, "sub", &c.user_id) ||
	    !grant_session(jwt, c.session) ||
	    !grant_time(jwt, "iat", &c.issued) ||
	    !grant_time(jwt, "nbf", &c.not_before) ||
	    !grant_time(jwt, "exp", &c.expires))
		return AUTH_TOKEN_FOREIGN;
	result = auth_claims_check(&c, now);
	if (result != AUTH_TOKEN_OK)
		return result;
	*ret_claims = c;
	return AUTH_TOKEN_OK;
}

/* r and s, as JOSE has them (RFC 7518, 3.4), in the form OpenSSL wants. The
 * length of @der (at least 80 bytes), or -1. */
static int
to_der(const uint8_t raw[64], uint8_t *der)
{
	nx_cleanup(sig_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL);
	BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);

	if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) {
		BN_free(r);
		BN_free(s);
		return -1;
	}
	return i2d_ECDSA_SIG(sig, &der);
}

/*
 * Is it the signature of @key? The library will ask again, but reads the key anew each
 * time, which takes ten times as long as the question. Here neither key nor
 * algorithm can come from the token, and a stranger's forgeries cost little.
 */
static bool
signed_by(const struct auth_signing_key *key, const char *token)
{
	nx_cleanup(md_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *dot = strrchr(token, '.');
	uint8_t raw[64], der[80];
	size_t len;
	int n;

	if (sodium_base642bin(raw, sizeof(raw), dot + 1, strlen(dot + 1), NULL,
		&len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    len != sizeof(raw))
		return false;
	n = to_der(raw, der);
	return n > 0 && ctx &&
	    EVP_DigestVerifyInit(
		ctx, NULL, EVP_sha256(), NULL, key->public_key) == 1 &&
	    EVP_DigestVerify(ctx, der, (size_t)n, (const uint8_t *)token,
		(size_t)(dot - token)) == 1;
}

enum auth_token_result
auth_token_check(const struct auth_keyring *ring, const char *token,
    int64_t now, struct auth_claims *ret_claims)
{
	nx_cleanup(jwt_freep) jwt_t *jwt = NULL;
	const struct auth_signing_key *key;
	char kid[AUTH_KID_LEN + 1];

	if (!auth_jwt_header(token, kid))
		return AUTH_TOKEN_MALFORMED;
	/* Its name is compared with those we have, never followed anywhere. */
	key = auth_keyring_find(ring, kid, now);
	if (!key || !signed_by(key, token))
		return AUTH_TOKEN_FORGED;
	if (jwt_decode(&jwt, token, (const unsigned char *)key->public_pem,
		(int)strlen(key->public_pem)) != 0) {
		jwt = NULL;
		return AUTH_TOKEN_FORGED;
	}
	if (jwt_get_alg(jwt) != JWT_ALG_ES256)
		return AUTH_TOKEN_FORGED;
	return check_claims(jwt, now, ret_claims);
}
