/*
 * UTF-8 as RFC 3629 has it, no overlong form, no surrogate, nothing beyond
 * U+10FFFF, and the text of others: which of it is clean, and how it stands in
 * JSON.
 *
 * Who shows text somewhere has rules of its own on top, and keeps them there: a
 * terminal obeys more characters than there are control characters
 * (nexusctl/clean.h), a name in a path has to be told from others
 * (storaged/catalog/path.h), a value in a log line ends at the next blank
 * (common/log.h).
 */
#ifndef NX_UTF8_H
#define NX_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at the start of the @len bytes at @s, and what it
 * stands for in *ret_point unless that is NULL; 0 if it is none or @len is 0. */
size_t nx_utf8_next(const void *s, size_t len, uint32_t *ret_point);

/* Are these @len bytes all UTF-8, whatever they say? */
bool nx_utf8_valid(const void *data, size_t len);

/* How many of them, from the first on, are printable ASCII that stands in a JSON
 * string as it is: most text is of these alone. */
size_t nx_text_plain(const void *data, size_t len);

/* Are they UTF-8 without control characters (U+0000 to U+001F and U+007F) but
 * for those in @allowed? */
bool nx_text_clean(const void *data, size_t len, const char *allowed);

/* The longest piece of a JSON string, with its NUL: "\u001b". */
#define NX_JSON_PIECE 8
/*
 * What the first of the @len > 0 bytes at @s become within a JSON string
 * (RFC 8259): a character, an escape, or U+FFFD for one byte that begins no
 * UTF-8. Returns how many bytes of @s that is.
 */
size_t nx_json_piece(const void *s, size_t len, char ret_piece[NX_JSON_PIECE]);

#endif
