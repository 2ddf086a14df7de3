/*
 * Sealing: AES-256-GCM under keys that are derived for one use each. A volume's
 * key seals nothing itself; of it and a random salt comes a key of its own for
 * every chunk, and for every buffer, so that numbers can be nonces and none is
 * ever used twice.
 *
 * One object, one thread at a time. What does not open is -EBADMSG: another key,
 * another place, or a flipped bit; which of them cannot be told.
 */
#ifndef STORAGED_SEAL_H
#define STORAGED_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_LEN  32U
#define SEAL_SALT_LEN 16U
#define SEAL_TAG_LEN  16U

/* Loads what the libraries load on first use; before the system call filter. */
int seal_setup(void);

struct seal;
/* The key of what has @salt. @key is not needed any more then. 0 or -ENOMEM. */
int seal_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t salt[SEAL_SALT_LEN],
    struct seal **ret_seal);
/* Wipes the key. Accepts NULL; returns NULL. */
struct seal *seal_free(struct seal *s);

/* What is bound to the bytes and not among them. */
struct seal_with {
	const void *data;
	size_t len;
};

/* @len bytes and the tag go to @ret_sealed, which may be @plain. A @number is
 * used once for each seal. */
void seal_shut(struct seal *s, uint32_t number, struct seal_with with,
    const void *plain, size_t len, void *ret_sealed);
/* @len: without the tag. 0 or -EBADMSG; then @ret_plain is worth nothing. */
int seal_open(struct seal *s, uint32_t number, struct seal_with with,
    const void *sealed, size_t len, void *ret_plain);

/*
 * A buffer by itself under a volume's key. @what names its purpose and place
 * ("catalog base-1 7"): it opens as that alone. Salt and tag add SEAL_EXTRA.
 */
#define SEAL_EXTRA (SEAL_SALT_LEN + SEAL_TAG_LEN)
/* @ret_sealed: @len + SEAL_EXTRA bytes, not overlapping. 0 or -ENOMEM. */
int seal_buffer(const uint8_t key[SEAL_KEY_LEN], const char *what,
    const void *plain, size_t len, void *ret_sealed);
/* @len: of what is sealed. @ret_plain: @len - SEAL_EXTRA bytes. 0, -EBADMSG,
 * -ENOMEM. */
int seal_buffer_open(const uint8_t key[SEAL_KEY_LEN], const char *what,
    const void *sealed, size_t len, void *ret_plain);

#endif
