/*
 * The keys that wrap volumes' keys: one in use and, while it is being exchanged,
 * the one before. They come from files or as systemd credentials and are kept in
 * locked memory. What cannot be had is a sentence, not a failure: what needs no
 * key goes on.
 */
#ifndef STORAGED_KEYRING_H
#define STORAGED_KEYRING_H

#include <stdint.h>

#include "storaged/catalog/catalog.h"
#include "storaged/chunks/chunks.h"

#define KEYRING_WRAPPED CATALOG_KEY
#define KEYRING_NAME    17U /* of a key: 16 digits that tell nothing of it */

struct storaged_conf;
struct keyring;

/* Reads what @conf names, or else the credentials nexus-storage-key and
 * nexus-storage-key-old. NULL: out of memory. */
struct keyring *keyring_new(const struct storaged_conf *conf);
/* Accepts NULL; returns NULL. */
struct keyring *keyring_free(struct keyring *k);
/* NULL when there is a key to wrap with; else a sentence that says why not and
 * what to do. */
const char *keyring_why_not(const struct keyring *k);

/* Wraps @key for the volume @name. Only when there is a key to wrap with. */
void keyring_wrap(const struct keyring *k, const char *name,
    const uint8_t key[SEAL_KEY_LEN], uint8_t ret_wrapped[KEYRING_WRAPPED]);
/* 0; 1: by the former key, wrap it anew; -ENOKEY: by one that is not here;
 * -EBADMSG: it is damaged or another volume's. */
int keyring_unwrap(const struct keyring *k, const char *name,
    const uint8_t wrapped[KEYRING_WRAPPED], uint8_t ret_key[SEAL_KEY_LEN]);
/* Of the key that wrapped it. */
void keyring_name(
    const uint8_t wrapped[KEYRING_WRAPPED], char ret_name[KEYRING_NAME]);

#endif
