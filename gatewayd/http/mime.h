/*
 * Header values of the form "word; name=value; name="quoted value"" (RFC 9110
 * 5.6.6), read and written.
 */
#ifndef GW_MIME_H
#define GW_MIME_H

#include "gatewayd/http/words.h"

/* The word before the first ';' equals the lower-case @word. */
bool mime_is(struct http_span value, const char *word);
/*
 * Copies parameter @name (lower case) with quotes and backslashes taken off.
 * 1: it is in @ret (of @size bytes, with NUL); 0: not there; -EINVAL: malformed,
 * given twice, too long, or with a NUL.
 */
int
mime_param(struct http_span value, const char *name, char *ret, size_t size);
/*
 * Writes `attachment; filename="fallback"; filename*=UTF-8''...` (RFC 6266,
 * 8187) for any UTF-8 @name: at most 3 * its length + 64 bytes, cut off names
 * included; @size is at least 64. Nothing in @name can end the header or the quotes.
 */
void mime_attachment(const char *name, char *ret, size_t size);

#endif
