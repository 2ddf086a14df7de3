/*
 * Hashing in workers. The password is a copy of the job's own, wiped by whoever
 * ends it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/credentials/password.h"

#define OPSLIMIT crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMLIMIT crypto_pwhash_MEMLIMIT_INTERACTIVE

static int
hash_into(char hash[AUTH_HASH_LEN], const char *password, size_t len)
{
	return crypto_pwhash_str(hash, password, len, OPSLIMIT, MEMLIMIT) == 0
	    ? 1
	    : -ENOMEM;
}

static void
work_hash(void *arg)
{
	struct auth_pw *pw = arg;

	pw->result = hash_into(pw->hash, pw->password, strlen(pw->password));
}

/* Parameters rise with the years. Without memory for it the old one stays. */
static void
make_fresh(struct auth_pw *pw)
{
	if (crypto_pwhash_str_needs_rehash(pw->hash, OPSLIMIT, MEMLIMIT) != 1 ||
	    hash_into(pw->fresh, pw->password, strlen(pw->password)) != 1)
		pw->fresh[0] = '\0';
}

/* libsodium says -1 for a wrong password and for want of memory alike, but
 * only the former with EINVAL; the latter must not look like the former. */
static void
work_verify(void *arg)
{
	struct auth_pw *pw = arg;

	errno = 0;
	if (crypto_pwhash_str_verify(
		pw->hash, pw->password, strlen(pw->password)) == 0) {
		pw->result = 1;
		make_fresh(pw);
	} else
		pw->result = errno == EINVAL ? 0 : -ENOMEM;
}

static void
forget(struct auth_pw *pw)
{
	sodium_memzero(pw->password, strlen(pw->password));
	free(pw->password);
	pw->password = NULL;
}

static void
finished(void *arg)
{
	struct auth_pw *pw = arg;

	forget(pw);
	pw->done(pw);
}

static int
submit(struct nx_workers *w, struct auth_pw *pw, const char *password,
    void (*work)(void *arg))
{
	int r;

	pw->password = strdup(password);
	if (!pw->password)
		return -ENOMEM;
	r = nx_workers_submit(w, work, finished, pw);
	if (r < 0)
		forget(pw);
	return r;
}

int
auth_pw_hash(struct nx_workers *w, struct auth_pw *pw, const char *password)
{
	return submit(w, pw, password, work_hash);
}

int
auth_pw_verify(struct nx_workers *w, struct auth_pw *pw, const char *password)
{
	return submit(w, pw, password, work_verify);
}

int
auth_pw_dummy(char ret_hash[AUTH_HASH_LEN])
{
	uint8_t secret[32];
	int r;

	randombytes_buf(secret, sizeof(secret));
	r = hash_into(ret_hash, (const char *)secret, sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	return r == 1 ? 0 : r;
}
