/*
 * The audit: rows that are only ever added. Each carries a MAC over itself and the
 * MAC of the one before, under a key that is not in the database, so that a row
 * that was changed, taken out or put in shows, and the ends are kept beside them,
 * so that a missing end shows too. What retention removes, it removes from the
 * beginning, which moves there.
 */
#ifndef AUTHD_STORE_AUDIT_H
#define AUTHD_STORE_AUDIT_H

#include <stdint.h>

#include "common/db.h"
#include "common/ticket.h"

#define AUTH_AUDIT_KEY_LEN 32
#define AUTH_AUDIT_MAC_LEN 32

/* What happened. Texts may be NULL; they are cut to fit, and what is no plain text
 * in them becomes '?'. Never a password, code, token or key; never a name that is
 * nobody's, for people type passwords there. */
struct auth_event {
	const char *source; /* the program that saw it; NULL: authd */
	const char *event;  /* "login", "password-changed", ... */
	const char *actor;  /* who did it: "user", "admin", "key NAME"... */
	uint64_t user_id;   /* whom it concerns; 0: nobody we know */
	const char *username;
	const char *client;     /* the address it came from */
	const uint8_t *session; /* NX_SESSION_LEN bytes; only a mark is kept */
	const char *result;     /* "ok", "refused", ...; NULL: ok */
	const char *detail;
};

/* In the transaction of what it tells of. 0 or -errno. */
int auth_audit_put(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t at, const struct auth_event *e);

#endif
