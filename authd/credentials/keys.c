/*
 * The keys, read or made. Runs before the sandbox's filter, at start only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "authd/credentials/keyfile.h"
#include "authd/credentials/keys.h"
#include "common/fd.h"

#define PEM_MAX 4096

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

static char *
bio_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? strndup(data, (size_t)len) : NULL;
}

/* All of them have one length. */
#define SECRET_LEN 32
_Static_assert(AUTH_PEPPER_LEN == SECRET_LEN, "the pepper's length");
_Static_assert(AUTH_SEAL_KEY_LEN == SECRET_LEN, "the seal's length");
_Static_assert(AUTH_CHAIN_KEY_LEN == SECRET_LEN, "the chain's length");

static int
make_secret(int dirfd, const char *name)
{
	uint8_t secret[SECRET_LEN];
	int r;

	randombytes_buf(secret, sizeof(secret));
	r = auth_keyfile_write(dirfd, name, secret, sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	return r;
}

static int
read_secret(int dirfd, const char *name, uint8_t ret_secret[SECRET_LEN])
{
	unsigned char *data;
	int len;

	len = auth_keyfile_read(dirfd, name, SECRET_LEN, &data);
	if (len < 0)
		return len;
	if (len == SECRET_LEN)
		memcpy(ret_secret, data, SECRET_LEN);
	sodium_memzero(data, (size_t)len);
	free(data);
	return len == SECRET_LEN ? 0 : -EBADMSG;
}

static int
read_pepper(int dirfd, const char *name, struct auth_keys *keys)
{
	return read_secret(dirfd, name, keys->pepper);
}

static int
read_seal(int dirfd, const char *name, struct auth_keys *keys)
{
	return read_secret(dirfd, name, keys->seal);
}

static int
read_audit(int dirfd, const char *name, struct auth_keys *keys)
{
	return read_secret(dirfd, name, keys->audit);
}

static int
make_signing(int dirfd, const char *name)
{
	nx_cleanup(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	nx_cleanup(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	if (!key || !bio ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return -ENOMEM;
	len = BIO_get_mem_data(bio, &data);
	return auth_keyfile_write(dirfd, name, data, (size_t)len);
}

static bool
is_p256(EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
	    strcmp(group, "prime256v1") == 0;
}

/* The public half and its name, from the private half. */
static int
derive_public(struct auth_keys *keys, size_t len)
{
	nx_cleanup(bio_freep) BIO *in =
	    BIO_new_mem_buf(keys->private_pem, (int)len);
	nx_cleanup(bio_freep) BIO *out = BIO_new(BIO_s_mem());
	nx_cleanup(pkey_freep) EVP_PKEY *key =
	    in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	nx_cleanup(bio_freep) BIO *back = NULL;
	uint8_t hash[AUTH_KID_LEN];

	if (!key || !is_p256(key))
		return -EBADMSG;
	if (!out || !PEM_write_bio_PUBKEY(out, key))
		return -ENOMEM;
	keys->public_pem = bio_text(out);
	if (!keys->public_pem)
		return -ENOMEM;
	crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)keys->public_pem, strlen(keys->public_pem),
	    NULL, 0);
	sodium_bin2hex(keys->kid, sizeof(keys->kid), hash, AUTH_KID_LEN / 2);
	back = BIO_new_mem_buf(keys->public_pem, -1);
	keys->public_key =
	    back ? PEM_read_bio_PUBKEY(back, NULL, NULL, NULL) : NULL;
	return keys->public_key ? 0 : -ENOMEM;
}

static int
read_signing(int dirfd, const char *name, struct auth_keys *keys)
{
	unsigned char *data;
	int len;

	len = auth_keyfile_read(dirfd, name, PEM_MAX, &data);
	if (len < 0)
		return len;
	keys->private_pem = (char *)data;
	return derive_public(keys, (size_t)len);
}

static const struct {
	const char *name;
	int (*make)(int dirfd, const char *name);
	int (*read)(int dirfd, const char *name, struct auth_keys *keys);
} files[] = {
    {"pepper", make_secret, read_pepper},
    {"seal", make_secret, read_seal},
    {"audit", make_secret, read_audit},
    {"es256.pem", make_signing, read_signing},
};

static int
open_dir(const char *dir)
{
	struct stat st;
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || (st.st_mode & 077) != 0) {
		nx_close(&fd);
		return -EPERM;
	}
	return fd;
}

int
auth_keys_open(
    const char *dir, struct auth_keys *ret_keys, const char **ret_path)
{
	static char path[4096];
	struct auth_keys keys = {0};
	nx_cleanup_fd int dirfd = open_dir(dir);
	size_t i;
	int r = 0;

	snprintf(path, sizeof(path), "%s", dir);
	*ret_path = path;
	if (dirfd < 0)
		return dirfd;
	for (i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		r = files[i].read(dirfd, files[i].name, &keys);
		if (r == -ENOENT)
			r = files[i].make(dirfd, files[i].name);
		else
			continue;
		if (r == 0)
			r = files[i].read(dirfd, files[i].name, &keys);
		keys.audit_new |= files[i].read == read_audit;
	}
	if (r < 0)
		auth_keys_fini(&keys);
	else
		*ret_keys = keys;
	return r;
}

void
auth_keys_fini(struct auth_keys *keys)
{
	if (keys->private_pem)
		sodium_memzero(keys->private_pem, strlen(keys->private_pem));
	free(keys->private_pem);
	free(keys->public_pem);
	EVP_PKEY_free(keys->public_key);
	sodium_memzero(keys, sizeof(*keys));
}
