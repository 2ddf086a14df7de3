/*
 * The accounts of shares.h: a hash table of holders, and sums per family.
 * Addresses of both kinds count together, as they compete for the same places.
 */
#include <stdlib.h>

#include "common/err.h"
#include "gatewayd/shares.h"

#define BUCKETS 1024U

struct shares {
	struct share *bucket[BUCKETS];
	uint64_t users[SHARE_KINDS], addresses[SHARE_KINDS]; /* sums */
};

static uint64_t *
sums(struct shares *s, const struct share *h)
{
	return h->family == SHARE_USER ? s->users : s->addresses;
}

struct shares *
shares_new(void)
{
	return calloc(1, sizeof(struct shares));
}

struct shares *
shares_free(struct shares *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		nx_assert(!s->bucket[i]);
	free(s);
	return NULL;
}

static struct share **
slot_of(struct shares *s, enum share_family family, uint64_t key)
{
	uint64_t hash = (key ^ (uint64_t)family << 56) * 0x9e3779b97f4a7c15ULL;
	struct share **slot = &s->bucket[hash >> 32 & (BUCKETS - 1)];

	while (*slot && ((*slot)->family != family || (*slot)->key != key))
		slot = &(*slot)->next;
	return slot;
}

struct share *
shares_get(struct shares *s, enum share_family family, uint64_t key)
{
	struct share **slot = slot_of(s, family, key);

	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return NULL;
		(*slot)->key = key;
		(*slot)->family = family;
	}
	(*slot)->refs++;
	return *slot;
}

void
shares_put(struct shares *s, struct share *h)
{
	struct share **slot;

	if (!h)
		return;
	nx_assert(h->refs > 0);
	if (--h->refs > 0)
		return;
	slot = slot_of(s, h->family, h->key);
	nx_assert(*slot == h);
	for (size_t i = 0; i < SHARE_KINDS; i++)
		nx_assert(h->held[i] == 0);
	*slot = h->next;
	free(h);
}

void
share_take(struct shares *s, struct share *h, enum share_kind kind, uint64_t n)
{
	if (!h)
		return;
	h->held[kind] += n;
	sums(s, h)[kind] += n;
}

void
share_give(struct shares *s, struct share *h, enum share_kind kind, uint64_t n)
{
	if (!h)
		return;
	nx_assert(h->held[kind] >= n && sums(s, h)[kind] >= n);
	h->held[kind] -= n;
	sums(s, h)[kind] -= n;
}

bool
share_is_fair(const struct shares *s, const struct share *h,
    enum share_kind kind, uint64_t all)
{
	const uint64_t *sum;

	if (!h)
		return true;
	sum = h->family == SHARE_USER ? s->users : s->addresses;
	return sum[kind] < all && h->held[kind] < all - sum[kind];
}
