/* See keyring.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/credentials/keyring.h"
#include "authd/credentials/signing_key.h"
#include "common/err.h"
#include "common/fd.h"

#define FIRST "es256.pem"
/* "es256-KID.pem" */
#define FILE_LEN (6 + AUTH_KID_LEN + 4)

static const char *
file_of(const char *kid)
{
	static char file[FILE_LEN + 1];

	snprintf(file, sizeof(file), "es256-%s.pem", kid);
	return file;
}

/* --- files ------------------------------------------------------------------*/

int
auth_signing_save(int dirfd, const struct auth_signing_key *key)
{
	return auth_signing_write(dirfd, file_of(key->row.kid), key);
}

static bool
is_kid(const char *text)
{
	return strlen(text) == AUTH_KID_LEN &&
	    strspn(text, "0123456789abcdef") == AUTH_KID_LEN;
}

/* The first key has a name of its own. */
static int
read_key(int dirfd, const char *kid, struct auth_signing_key *ret_key,
    const char **ret_name)
{
	int r;

	*ret_name = file_of(kid);
	r = auth_signing_read(dirfd, *ret_name, ret_key);
	if (r == 0 && strcmp(ret_key->row.kid, kid) != 0) {
		auth_signing_fini(ret_key);
		r = -EBADMSG;
	}
	if (r != -ENOENT)
		return r;
	*ret_name = FIRST;
	r = auth_signing_read(dirfd, FIRST, ret_key);
	if (r == 0 && strcmp(ret_key->row.kid, kid) != 0) {
		auth_signing_fini(ret_key);
		r = -ENOENT;
	}
	return r;
}

int
auth_keyring_add(struct auth_keyring *ring, int dirfd,
    const struct auth_signing_row *row, const char **ret_name)
{
	struct auth_signing_key key;
	int r;

	*ret_name = FIRST;
	if (!is_kid(row->kid) || ring->n == AUTH_SIGNING_KEYS)
		return -EBADMSG;
	r = read_key(dirfd, row->kid, &key, ret_name);
	if (r < 0)
		return r;
	key.row = *row;
	auth_keyring_take(ring, &key);
	return 0;
}

int
auth_keyring_first(
    struct auth_keyring *ring, int dirfd, int64_t now, const char **ret_name)
{
	struct auth_signing_key key;
	int r = auth_signing_read(dirfd, FIRST, &key);

	*ret_name = FIRST;
	if (r == -ENOENT) {
		r = auth_signing_new(&key);
		if (r == 0) {
			r = auth_signing_write(dirfd, FIRST, &key);
			if (r < 0)
				auth_signing_fini(&key);
		}
	}
	if (r < 0)
		return r;
	key.row.made_at = now;
	auth_keyring_take(ring, &key);
	return 0;
}

void
auth_keyring_take(struct auth_keyring *ring, struct auth_signing_key *key)
{
	nx_assert(ring->n < AUTH_SIGNING_KEYS);
	ring->key[ring->n++] = *key;
	*key = (struct auth_signing_key){0};
}

void
auth_keyring_drop(struct auth_keyring *ring, int dirfd, const char *kid)
{
	struct auth_signing_key key;
	const char *file;

	if (read_key(dirfd, kid, &key, &file) == 0) {
		auth_signing_fini(&key);
		(void)unlinkat(dirfd, file, 0);
	}
	for (size_t i = 0; i < ring->n; i++) {
		if (strcmp(ring->key[i].row.kid, kid) != 0)
			continue;
		auth_signing_fini(&ring->key[i]);
		ring->n--;
		memmove(&ring->key[i], &ring->key[i + 1],
		    (ring->n - i) * sizeof(ring->key[0]));
		break;
	}
}

static bool
is_in(const struct auth_keyring *ring, int dirfd, const char *file)
{
	struct auth_signing_key key;
	bool found = false;
	int r;

	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(file, file_of(ring->key[i].row.kid)) == 0)
			return true;
	if (strcmp(file, FIRST) != 0)
		return false;
	r = auth_signing_read(dirfd, FIRST, &key);
	/* What we cannot read we do not throw away. */
	if (r < 0)
		return true;
	for (size_t i = 0; i < ring->n; i++)
		found |= strcmp(ring->key[i].row.kid, key.row.kid) == 0;
	auth_signing_fini(&key);
	return found;
}

static bool
is_key_file(const char *file)
{
	size_t len = strlen(file);

	return strncmp(file, "es256", 5) == 0 && len > 4 &&
	    strcmp(file + len - 4, ".pem") == 0;
}

size_t
auth_keyring_tidy(const struct auth_keyring *ring, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t n = 0;

	if (!dir) {
		nx_close(&fd);
		return 0;
	}
	while ((e = readdir(dir)))
		if (is_key_file(e->d_name) && !is_in(ring, dirfd, e->d_name) &&
		    unlinkat(dirfd, e->d_name, 0) == 0)
			n++;
	closedir(dir);
	return n;
}

void
auth_keyring_fini(struct auth_keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		auth_signing_fini(&ring->key[i]);
	ring->n = 0;
}

/* --- which one --------------------------------------------------------------*/

static bool
verifies(const struct auth_signing_key *key, int64_t now)
{
	return key->row.drop_at == 0 || now < key->row.drop_at;
}

const struct auth_signing_key *
auth_keyring_find(const struct auth_keyring *ring, const char *kid, int64_t now)
{
	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->key[i].row.kid, kid) == 0)
			return verifies(&ring->key[i], now) ? &ring->key[i]
							    : NULL;
	return NULL;
}

/* Where a clock that went back leaves none, the oldest. */
const struct auth_signing_key *
auth_keyring_signer(const struct auth_keyring *ring, int64_t now)
{
	nx_assert(ring->n > 0);
	for (size_t i = ring->n; i-- > 0;)
		if (ring->key[i].row.signs_at <= now)
			return &ring->key[i];
	return &ring->key[0];
}

const char *
auth_keyring_state(const struct auth_keyring *ring,
    const struct auth_signing_key *key, int64_t now)
{
	if (key == auth_keyring_signer(ring, now))
		return "signs";
	return key->row.signs_at > now ? "next" : "verifies";
}

size_t
auth_keyring_jwks(
    const struct auth_keyring *ring, int64_t now, char ret_json[AUTH_JWKS_MAX])
{
	size_t len = 0;
	int n = snprintf(ret_json, AUTH_JWKS_MAX, "{\"keys\":[");

	for (size_t i = 0; i < ring->n; i++) {
		const struct auth_signing_key *k = &ring->key[i];

		if (!verifies(k, now))
			continue;
		len += (size_t)n;
		n = snprintf(ret_json + len, AUTH_JWKS_MAX - len,
		    "%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
		    "\"y\":\"%s\",\"kid\":\"%s\",\"alg\":\"ES256\","
		    "\"use\":\"sig\"}",
		    ret_json[len - 1] == '[' ? "" : ",", k->x, k->y,
		    k->row.kid);
	}
	len += (size_t)n;
	n = snprintf(ret_json + len, AUTH_JWKS_MAX - len, "]}");
	len += (size_t)n;
	nx_assert(len < AUTH_JWKS_MAX);
	return len;
}
