/*
 * The keys, read or made. Runs before the sandbox's filter, at start only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authd/credentials/keyfile.h"
#include "authd/credentials/keys.h"
#include "common/fd.h"

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

static const struct {
	const char *name;
	int (*make)(int dirfd, const char *name);
	int (*read)(int dirfd, const char *name, struct auth_keys *keys);
} files[] = {
    {"pepper", make_secret, read_pepper},
    {"seal", make_secret, read_seal},
    {"audit", make_secret, read_audit},
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
	struct auth_keys keys = {.dirfd = -1};
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
	if (r < 0) {
		auth_keys_fini(&keys);
	} else {
		keys.dirfd = nx_take_fd(&dirfd);
		*ret_keys = keys;
	}
	return r;
}

void
auth_keys_fini(struct auth_keys *keys)
{
	auth_keyring_fini(&keys->ring);
	nx_close(&keys->dirfd);
	sodium_memzero(keys, sizeof(*keys));
	keys->dirfd = -1;
}
