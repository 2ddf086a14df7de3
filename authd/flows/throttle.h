/*
 * Budgets per hour: of codes per account, of failures per account and address,
 * of registrations per address, and more (enum auth_budget). A budget is never a lock: it refills steadily,
 * and what has been refused costs nothing.
 *
 * Kept in a table of fixed size in memory. A keyed hash places the entries, so
 * that nobody can choose to collide with somebody; when a set is full the entry
 * closest to being refilled gives way. A restart forgets everything, which no
 * stranger can bring about.
 */
#ifndef AUTHD_THROTTLE_H
#define AUTHD_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

enum auth_budget {
	AUTH_BUDGET_CODES,           /* codes sent to an account */
	AUTH_BUDGET_REGISTER_MAIL,   /* registration mails to an address */
	AUTH_BUDGET_REGISTER_CLIENT, /* registrations from a client */
	AUTH_BUDGET_FAIL_CLIENT,     /* wrong passwords of a client */
	AUTH_BUDGET_FAIL_PAIR,       /* wrong passwords, client and account */
	AUTH_BUDGET_FAIL_ACCOUNT,    /* wrong passwords from unknown clients */
	AUTH_BUDGET_FAIL_DEVICE,     /* wrong passwords of a known device */
	AUTH_BUDGET_GUESS_CLIENT,    /* codes of others, by a client */
	AUTH_BUDGET_GUESS_ACCOUNT,   /* codes of an account, by others */
	AUTH_BUDGET_KEY_CLIENT,      /* wrong access keys of a client */
	AUTH_BUDGET_MAX
};

struct auth_throttle;

/* @per_hour[budget]: as many at once, and as many again per hour. */
int auth_throttle_new(const uint64_t per_hour[AUTH_BUDGET_MAX],
    struct auth_throttle **ret_throttle);
struct auth_throttle *auth_throttle_free(struct auth_throttle *t);

/* Takes one from the budget of @key. 0, or the seconds until one is there; then
 * nothing was taken. @now_us: CLOCK_MONOTONIC. */
uint64_t auth_throttle_take(struct auth_throttle *t, enum auth_budget budget,
    const void *key, size_t len, uint64_t now_us);
/* Gives one back: the attempt turned out well. */
void auth_throttle_return(struct auth_throttle *t, enum auth_budget budget,
    const void *key, size_t len, uint64_t now_us);

#endif
