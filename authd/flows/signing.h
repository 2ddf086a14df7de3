/* The keys that sign tokens, opened at start and changed while all goes on. */
#ifndef AUTHD_SIGNING_H
#define AUTHD_SIGNING_H

#include "authd/state.h"

/* At start, with keys and database open: those there are, or the first. 0 or
 * -errno, then *ret_name is the file (static storage). */
int auth_signing_open(struct authd *a, const char **ret_name);
/* Drops what nobody has a token of any more. */
void auth_signing_tick(struct authd *a);

#endif
