/* An address from a stranger. What passes can stand in a header or an SMTP
 * command as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/address.h"
#include "authd/maild/message.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	size_t i, len;

	memcpy(text, data, size);
	text[size] = '\0';
	if (maild_address_valid(text)) {
		len = strlen(text);
		nx_assert(len >= 3 && len <= MAILD_ADDRESS_MAX);
		nx_assert(strchr(text, '@') == strrchr(text, '@'));
		for (i = 0; i < len; i++)
			nx_assert(text[i] > ' ' && text[i] < 0x7f &&
			    !strchr("<>()[],;:\\\"", text[i]));
		nx_assert(text[0] != '@' && text[len - 1] != '@');
	}
	/* The same bytes as a subject and as a text. */
	(void)maild_message_check("a@b", text, text);
	free(text);
	return 0;
}
