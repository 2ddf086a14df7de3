/*
 * A volume's own key: made with the volume, or when encryption is first on for
 * it, never changed, and kept wrapped (keyring.h) in two places: on the volume
 * (chunks/.key) and in the catalogue. Either is enough; what one of them lacks
 * it gets from the other when the volume is attached.
 *
 * From worker threads, but for the copies of the catalogue.
 */
#ifndef STORAGED_VOLUME_KEY_H
#define STORAGED_VOLUME_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/volumes/keyring.h"
#include "storaged/volumes/volume_image.h"

struct storaged_conf;
struct volume;
struct volumes;
struct volume_keys;

struct volume_key {
	uint8_t *bytes; /* in locked memory; NULL: the volume has none */
	uint8_t wrapped[KEYRING_WRAPPED];
	bool unsaved; /* the catalogue does not have it like that */
};

/* Borrows @conf. NULL: out of memory. */
struct volume_keys *volume_keys_new(const struct storaged_conf *conf);
/* Accepts NULL; returns NULL. */
struct volume_keys *volume_keys_free(struct volume_keys *k);
/* The catalogue's copy of one. 0 or -ENOMEM. */
int volume_keys_copy(struct volume_keys *k, const char *node,
    const uint8_t wrapped[KEYRING_WRAPPED]);

/* The volume goes: one that is made under its name gets a key of its own. */
void volume_keys_forget(struct volume_keys *k, const char *node);

/* May a volume be made now? 0, or -ENOKEY with a sentence: it is to be encrypted
 * and there is no key to wrap its own with. */
int volume_key_possible(struct volume_keys *k, struct volume_error *error);
/*
 * The key of the volume @node whose chunks' directory is @chunks; makes one when
 * there is none and encryption is on. 0, also when it has none; -ENOKEY,
 * -EBADMSG with a sentence: it is not to be used; other -errno.
 */
int volume_key_find(struct volume_keys *k, const char *node, int chunks,
    struct volume_key *ret_key, struct volume_error *error);
/* Wipes it. */
void volume_key_fini(struct volume_key *key);
/* One that outlives the volume's: only to seal and open with. 0 or -ENOMEM. */
int volume_key_copy(const struct volume_key *key, struct volume_key *ret_key);

/*
 * For what else is kept on a volume, like copies of the catalogue: sealed where
 * it has a key, else as it is. @what names purpose and place of a piece ("log 7
 * 4711"); it opens as that alone. Piece by piece, volume_key_extra bytes longer;
 * from any thread, while the volume is referenced. 0, -ENOMEM; -EBADMSG.
 */
size_t volume_key_extra(const struct volume_key *key);
int volume_key_seal(const struct volume_key *key, const char *what,
    const void *plain, size_t len, void *ret_sealed);
int volume_key_open(const struct volume_key *key, const char *what,
    const void *sealed, size_t len, void *ret_plain);

/* How chunks of a volume with @key are written. Borrows. */
struct coding_how
volume_key_how(const struct volume_keys *k, const struct volume_key *key);
/* The directory of coded chunks below @chunks, made when chunks are written
 * coded; -1: there is none and none is needed. 0 or -errno. */
int
volume_coded_directory(const struct volume_keys *k, int chunks, int *ret_dirfd);

/* Loop's thread: brings the catalogue's copy up to date after attaching. */
void volume_key_save(struct volumes *vs, struct volume *v);

#endif
