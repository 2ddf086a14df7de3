/*
 * A message as it travels: CRLF line ends, and 7 bits. What has more is
 * quoted-printable (RFC 2045, 6.7), since who says 8BITMIME libcurl cannot be told.
 */
#ifndef MAILD_TRANSFER_H
#define MAILD_TRANSFER_H

#include <stddef.h>

/* @text as maild_message_compose() made it, @len bytes with LF line ends. free()
 * it. NULL: out of memory. Dots at the start of lines are libcurl's business. */
char *maild_transfer_encode(const char *text, size_t len, size_t *ret_len);

#endif
