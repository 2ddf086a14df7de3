/*
 * authd's own secrets, in <state_dir>/auth/keys (0700, files 0600): the pepper
 * of what is only compared, the key under which the rest is sealed, that of the
 * audit's chain, and the keys that sign tokens (keyring.h). All are made at first
 * start and never leave this process.
 */
#ifndef AUTHD_KEYS_H
#define AUTHD_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/keyring.h"
#include "authd/credentials/otp.h"
#include "authd/credentials/seal.h"

#define AUTH_CHAIN_KEY_LEN 32

struct auth_keys {
	uint8_t pepper[AUTH_PEPPER_LEN];
	uint8_t seal[AUTH_SEAL_KEY_LEN];
	uint8_t audit[AUTH_CHAIN_KEY_LEN];
	bool audit_new;           /* it was made just now */
	struct auth_keyring ring; /* filled by who knows which there are */
	int dirfd;                /* where all of them are; -1: closed */
};

/*
 * Reads the keys in @dir but those that sign, making the directory and what is
 * missing. 0 or
 * -errno: -EPERM when others could have read or written a file, -EBADMSG when
 * one is damaged; nothing existing is ever replaced. *ret_path then names it
 * (static storage). */
int auth_keys_open(
    const char *dir, struct auth_keys *ret_keys, const char **ret_path);
void auth_keys_fini(struct auth_keys *keys);

#endif
