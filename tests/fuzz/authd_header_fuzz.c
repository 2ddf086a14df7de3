/* The head of a token from a stranger. What passes must be pinned: decoded by
 * itself, its header says ES256 and nothing of another algorithm. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/credentials/header.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *token = malloc(size + 1), kid[AUTH_KID_LEN + 1], json[512];
	size_t len;

	memcpy(token, data, size);
	token[size] = '\0';
	if (auth_jwt_header(token, kid)) {
		nx_assert(strlen(kid) == AUTH_KID_LEN);
		nx_assert(
		    sodium_base642bin((unsigned char *)json, sizeof(json) - 1,
			token, strcspn(token, "."), NULL, &len, NULL,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0);
		json[len] = '\0';
		nx_assert(strstr(json, "\"ES256\"") && strstr(json, kid));
		nx_assert(!strchr(json, '\\') && !strstr(json, "none"));
	}
	free(token);
	return 0;
}
