/* One key that signs, and its file; see keyring.h for all of them. */
#ifndef AUTHD_SIGNING_KEY_H
#define AUTHD_SIGNING_KEY_H

#include "authd/credentials/keyring.h"

/* What is in @file, with kid and no times. 0, -ENOENT, -EPERM, -EBADMSG. */
int auth_signing_read(
    int dirfd, const char *file, struct auth_signing_key *ret_key);
int auth_signing_write(
    int dirfd, const char *file, const struct auth_signing_key *key);

#endif
