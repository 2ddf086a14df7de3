/*
 * The state of authd, in one place. Everything here is touched by the loop's
 * thread only; workers see nothing but their own job (password.h).
 */
#ifndef AUTHD_STATE_H
#define AUTHD_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <event2/event.h>

#include "authd/credentials/credentials.h"
#include "common/conf.h"
#include "common/db.h"
#include "common/hub.h"
#include "common/workers.h"

struct auth_conf {
	struct nx_conf_common common;
	uint64_t token_hours, token_minutes; /* minutes 0: hours */
	uint64_t session_days;
	uint64_t refresh_window; /* seconds a used one is still taken */
	uint64_t reauth_minutes; /* between signing in and a change */
	uint64_t codes_per_hour; /* per account; also per new address */
	uint64_t registrations_per_address; /* per hour */
	uint64_t failures_per_address;      /* per hour */
	uint64_t failures_per_login;   /* per hour, one account and address */
	uint64_t failures_per_account; /* per hour, from unknown addresses */
	uint64_t guesses_per_account;  /* of codes, by others, per hour */
	uint64_t keys_per_user;
	uint64_t audit_days, audit_rows; /* that are kept */
	uint64_t key_days;               /* most that a key is good; 0: any */
	char *registration;              /* "open" or "closed" */
	char *rp_id;                     /* the name passkeys are made for */
	char *origins; /* pages that may use them, by commas */
};
extern const struct nx_conf_key auth_conf_keys[];
extern const size_t auth_conf_count;

/* Tests turn the clock by hand. */
struct auth_clock {
	uint64_t (*mono_us)(void);
	uint64_t (*wall_us)(void);
};

struct auth_mail;
struct auth_throttle;
struct auth_token_cache;
struct auth_waiter;

struct authd {
	const struct auth_conf *conf;
	struct event_base *base;
	struct nx_hub *hub; /* set once there is one */
	struct nx_db *db;
	struct nx_workers *workers;
	struct auth_keys keys;
	struct auth_token_cache *tokens;
	struct auth_throttle *throttle;
	struct auth_challenges *challenges;
	struct auth_clock clock;
	char dummy_hash[AUTH_HASH_LEN]; /* for users that do not exist */

	/* of storaged and nodemgr; epoch 0 while they are away */
	struct nx_ticket_key ticket_keys[NX_ROLE_MAX];
	struct {
		struct nx_call *call;
		void *arg;       /* its lane */
		int64_t id;      /* of the notice in flight; 0: none */
	} lanes[NX_ROLE_MAX][2]; /* see notice.h */
	LIST_HEAD(, auth_waiter) waiters;
	LIST_HEAD(, auth_mail) mails;
	struct event *tick;
	unsigned ticks;
	bool dropping;   /* a key that signed is on its way out */
	bool purge_more; /* there is more that retention wants to go */
	uint64_t mails_failed;
	bool closing;
	void (*confine)(void); /* before the first thread; NULL in tests */
};

static inline int64_t
auth_now(const struct authd *a)
{
	return (int64_t)(a->clock.wall_us() / 1000000);
}

#endif
