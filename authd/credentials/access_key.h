/*
 * What access keys look like and what they may do.
 *
 * One that is shown is "e2b_", 16 digits that find it and 64 that are secret, all
 * hexadecimal: clients of E2B take no other form. One that signs is a pair as
 * S3's clients know it: an id of "NX" and 18 characters, a secret of 40.
 */
#ifndef AUTHD_ACCESS_KEY_H
#define AUTHD_ACCESS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_KEY_BEGINS "e2b_"
#define AUTH_KEY_ID     16 /* digits */
#define AUTH_KEY_SECRET 64
#define AUTH_KEY_TEXT   (4 + AUTH_KEY_ID + AUTH_KEY_SECRET)
#define AUTH_S3_ID      20
#define AUTH_S3_SECRET  40

/* A new one: its id, and what is told once; wipe that. */
void auth_access_key_new(
    char ret_id[AUTH_KEY_ID + 1], char ret_text[AUTH_KEY_TEXT + 1]);
void auth_s3_key_new(
    char ret_id[AUTH_S3_ID + 1], char ret_secret[AUTH_S3_SECRET + 1]);
/* Has @text the form? Then its id. */
bool auth_access_key_id(const char *text, char ret_id[AUTH_KEY_ID + 1]);

/*
 * Rights as words: read, write, create, nodes, functions, sandboxes, repository.
 * Into a mask of enum nx_right. NULL, or a sentence that says which there are.
 */
const char *
auth_rights_parse(const char *const *words, size_t n, uint32_t *ret_rights);
/* And back; borrows literals. How many. */
#define AUTH_RIGHTS_MAX 8
size_t
auth_rights_words(uint32_t rights, const char *ret_words[AUTH_RIGHTS_MAX]);

#endif
