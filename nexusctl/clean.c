/*
 * One walk over the text, a character at a time: shown, or spelled out.
 */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "nexusctl/clean.h"

#define SPELLED 8 /* "\u202e" and its NUL */

static bool
harmless(uint32_t c)
{
	return c >= 0x20 && (c < 0x7f || c > 0x9f) &&
	    (c < 0x2028 || c > 0x202e) && (c < 0x2066 || c > 0x2069) &&
	    c != 0x200e && c != 0x200f && c != 0x061c && c != 0xfeff;
}

/* The next piece of @s as it is to be shown, in @piece or in place. */
static size_t
next(const char *s, size_t left, bool lines, char spelled[SPELLED],
    const char **ret_piece, size_t *ret_len)
{
	uint32_t code = 0;
	size_t n = nx_utf8_next(s, left, &code);

	*ret_piece = s;
	*ret_len = n;
	if (n > 0 &&
	    (harmless(code) || (lines && (code == '\n' || code == '\t'))))
		return n;
	*ret_piece = spelled;
	*ret_len = (size_t)snprintf(spelled, SPELLED,
	    n > 0 && code > 0x7e ? "\\u%04x" : "\\x%02x",
	    n > 0 ? code : (unsigned char)*s);
	return n > 0 ? n : 1;
}

void
ctl_clean(FILE *out, const char *text, size_t len, bool lines)
{
	char spelled[SPELLED];
	const char *piece;
	size_t n;

	for (size_t i = 0; i < len;) {
		i += next(text + i, len - i, lines, spelled, &piece, &n);
		(void)fwrite(piece, 1, n, out);
	}
}

char *
ctl_clean_text(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text), used = 0, n;
	char spelled[SPELLED];
	const char *piece;

	for (size_t i = 0; i < len;) {
		i += next(text + i, len - i, false, spelled, &piece, &n);
		if (used + n >= size)
			break;
		memcpy(buf + used, piece, n);
		used += n;
	}
	buf[used] = '\0';
	return buf;
}

void
ctl_say(FILE *out, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_clean(out, text, strlen(text), true);
}
