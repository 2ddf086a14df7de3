/* What an authenticator says: as a registration, and as an assertion with what is
 * behind its head for a signature, which nobody can make here. */
#include <stdint.h>
#include <string.h>

#include "authd/credentials/authdata.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t client_data[] = "{}";
	struct auth_passkey_key key = {.alg = -8, .len = 32};
	struct auth_assertion a = {.client_data = client_data,
	    .client_data_len = 2,
	    .auth_data = data,
	    .auth_data_len = size < 37 ? size : 37,
	    .signature = data + (size < 37 ? size : 37),
	    .signature_len = size < 37 ? 0 : size - 37};
	uint32_t count;
	uint8_t flags;

	if (auth_authdata_register(data, size, "localhost", &key)) {
		nx_assert(key.id_len >= AUTH_PASSKEY_ID_MIN);
		nx_assert(key.id_len <= AUTH_PASSKEY_ID_MAX);
		nx_assert(key.len == 32 || key.len == 64 || key.len == 259);
	}
	memset(key.public, 9, key.len);
	(void)auth_authdata_assert(&key, &a, "localhost", &count, &flags);
	return 0;
}
