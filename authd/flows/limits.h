/*
 * Which budgets an attempt draws on. Attempts are paid for beforehand and
 * refunded when they turn out well, so that many at once buy nobody more.
 *
 * A wrong password costs three: the client's, the client's with this account,
 * and the account's with all clients it does not know. Because clients from
 * which the account has been used before do not draw on the last, strangers
 * cannot keep an owner out by guessing, however many addresses they have (or,
 * as a captured gateway, claim to have). Who shows the mark of an earlier login
 * (credentials/device.h) draws on that device's budget alone: not even strangers
 * behind the same address are in the way.
 *
 * A wrong code costs whoever began the login a try of the code itself, which is
 * in the database and no budget. All others pay twice: from their own, and from
 * what the account has for all of them.
 */
#ifndef AUTHD_LIMITS_H
#define AUTHD_LIMITS_H

#include "authd/flows/throttle.h"
#include "authd/state.h"
#include "authd/store/store.h"

#define AUTH_CHARGE_KEY 320

struct auth_charges {
	size_t n;
	struct {
		enum auth_budget budget;
		size_t len;
		uint8_t key[AUTH_CHARGE_KEY];
	} c[3];
};

/* Each returns 0, or the seconds to wait; then nothing has been charged. */
uint64_t auth_limit_register(struct authd *a, struct auth_charges *c,
    const char *client, const char *email);
/* Before a password is looked at: the same for names that do not exist. */
uint64_t auth_limit_login(struct authd *a, struct auth_charges *c,
    const char *client, const char *name, bool known);
/* The same from a device of the account. */
uint64_t auth_limit_device(struct authd *a, struct auth_charges *c,
    const uint8_t id[AUTH_DEVICE_ID_LEN]);
/* Before a code is compared for somebody who did not ask for it. */
uint64_t auth_limit_guess(struct authd *a, struct auth_charges *c,
    const char *client, const char *email);
/* After a key was shown that is none. */
uint64_t
auth_limit_key(struct authd *a, struct auth_charges *c, const char *client);
/* Before a code is sent to somebody who gave the right password. */
uint64_t auth_limit_code(struct authd *a, uint64_t user_id);
void auth_limit_refund(struct authd *a, struct auth_charges *c);

/* What the table of known clients keeps instead of an address. */
void auth_client_hash(const struct authd *a, const char *client,
    uint8_t ret_hash[AUTH_CLIENT_HASH_LEN]);
/* LIMIT, with the time to wait. */
void auth_refuse_wait(struct nx_request *r, uint64_t seconds);

#endif
