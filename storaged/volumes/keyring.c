/*
 * Reading wrapping keys, and XChaCha20-Poly1305 with them (libsodium): nonces
 * are random, so nothing has to be counted.
 *
 *	wrapped: magic 8, name of the wrapping key 8, nonce 24, key and tag 48,
 *	CRC32C 4
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/keyring.h"

#define MAGIC     "NXVKEY01"
#define AT_NAME   8U
#define AT_NONCE  16U
#define AT_KEY    40U
#define AT_CRC    88U
#define NAME_LEN  8U
#define DIGITS    (2 * SEAL_KEY_LEN)
#define BOUND_MAX (AT_NONCE + NX_ID_LEN)

enum { CURRENT, FORMER, KEYS };

struct keyring {
	uint8_t *key[KEYS]; /* locked; NULL: there is none */
	uint8_t name[KEYS][NAME_LEN];
	char why_not[256];
};

/* --- reading ----------------------------------------------------------------*/

/* A credential is what the service manager made of it: who may read it there is
 * its business. */
struct source {
	const char *path;
	bool credential;
};

static bool
is_private(struct keyring *k, const struct source *src, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "the key %.100s is not a file", src->path);
	else if (src->credential)
		return true;
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "the key file %.100s belongs to user %u: it must be root's "
		    "or "
		    "storaged's own (user %u)",
		    src->path, st.st_uid, geteuid());
	else if ((st.st_mode & 077) != 0)
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "others may open the key file %.100s: chmod 0600 it, and "
		    "think "
		    "of who may have read it",
		    src->path);
	else
		return true;
	return false;
}

static uint8_t *
parse(const char *text, size_t len)
{
	uint8_t *key;
	size_t n = 0;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len != DIGITS)
		return NULL;
	key = sodium_malloc(SEAL_KEY_LEN);
	if (!key)
		return NULL;
	if (sodium_hex2bin(key, SEAL_KEY_LEN, text, len, NULL, &n, NULL) == 0 &&
	    n == SEAL_KEY_LEN)
		return key;
	sodium_free(key);
	return NULL;
}

static uint8_t *
read_key(struct keyring *k, const struct source *src)
{
	nx_cleanup_fd int fd =
	    open(src->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[DIGITS + 3];
	uint8_t *key = NULL;
	ssize_t n;

	if (fd < 0) {
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "the key file %.100s cannot be opened (%s): it must be "
		    "storaged's own (user %u) with mode 0600",
		    src->path, strerror(errno), geteuid());
		return NULL;
	}
	if (!is_private(k, src, fd))
		return NULL;
	n = read(fd, text, sizeof(text));
	if (n > 0)
		key = parse(text, (size_t)n);
	sodium_memzero(text, sizeof(text));
	if (!key)
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "the key file %.100s is not a line of 64 hexadecimal "
		    "digits: "
		    "make one with `openssl rand -hex 32`",
		    src->path);
	return key;
}

/* What is configured, or the credential, or nothing. */
static void
load(struct keyring *k, int which, const char *configured, const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct source src = {.path = configured};
	char path[512];

	if (!configured || !configured[0]) {
		if (!dir ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
			sizeof(path) ||
		    access(path, F_OK) < 0)
			return;
		src = (struct source){path, true};
	}
	k->key[which] = read_key(k, &src);
	if (k->key[which])
		crypto_generichash(k->name[which], NAME_LEN,
		    (const uint8_t *)MAGIC, AT_NAME, k->key[which],
		    SEAL_KEY_LEN);
}

struct keyring *
keyring_new(const struct storaged_conf *conf)
{
	struct keyring *k;

	if (sodium_init() < 0)
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	load(k, FORMER, conf->encryption_key_old, "nexus-storage-key-old");
	if (k->why_not[0])
		nx_warn("event=no-former-key reason=\"%s\"", k->why_not);
	k->why_not[0] = '\0';
	load(k, CURRENT, conf->encryption_key, "nexus-storage-key");
	if (!k->key[CURRENT] && !k->why_not[0])
		(void)snprintf(k->why_not, sizeof(k->why_not),
		    "there is no key: name a file with one in [storaged] "
		    "encryption_key, or give the credential nexus-storage-key");
	return k;
}

struct keyring *
keyring_free(struct keyring *k)
{
	for (int i = 0; k && i < KEYS; i++)
		sodium_free(k->key[i]);
	free(k);
	return NULL;
}

const char *
keyring_why_not(const struct keyring *k)
{
	return k->key[CURRENT] ? NULL : k->why_not;
}

/* --- wrapping ---------------------------------------------------------------*/

/* What is bound to it: magic, wrapping key, and whose it is. */
static size_t
bind_to(const uint8_t *wrapped, const char *name, uint8_t ret_bound[BOUND_MAX])
{
	size_t len = strnlen(name, NX_ID_LEN);

	memcpy(ret_bound, wrapped, AT_NONCE);
	memcpy(ret_bound + AT_NONCE, name, len);
	return AT_NONCE + len;
}

void
keyring_wrap(const struct keyring *k, const char *name,
    const uint8_t key[SEAL_KEY_LEN], uint8_t ret_wrapped[KEYRING_WRAPPED])
{
	uint8_t bound[BOUND_MAX];
	uint32_t crc;

	nx_assert(k->key[CURRENT]);
	memcpy(ret_wrapped, MAGIC, AT_NAME);
	memcpy(ret_wrapped + AT_NAME, k->name[CURRENT], NAME_LEN);
	randombytes_buf(ret_wrapped + AT_NONCE, AT_KEY - AT_NONCE);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret_wrapped + AT_KEY,
	    NULL, key, SEAL_KEY_LEN, bound, bind_to(ret_wrapped, name, bound),
	    NULL, ret_wrapped + AT_NONCE, k->key[CURRENT]);
	crc = checksum_crc(ret_wrapped, AT_CRC);
	for (unsigned i = 0; i < 4; i++)
		ret_wrapped[AT_CRC + i] = (uint8_t)(crc >> 8 * i);
}

static bool
is_whole(const uint8_t *wrapped)
{
	uint32_t crc = 0;

	for (unsigned i = 0; i < 4; i++)
		crc |= (uint32_t)wrapped[AT_CRC + i] << 8 * i;
	return memcmp(wrapped, MAGIC, AT_NAME) == 0 &&
	    checksum_crc(wrapped, AT_CRC) == crc;
}

int
keyring_unwrap(const struct keyring *k, const char *name,
    const uint8_t wrapped[KEYRING_WRAPPED], uint8_t ret_key[SEAL_KEY_LEN])
{
	uint8_t bound[BOUND_MAX];

	if (!is_whole(wrapped))
		return -EBADMSG;
	for (int i = 0; i < KEYS; i++) {
		if (!k->key[i] ||
		    memcmp(wrapped + AT_NAME, k->name[i], NAME_LEN) != 0)
			continue;
		if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret_key, NULL,
			NULL, wrapped + AT_KEY, AT_CRC - AT_KEY, bound,
			bind_to(wrapped, name, bound), wrapped + AT_NONCE,
			k->key[i]) != 0)
			return -EBADMSG;
		return i == CURRENT ? 0 : 1;
	}
	return -ENOKEY;
}

void
keyring_name(
    const uint8_t wrapped[KEYRING_WRAPPED], char ret_name[KEYRING_NAME])
{
	(void)sodium_bin2hex(
	    ret_name, KEYRING_NAME, wrapped + AT_NAME, NAME_LEN);
}
