/*
 * From (address, subject, text) to a message as in RFC 5322. authd is not
 * believed: what could change a header or smuggle one in is refused here.
 */
#ifndef MAILD_MESSAGE_H
#define MAILD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MAILD_SUBJECT_MAX 200
#define MAILD_TEXT_MAX    8192
#define MAILD_LINE_MAX    998 /* RFC 5322, 2.1.1 */

/* NULL when all three hold, else which one does not: the address is a plain
 * one, the subject 1 to 200 printable ASCII characters, the text at most 8192
 * bytes of UTF-8 in lines of at most 998, without control characters but tab
 * and line feed. */
const char *
maild_message_check(const char *to, const char *subject, const char *text);

/* The message with LF line ends; free() it. @when in unix seconds. Its length
 * in *ret_len. NULL when memory is out. */
char *maild_message_compose(const char *from, const char *to,
    const char *subject, const char *text, int64_t when, size_t *ret_len);

#endif
