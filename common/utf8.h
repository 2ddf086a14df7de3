/*
 * UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing beyond
 * U+10FFFF.
 */
#ifndef NX_UTF8_H
#define NX_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the sequence at the start of the @len > 0 bytes at @s; 0 if it is
 * none. */
static inline size_t
nx_utf8_sequence(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1
	    : s[0] < 0xc2      ? 0
	    : s[0] < 0xe0      ? 2
	    : s[0] < 0xf0      ? 3
	    : s[0] < 0xf5      ? 4
			       : 0;

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n >= 3 &&
	    ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
		return 0;
	return n;
}

/* Are these @len bytes all UTF-8, whatever they say? */
static inline bool
nx_utf8_valid(const void *data, size_t len)
{
	const unsigned char *s = data;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = nx_utf8_sequence(s, len);
		if (n == 0)
			return false;
	}
	return true;
}

#endif
