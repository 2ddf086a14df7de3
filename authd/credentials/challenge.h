/*
 * Challenges of ceremonies with passkeys, in memory: each for one purpose, good for
 * five minutes and for one answer, right or wrong. Bounded in all, and for whoever
 * asks: their oldest goes, not that of somebody else.
 */
#ifndef AUTHD_CHALLENGE_H
#define AUTHD_CHALLENGE_H

#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/clientdata.h"

#define AUTH_CHALLENGES     4096
#define AUTH_CHALLENGES_OWN 16 /* of one owner */
#define AUTH_CHALLENGE_LIFE 300
#define AUTH_CHALLENGE_ID   16
#define AUTH_CHALLENGE_WHO  16

enum auth_purpose {
	AUTH_PURPOSE_REGISTER = 1,
	AUTH_PURPOSE_LOGIN = 2,
	AUTH_PURPOSE_AGAIN = 3,
};

struct auth_challenge {
	uint8_t id[AUTH_CHALLENGE_ID];
	uint8_t bytes[AUTH_CHALLENGE_LEN];
	enum auth_purpose purpose;
	uint64_t user_id; /* of a session that asks; 0: somebody at the door */
	uint8_t who[AUTH_CHALLENGE_WHO]; /* whose bound it counts on */
	uint64_t made_us;                /* CLOCK_MONOTONIC */
};

struct auth_challenges;

/* NULL when memory is out. */
struct auth_challenges *auth_challenges_new(void);
void auth_challenges_free(struct auth_challenges *t);
/* A new one; whoever has too many loses their oldest. */
void auth_challenge_make(struct auth_challenges *t, enum auth_purpose purpose,
    uint64_t user_id, const uint8_t who[AUTH_CHALLENGE_WHO], uint64_t now_us,
    struct auth_challenge *ret_challenge);
/* The one of this id, which is then no more. False: there is none that is still
 * good for this purpose and user. */
bool auth_challenge_take(struct auth_challenges *t,
    const uint8_t id[AUTH_CHALLENGE_ID], enum auth_purpose purpose,
    uint64_t user_id, uint64_t now_us, struct auth_challenge *ret_challenge);

#endif
