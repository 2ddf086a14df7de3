/*
 * Codes for the day on which the phone is gone: ten, each good once, printed and
 * put away. 50 random bits each, kept only as a keyed hash.
 */
#ifndef AUTHD_RECOVERY_H
#define AUTHD_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#define AUTH_RECOVERY_COUNT 10
#define AUTH_RECOVERY_LEN   10
#define AUTH_RECOVERY_TEXT  11 /* as shown: ABCDE-FGHIJ */

void auth_recovery_new(char ret_text[AUTH_RECOVERY_TEXT + 1]);
/* The letters of what somebody typed, whatever their case, without blanks and
 * dashes; false when it cannot be a code. */
bool
auth_recovery_read(const char *text, char ret_plain[AUTH_RECOVERY_LEN + 1]);

#endif
