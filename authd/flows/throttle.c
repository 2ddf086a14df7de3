/*
 * The budgets of throttle.h as a generic cell rate algorithm: per key one
 * number, the moment at which its budget will be full again. An event moves it
 * on by 1/N hour; more than an hour ahead is refused. (ITU-T I.371, annex A.)
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "authd/flows/throttle.h"
#include "common/err.h"

#define SETS    4096
#define WAYS    4
#define HOUR_US (3600ULL * 1000000)

struct slot {
	uint64_t tag;  /* keyed hash of budget and key */
	uint64_t full; /* CLOCK_MONOTONIC us; in the past: the slot is free */
};

struct auth_throttle {
	uint64_t cost_us[AUTH_BUDGET_MAX];
	unsigned char key[crypto_generichash_KEYBYTES];
	struct slot slots[SETS][WAYS];
};

int
auth_throttle_new(const uint64_t per_hour[AUTH_BUDGET_MAX],
    struct auth_throttle **ret_throttle)
{
	struct auth_throttle *t = calloc(1, sizeof(*t));
	size_t i;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < AUTH_BUDGET_MAX; i++)
		t->cost_us[i] = HOUR_US / (per_hour[i] ? per_hour[i] : 1);
	randombytes_buf(t->key, sizeof(t->key));
	*ret_throttle = t;
	return 0;
}

struct auth_throttle *
auth_throttle_free(struct auth_throttle *t)
{
	free(t);
	return NULL;
}

static uint64_t
tag_of(struct auth_throttle *t, enum auth_budget budget, const void *key,
    size_t len)
{
	unsigned char hash[crypto_generichash_BYTES_MIN], b = (uint8_t)budget;
	crypto_generichash_state state;
	uint64_t tag;

	crypto_generichash_init(&state, t->key, sizeof(t->key), sizeof(hash));
	crypto_generichash_update(&state, &b, 1);
	crypto_generichash_update(&state, key, len);
	crypto_generichash_final(&state, hash, sizeof(hash));
	__builtin_memcpy(&tag, hash, sizeof(tag));
	return tag;
}

/* The slot of @tag; when it has none, the one of its set to use. */
static struct slot *
slot_of(struct auth_throttle *t, uint64_t tag)
{
	struct slot *set = t->slots[tag % SETS], *best = &set[0];
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].full < best->full)
			best = &set[i];
	}
	return best;
}

uint64_t
auth_throttle_take(struct auth_throttle *t, enum auth_budget budget,
    const void *key, size_t len, uint64_t now_us)
{
	uint64_t tag = tag_of(t, budget, key, len), cost = t->cost_us[budget];
	struct slot *s = slot_of(t, tag);
	uint64_t full = s->tag == tag && s->full > now_us ? s->full : now_us;

	/* Never more than an hour ahead: nothing is owed beyond a full budget. */
	nx_assert(budget < AUTH_BUDGET_MAX && full <= now_us + HOUR_US);
	if (full + cost > now_us + HOUR_US)
		return (full + cost - now_us - HOUR_US) / 1000000 + 1;
	s->tag = tag;
	s->full = full + cost;
	return 0;
}

/* When the slot has given way to another meanwhile, there is nothing to give back
 * to: that one's debt is not touched. */
void
auth_throttle_return(struct auth_throttle *t, enum auth_budget budget,
    const void *key, size_t len, uint64_t now_us)
{
	uint64_t tag = tag_of(t, budget, key, len), cost = t->cost_us[budget];
	struct slot *s = slot_of(t, tag);

	if (s->tag == tag && s->full > now_us + cost)
		s->full -= cost;
	else if (s->tag == tag)
		s->full = 0;
}
