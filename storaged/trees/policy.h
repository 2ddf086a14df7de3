/* How often files are to be there, as people say it. */
#ifndef STORAGED_POLICY_H
#define STORAGED_POLICY_H

#include <stdint.h>

#define POLICY_PARITY_MAX 3U /* parts; small chunks have one replica more */

/* @erasure is "4+2", "" or NULL. NULL, and *ret_code (0: nothing of that kind is
 * said); or what is wrong with it. */
const char *
policy_read(const char *erasure, uint32_t replicas, uint32_t *ret_code);

#endif
