/*
 * The one rule for e-mail addresses, asked twice: authd before it believes a
 * user, maild before it believes authd. What passes can stand in a header or
 * an SMTP command as it is: no CR, LF, space, bracket, comma or quote.
 */
#ifndef MAILD_ADDRESS_H
#define MAILD_ADDRESS_H

#include <stdbool.h>

#define MAILD_ADDRESS_MAX 254 /* RFC 5321, 4.5.3.1.3, without the brackets */

/*
 * local@domain in printable ASCII: the local part is a dot-atom (RFC 5322,
 * 3.2.3) of at most 64 bytes, the domain labels of letters, digits and inner
 * hyphens, at most 63 bytes each. A single label ("localhost") will do.
 */
bool maild_address_valid(const char *address);

#endif
