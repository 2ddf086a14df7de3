/* See access_key.h. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "authd/credentials/access_key.h"
#include "common/err.h"
#include "common/ticket.h"

void
auth_access_key_new(
    char ret_id[AUTH_KEY_ID + 1], char ret_text[AUTH_KEY_TEXT + 1])
{
	uint8_t raw[(AUTH_KEY_ID + AUTH_KEY_SECRET) / 2];

	randombytes_buf(raw, sizeof(raw));
	memcpy(ret_text, AUTH_KEY_BEGINS, 4);
	sodium_bin2hex(ret_text + 4, AUTH_KEY_TEXT + 1 - 4, raw, sizeof(raw));
	memcpy(ret_id, ret_text + 4, AUTH_KEY_ID);
	ret_id[AUTH_KEY_ID] = '\0';
	sodium_memzero(raw, sizeof(raw));
}

static void
fill(char *to, size_t n, const char *letters)
{
	for (size_t i = 0; i < n; i++)
		to[i] = letters[randombytes_uniform((uint32_t)strlen(letters))];
	to[n] = '\0';
}

void
auth_s3_key_new(
    char ret_id[AUTH_S3_ID + 1], char ret_secret[AUTH_S3_SECRET + 1])
{
	memcpy(ret_id, "NX", 2);
	fill(ret_id + 2, AUTH_S3_ID - 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
	fill(ret_secret, AUTH_S3_SECRET,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
}

bool
auth_access_key_id(const char *text, char ret_id[AUTH_KEY_ID + 1])
{
	if (strlen(text) != AUTH_KEY_TEXT ||
	    strncmp(text, AUTH_KEY_BEGINS, 4) != 0 ||
	    strspn(text + 4, "0123456789abcdef") != AUTH_KEY_TEXT - 4)
		return false;
	memcpy(ret_id, text + 4, AUTH_KEY_ID);
	ret_id[AUTH_KEY_ID] = '\0';
	return true;
}

/* --- rights -----------------------------------------------------------------*/

static const struct {
	const char *word;
	uint32_t rights;
} words_of[] = {
    {"read", NX_RIGHT_READ},
    {"write", NX_RIGHT_WRITE},
    {"create", NX_RIGHT_CREATE},
    {"nodes", NX_RIGHT_NODES},
    {"functions", NX_RIGHT_FUNCTIONS},
    {"sandboxes", NX_RIGHT_SANDBOXES},
    {"repository", NX_RIGHT_REPOSITORY | NX_RIGHT_READ | NX_RIGHT_CREATE},
};
_Static_assert(NX_ARRAY_SIZE(words_of) <= AUTH_RIGHTS_MAX, "words of rights");

#define RIGHTS                                                      \
	"rights are any of read, write, create, nodes, functions, " \
	"sandboxes and repository: say what the key is for"

const char *
auth_rights_parse(const char *const *words, size_t n, uint32_t *ret_rights)
{
	uint32_t rights = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < NX_ARRAY_SIZE(words_of) &&
		    strcmp(words_of[k].word, words[i]) != 0)
			k++;
		if (k == NX_ARRAY_SIZE(words_of))
			return RIGHTS;
		rights |= words_of[k].rights;
	}
	if ((rights & NX_RIGHT_REPOSITORY) && (rights & NX_RIGHT_WRITE))
		return "a repository's key cannot write as well: the one "
		       "would undo what the other keeps";
	*ret_rights = rights;
	return rights ? NULL : RIGHTS;
}

size_t
auth_rights_words(uint32_t rights, const char *ret_words[AUTH_RIGHTS_MAX])
{
	size_t n = 0;

	for (size_t k = NX_ARRAY_SIZE(words_of); k-- > 0;)
		if ((rights & words_of[k].rights) == words_of[k].rights) {
			ret_words[n++] = words_of[k].word;
			rights &= ~words_of[k].rights;
		}
	return n;
}
