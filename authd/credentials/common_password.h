/*
 * Passwords that guessers try first (ASVS 5.0, 6.2.4): those of eight letters or
 * more among the 20,000 that leaked most, in small letters, from the list of Royce
 * Williams as Django ships it. They are kept compressed and looked at when
 * somebody chooses a password; shorter ones are refused for their length.
 */
#ifndef AUTHD_COMMON_PASSWORD_H
#define AUTHD_COMMON_PASSWORD_H

#include <stdbool.h>

/* Whatever the case of its letters. True also when that cannot be found out, for
 * want of memory. */
bool auth_password_is_common(const char *password);

#endif
