/*
 * Argon2id in the worker threads. A hash takes about 70 ms and 64 MiB, so as
 * many run at once as there are cores, 32 more wait, and beyond that a caller
 * is told to come back (-EAGAIN).
 *
 * A job is all a worker ever sees: no database, no hub, no other request.
 */
#ifndef AUTHD_PASSWORD_H
#define AUTHD_PASSWORD_H

#include <sodium.h>

#include "common/workers.h"

#define AUTH_HASH_LEN   crypto_pwhash_STRBYTES
#define AUTH_HASH_QUEUE 32

struct auth_pw {
	char *password; /* wiped and freed before @done runs */
	char hash[AUTH_HASH_LEN];
	/* Of a right password whose hash is weaker than what is made today, a new
	 * one; else empty. */
	char fresh[AUTH_HASH_LEN];
	int result; /* 1 done, or right; 0 wrong; -ENOMEM */
	void (*done)(struct auth_pw *pw);
	void *arg;
};

/* Hashes @password into pw->hash. 0, -EAGAIN or -ENOMEM (then @done is not
 * called). @pw must live until @done; hash, done and arg are set by the caller. */
int
auth_pw_hash(struct nx_workers *w, struct auth_pw *pw, const char *password);
/* Compares @password with pw->hash, in the same terms. */
int
auth_pw_verify(struct nx_workers *w, struct auth_pw *pw, const char *password);
/* A hash of nothing anybody knows, made on the spot. 0 or -ENOMEM. */
int auth_pw_dummy(char ret_hash[AUTH_HASH_LEN]);

#endif
