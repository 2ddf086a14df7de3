/* See common_password.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "authd/credentials/common_password.h"
#include "authd/credentials/rules.h"
#include "common/err.h"
#include "common/fd.h"

/* One behind the other, a line feed before and behind each. */
__asm__(
    ".section .rodata\n"
    "auth_common_begin: .incbin \"authd/credentials/common_passwords.zst\"\n"
    "auth_common_end:\n"
    ".previous\n");
extern const uint8_t auth_common_begin[], auth_common_end[];

#define LIST_MAX (1U << 20) /* bytes; what is larger is not ours */

static char *
unpack(size_t *ret_len)
{
	size_t packed = (size_t)(auth_common_end - auth_common_begin);
	unsigned long long size =
	    ZSTD_getFrameContentSize(auth_common_begin, packed);
	char *list = size < LIST_MAX ? malloc((size_t)size) : NULL;

	nx_assert(size < LIST_MAX);
	if (!list)
		return NULL;
	*ret_len =
	    ZSTD_decompress(list, (size_t)size, auth_common_begin, packed);
	nx_assert(!ZSTD_isError(*ret_len));
	return list;
}

bool
auth_password_is_common(const char *password)
{
	char line[AUTH_PASSWORD_MAX + 3];
	nx_cleanup_free char *list = NULL;
	size_t n = 0, len;

	line[n++] = '\n';
	for (; *password && n < sizeof(line) - 2; password++)
		line[n++] = (char)(*password >= 'A' && *password <= 'Z'
			? *password + ('a' - 'A')
			: *password);
	line[n++] = '\n';
	/* Two lines are none of the list's. */
	if (memchr(line + 1, '\n', n - 2))
		return false;
	list = unpack(&len);
	return !list || memmem(list, len, line, n) != NULL;
}
