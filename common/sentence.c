/* One form of a sentence made from the other. */
#include <stdbool.h>
#include <string.h>

#include "common/err.h"
#include "common/sentence.h"

#define SMALL   "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ENDS    ".!?"

/* Does @text begin with a word, and not with somebody's or something's name? */
static bool
begins_with_word(const char *text)
{
	size_t len = text[0] && strchr(SMALL CAPITAL, text[0])
	    ? 1 + strspn(text + 1, SMALL)
	    : 0;

	return len > 0 && strchr(" ,;:.!?'", text[len]);
}

/* Copied without blanks and line feeds at its end. Returns the length. */
static size_t
copy(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text);

	nx_assert(size > 0);
	while (len > 0 && strchr(" \t\n", text[len - 1]))
		len--;
	if (len >= size)
		for (len = size - 1; len > 0 && (text[len] & 0xc0) == 0x80;
		     len--)
			;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return len;
}

/* Is there an end of a sentence before the last one? */
static bool
has_more(const char *text)
{
	for (const char *p = text; (p = strpbrk(p, ENDS)); p++)
		if (p[1] == ' ')
			return true;
	return false;
}

char *
nx_sentence_alone(const char *text, char *buf, size_t size)
{
	size_t len = copy(text, buf, size);
	const char *small =
	    begins_with_word(buf) ? strchr(SMALL, buf[0]) : NULL;

	if (small)
		buf[0] = CAPITAL[small - SMALL];
	if (len > 0 && len + 1 < size && !strchr(ENDS, buf[len - 1]))
		memcpy(buf + len, ".", 2);
	return buf;
}

char *
nx_sentence_behind(const char *text, char *buf, size_t size)
{
	size_t len = copy(text, buf, size);
	const char *capital =
	    begins_with_word(buf) ? strchr(CAPITAL, buf[0]) : NULL;

	if (capital)
		buf[0] = SMALL[capital - CAPITAL];
	if (len > 1 && buf[len - 1] == '.' && buf[len - 2] != '.' &&
	    !has_more(buf))
		buf[len - 1] = '\0';
	return buf;
}
