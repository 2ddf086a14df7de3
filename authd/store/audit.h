/*
 * The audit: rows that are only ever added. Each carries a MAC over itself and the
 * MAC of the one before, under a key that is not in the database, so that a row
 * that was changed, taken out or put in shows, and the ends are kept beside them
 * with a MAC of their own, so that a missing end shows too. What retention removes,
 * it removes from the beginning, which moves there. What cannot show is that all
 * of the database is an older copy.
 */
#ifndef AUTHD_STORE_AUDIT_H
#define AUTHD_STORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
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

/* With a key that has just been made: the ends are sealed under it, in a
 * transaction. 0 or -errno. */
int auth_audit_begin(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN]);
/* In the transaction of what it tells of. 0 or -errno. */
int auth_audit_put(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t at, const struct auth_event *e);

/* A row as it is kept. */
#define AUTH_AUDIT_TEXT 256
enum auth_audit_word {
	AUTH_AUDIT_SOURCE,
	AUTH_AUDIT_EVENT,
	AUTH_AUDIT_ACTOR,
	AUTH_AUDIT_USERNAME,
	AUTH_AUDIT_CLIENT,
	AUTH_AUDIT_SESSION,
	AUTH_AUDIT_RESULT,
	AUTH_AUDIT_DETAIL,
	AUTH_AUDIT_WORDS
};
struct auth_audit_row {
	uint64_t seq, user_id;
	int64_t at;
	char word[AUTH_AUDIT_WORDS][AUTH_AUDIT_TEXT + 1];
	uint8_t mac[AUTH_AUDIT_MAC_LEN];
};

/* Which rows; zeros and NULL: all. */
struct auth_audit_filter {
	uint64_t user_id;
	const char *event;
	int64_t since, until;
};
/*
 * The oldest first, those after *after, which moves on to the last that was looked
 * at: some hundreds at most, so there may be none and still more to come. *ret_end:
 * there is no more. Number or -errno.
 */
int auth_audit_list(struct nx_db *db, const struct auth_audit_filter *f,
    uint64_t *after, struct auth_audit_row *ret_rows, size_t max,
    bool *ret_end);

/* A walk along the chain, some rows at a time. Zero it first. */
struct auth_audit_walk {
	uint64_t rows, first, last; /* first: of those that are kept */
	uint64_t broken;            /* seq; 0: none */
	const char *why;            /* NULL: all is well, as far as it went */
	uint8_t mac[AUTH_AUDIT_MAC_LEN];
	bool begun;
};
/* 1: there is more to look at; 0: the end, or something is broken; -errno. */
int auth_audit_step(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    struct auth_audit_walk *w);
/*
 * Removes from the beginning what is older than @before, and of the rest all but
 * @keep rows; some at a time: 1: there is more. 0 or -errno.
 */
int auth_audit_purge(struct nx_db *db, const uint8_t key[AUTH_AUDIT_KEY_LEN],
    int64_t before, uint64_t keep);

#endif
