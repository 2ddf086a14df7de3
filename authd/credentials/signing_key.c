/* One key that signs: made, kept in a file, read. See keyring.h. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "authd/credentials/keyfile.h"
#include "authd/credentials/signing_key.h"
#include "common/fd.h"

#define PEM_MAX 4096
#define FIELD   32 /* bytes of a coordinate of P-256 */

static void
pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void
bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static void
bn_freep(BIGNUM **n)
{
	BN_free(*n);
}

static char *
bio_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? strndup(data, (size_t)len) : NULL;
}

static bool
is_p256(EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
	    strcmp(group, "prime256v1") == 0;
}

static bool
coordinate(EVP_PKEY *key, const char *which, char ret_text[AUTH_COORDINATE + 1])
{
	nx_cleanup(bn_freep) BIGNUM *n = NULL;
	uint8_t raw[FIELD];

	return EVP_PKEY_get_bn_param(key, which, &n) &&
	    BN_bn2binpad(n, raw, sizeof(raw)) == sizeof(raw) &&
	    sodium_bin2base64(ret_text, AUTH_COORDINATE + 1, raw, sizeof(raw),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Its name: of the bytes of its public half. */
static void
name(const char *public_pem, char ret_kid[AUTH_KID_LEN + 1])
{
	uint8_t hash[AUTH_KID_LEN];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)public_pem,
	    strlen(public_pem), NULL, 0);
	sodium_bin2hex(ret_kid, AUTH_KID_LEN + 1, hash, AUTH_KID_LEN / 2);
}

/* The public half and its name, from @private, which stays the caller's. */
static int
derive(EVP_PKEY *private, struct auth_signing_key *key)
{
	nx_cleanup(bio_freep) BIO *out = BIO_new(BIO_s_mem());
	nx_cleanup(bio_freep) BIO *back = NULL;

	if (!out || !PEM_write_bio_PUBKEY(out, private))
		return -ENOMEM;
	key->public_pem = bio_text(out);
	if (!key->public_pem)
		return -ENOMEM;
	name(key->public_pem, key->row.kid);
	back = BIO_new_mem_buf(key->public_pem, -1);
	key->public_key =
	    back ? PEM_read_bio_PUBKEY(back, NULL, NULL, NULL) : NULL;
	return key->public_key &&
		coordinate(private, OSSL_PKEY_PARAM_EC_PUB_X, key->x) &&
		coordinate(private, OSSL_PKEY_PARAM_EC_PUB_Y, key->y)
	    ? 0
	    : -ENOMEM;
}

int
auth_signing_new(struct auth_signing_key *ret_key)
{
	nx_cleanup(pkey_freep) EVP_PKEY *private = EVP_EC_gen("P-256");
	nx_cleanup(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	struct auth_signing_key key = {0};
	int r = -ENOMEM;

	if (private && bio &&
	    PEM_write_bio_PKCS8PrivateKey(
		bio, private, NULL, NULL, 0, NULL, NULL))
		key.private_pem = bio_text(bio);
	if (key.private_pem)
		r = derive(private, &key);
	if (r < 0)
		auth_signing_fini(&key);
	else
		*ret_key = key;
	return r;
}

int
auth_signing_read(int dirfd, const char *file, struct auth_signing_key *ret_key)
{
	nx_cleanup(bio_freep) BIO *in = NULL;
	nx_cleanup(pkey_freep) EVP_PKEY *private = NULL;
	struct auth_signing_key key = {0};
	unsigned char *data;
	int r = auth_keyfile_read(dirfd, file, PEM_MAX, &data);

	if (r < 0)
		return r;
	key.private_pem = (char *)data;
	in = BIO_new_mem_buf(data, r);
	private = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	r = private && is_p256(private) ? derive(private, &key) : -EBADMSG;
	if (r < 0)
		auth_signing_fini(&key);
	else
		*ret_key = key;
	return r;
}

int
auth_signing_write(
    int dirfd, const char *file, const struct auth_signing_key *key)
{
	return auth_keyfile_write(
	    dirfd, file, key->private_pem, strlen(key->private_pem));
}

void
auth_signing_fini(struct auth_signing_key *key)
{
	if (key->private_pem)
		sodium_memzero(key->private_pem, strlen(key->private_pem));
	free(key->private_pem);
	free(key->public_pem);
	EVP_PKEY_free(key->public_key);
	sodium_memzero(key, sizeof(*key));
}
