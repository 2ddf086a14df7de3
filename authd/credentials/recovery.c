/* Letters and digits of base32: none is mistaken for another one of them. */
#include <sodium.h>
#include <string.h>

#include "authd/credentials/recovery.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void
auth_recovery_new(char ret_text[AUTH_RECOVERY_TEXT + 1])
{
	for (int i = 0; i < AUTH_RECOVERY_TEXT; i++)
		ret_text[i] = letters[randombytes_uniform(32)];
	ret_text[AUTH_RECOVERY_LEN / 2] = '-';
	ret_text[AUTH_RECOVERY_TEXT] = '\0';
}

bool
auth_recovery_read(const char *text, char ret_plain[AUTH_RECOVERY_LEN + 1])
{
	size_t n = 0;
	char c;

	for (; *text; text++) {
		c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
		if (c == ' ' || c == '-')
			continue;
		if (!strchr(letters, c) || n == AUTH_RECOVERY_LEN)
			return false;
		ret_plain[n++] = c;
	}
	ret_plain[n] = '\0';
	return n == AUTH_RECOVERY_LEN;
}
