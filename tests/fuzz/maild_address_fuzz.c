/* An address from a stranger. What passes can stand in a header or an SMTP
 * command as it is. The same bytes as a subject, as a text that travels, and as
 * what a mail server says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/maild/address.h"
#include "authd/maild/message.h"
#include "authd/maild/smtp_result.h"
#include "authd/maild/transfer.h"
#include "common/err.h"

/* In lines that end with CRLF, none too long where it was not before, and 7 bits. */
static void
travels(const char *text)
{
	size_t len, sent, i;
	char *message, *moved;

	message =
	    maild_message_compose("c@d", "a@b", "s", text, 1700000000, &len);
	nx_assert(message);
	moved = maild_transfer_encode(message, len, &sent);
	nx_assert(moved && sent >= len && moved[sent - 1] == '\n');
	for (i = 0; i < sent; i++) {
		nx_assert((unsigned char)moved[i] < 128);
		nx_assert(moved[i] != '\n' || (i > 0 && moved[i - 1] == '\r'));
		nx_assert(
		    moved[i] != '\r' || (i + 1 < sent && moved[i + 1] == '\n'));
	}
	free(moved);
	free(message);
}

static void
is_said(char *text, size_t size)
{
	struct maild_talk talk = {0};
	size_t i;

	nx_assert(maild_talk_line(text, 1, size, &talk) == size ||
	    size > MAILD_TALK_MAX);
	nx_assert(strlen(talk.last) < MAILD_SAID);
	for (i = 0; talk.last[i]; i++)
		nx_assert(talk.last[i] >= ' ' && talk.last[i] <= '~');
}

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
	(void)maild_message_check("a@b", text, "t");
	if (!maild_message_check("a@b", "s", text))
		travels(text);
	is_said(text, size);
	free(text);
	return 0;
}
