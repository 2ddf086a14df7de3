/*
 * Which key each budget has. Names that do not exist have one like any other, or
 * the limits would tell which do. An attempt holds what it has paid in its
 * charges, at most one of each of its budgets, until it turns out well (refund)
 * or is forgotten (paid for).
 */
#include <inttypes.h>
#include <string.h>

#include "authd/flows/limits.h"
#include "common/err.h"

/* Names and addresses are the same whatever the case of their letters. */
static size_t
fold(const char *text, uint8_t *key, size_t size)
{
	size_t i;

	for (i = 0; i < size && text[i]; i++)
		key[i] = (uint8_t)(text[i] >= 'A' && text[i] <= 'Z'
			? text[i] + ('a' - 'A')
			: text[i]);
	return i;
}

/* Pays from the budget of @key (may be NULL), @account (may be NULL), or both
 * together; what was paid before is given back when there is none. */
static uint64_t
charge_key(struct authd *a, struct auth_charges *c, enum auth_budget budget,
    const void *key, size_t len, const char *account)
{
	uint64_t wait;

	nx_assert(c->n < NX_ARRAY_SIZE(c->c) && len <= sizeof(c->c[0].key));
	c->c[c->n].budget = budget;
	if (key)
		memcpy(c->c[c->n].key, key, len);
	if (account)
		len += fold(account, c->c[c->n].key + len,
		    sizeof(c->c[c->n].key) - len);
	c->c[c->n].len = len;
	wait = auth_throttle_take(
	    a->throttle, budget, c->c[c->n].key, len, a->clock.mono_us());
	if (wait == 0)
		c->n++;
	else
		auth_limit_refund(a, c);
	return wait;
}

static uint64_t
charge(struct authd *a, struct auth_charges *c, enum auth_budget budget,
    const struct auth_client *client, const char *account)
{
	return charge_key(
	    a, c, budget, client, client ? sizeof(*client) : 0, account);
}

/* Per client before per address: who is over their own budget costs the owner of
 * an address nothing. */
uint64_t
auth_limit_register(struct authd *a, struct auth_charges *c, const char *client,
    const char *email)
{
	struct auth_client from;
	uint64_t wait;

	c->n = 0;
	auth_client_parse(client, &from);
	wait = charge(a, c, AUTH_BUDGET_REGISTER_CLIENT, &from, NULL);
	if (wait == 0)
		wait = charge(a, c, AUTH_BUDGET_REGISTER_MAIL, NULL, email);
	return wait;
}

/* The narrow budgets first, the account's last: it is the one that others have to
 * share, and what the first refuse never gets there. */
uint64_t
auth_limit_login(struct authd *a, struct auth_charges *c, const char *client,
    const char *name, bool known)
{
	struct auth_client from;
	uint64_t wait;

	c->n = 0;
	auth_client_parse(client, &from);
	wait = charge(a, c, AUTH_BUDGET_FAIL_CLIENT, &from, NULL);
	if (wait == 0)
		wait = charge(a, c, AUTH_BUDGET_FAIL_PAIR, &from, name);
	if (wait == 0 && !known)
		wait = charge(a, c, AUTH_BUDGET_FAIL_ACCOUNT, NULL, name);
	return wait;
}

uint64_t
auth_limit_device(struct authd *a, struct auth_charges *c,
    const uint8_t id[AUTH_DEVICE_ID_LEN])
{
	c->n = 0;
	return charge_key(
	    a, c, AUTH_BUDGET_FAIL_DEVICE, id, AUTH_DEVICE_ID_LEN, NULL);
}

uint64_t
auth_limit_guess(struct authd *a, struct auth_charges *c, const char *client,
    const char *email)
{
	struct auth_client from;
	uint64_t wait;

	c->n = 0;
	auth_client_parse(client, &from);
	wait = charge(a, c, AUTH_BUDGET_GUESS_CLIENT, &from, NULL);
	if (wait == 0)
		wait = charge(a, c, AUTH_BUDGET_GUESS_ACCOUNT, NULL, email);
	return wait;
}

uint64_t
auth_limit_key(struct authd *a, struct auth_charges *c, const char *client)
{
	struct auth_client from;

	c->n = 0;
	auth_client_parse(client, &from);
	return charge(a, c, AUTH_BUDGET_KEY_CLIENT, &from, NULL);
}

uint64_t
auth_limit_code(struct authd *a, uint64_t user_id)
{
	return auth_throttle_take(a->throttle, AUTH_BUDGET_CODES, &user_id,
	    sizeof(user_id), a->clock.mono_us());
}

/* All that was paid, in the order it was not; nothing is left to give back. */
void
auth_limit_refund(struct authd *a, struct auth_charges *c)
{
	for (; c->n > 0; c->n--)
		auth_throttle_return(a->throttle, c->c[c->n - 1].budget,
		    c->c[c->n - 1].key, c->c[c->n - 1].len, a->clock.mono_us());
}

void
auth_client_hash(const struct authd *a, const char *client,
    uint8_t ret_hash[AUTH_CLIENT_HASH_LEN])
{
	struct auth_client from;

	auth_client_parse(client, &from);
	crypto_generichash(ret_hash, AUTH_CLIENT_HASH_LEN,
	    (const unsigned char *)&from, sizeof(from), a->keys.pepper,
	    sizeof(a->keys.pepper));
}

void
auth_refuse_wait(struct nx_request *r, uint64_t seconds)
{
	r->retry_s = seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
	nx_refuse(r, NX__STATUS__LIMIT,
	    "Too many attempts; try again in %" PRIu64 " seconds.", seconds);
}
