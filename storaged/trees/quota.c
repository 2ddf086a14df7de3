/*
 * Promises to uploads under way, beside what the catalogue knows. One entry a
 * user, and only while one of theirs is being sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/trees/quota.h"

/* Only users with an upload under way are in the list: it stays short. */
struct promise {
	LIST_ENTRY(promise) entry;
	uint64_t user, bytes;
};

struct quotas {
	LIST_HEAD(, promise) promises;
	uint64_t total;
};

struct quotas *
quotas_new(void)
{
	struct quotas *q = calloc(1, sizeof(*q));

	if (q)
		LIST_INIT(&q->promises);
	return q;
}

struct quotas *
quotas_free(struct quotas *q)
{
	struct promise *p;

	if (!q)
		return NULL;
	while ((p = LIST_FIRST(&q->promises))) {
		LIST_REMOVE(p, entry);
		free(p);
	}
	free(q);
	return NULL;
}

static struct promise *
find(struct quotas *q, uint64_t user)
{
	struct promise *p;

	LIST_FOREACH(p, &q->promises, entry)
		if (p->user == user)
			return p;
	return NULL;
}

uint64_t
quota_promised(struct storaged *s, uint64_t user)
{
	struct promise *p = find(s->quotas, user);

	return p ? p->bytes : 0;
}

uint64_t
quota_promised_total(struct storaged *s)
{
	return s->quotas->total;
}

static uint64_t
limit_of(struct storaged *s, uint64_t user, const struct catalog_usage *usage)
{
	if (usage->quota != CATALOG_NO_QUOTA)
		return (uint64_t)usage->quota;
	return user == 0 ? INT64_MAX : s->conf.quota;
}

int
quota_limit(struct storaged *s, uint64_t user, uint64_t *ret_bytes)
{
	struct catalog_usage usage;
	int r = catalog_usage(s->catalog, user, &usage);

	if (r == 0)
		*ret_bytes = limit_of(s, user, &usage);
	return r;
}

uint64_t
quota_entries(const struct storaged *s, uint64_t user)
{
	return user == 0 ? INT64_MAX : s->conf.entries;
}

int
quota_check_entries(struct storaged *s, uint64_t user)
{
	struct catalog_usage usage;
	int r = catalog_usage(s->catalog, user, &usage);

	if (r < 0)
		return r;
	return usage.files + usage.folders < quota_entries(s, user)
	    ? 0
	    : CATALOG_TOO_MANY;
}

/*
 * What was deleted takes room until it has been unlinked, or read to its end by
 * whoever reads it. That is not on the account any more, but it is on the disks:
 * twice the quota, as much as its copies take, and then there is no more.
 */
int
quota_check_waiting(struct storaged *s, uint64_t user, uint64_t *ret_waiting)
{
	uint64_t limit = 0;
	int r = quota_limit(s, user, &limit);

	if (r == 0)
		r = catalog_waiting(s->catalog, user, ret_waiting);
	return r < 0 ? r : *ret_waiting / 2 > limit;
}

int
quota_left(struct storaged *s, uint64_t user, uint64_t *ret_bytes)
{
	struct catalog_usage usage;
	uint64_t limit, taken;
	int r = catalog_usage(s->catalog, user, &usage);

	if (r < 0)
		return r;
	limit = limit_of(s, user, &usage);
	taken = usage.charged + usage.held + quota_promised(s, user);
	*ret_bytes = limit > taken ? limit - taken : 0;
	return 0;
}

int
quota_promise(struct storaged *s, uint64_t user, uint64_t old, uint64_t fresh)
{
	struct promise *p = find(s->quotas, user);

	if (old == fresh)
		return 0;
	if (!p) {
		nx_assert(old == 0);
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->user = user;
		LIST_INSERT_HEAD(&s->quotas->promises, p, entry);
	}
	nx_assert(p->bytes >= old);
	p->bytes = p->bytes - old + fresh;
	s->quotas->total = s->quotas->total - old + fresh;
	if (p->bytes == 0) {
		LIST_REMOVE(p, entry);
		free(p);
	}
	return 0;
}
