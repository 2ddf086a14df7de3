/* What a page says of a ceremony. What passes names an origin and says one thing
 * only. */
#include <stdint.h>
#include <string.h>

#include "authd/credentials/clientdata.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_clientdata d;

	if (auth_clientdata_read(data, size, &d)) {
		nx_assert(size <= AUTH_CLIENTDATA_MAX && d.origin[0] != '\0');
		nx_assert(strlen(d.origin) <= AUTH_ORIGIN_MAX);
		nx_assert(!memchr(data, '\0', size));
	}
	return 0;
}
