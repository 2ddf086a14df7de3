/* A table that is searched from end to end: 4096 rows are microseconds, and a
 * ceremony waits for a finger. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "authd/credentials/challenge.h"

struct auth_challenges {
	struct auth_challenge rows[AUTH_CHALLENGES]; /* made_us 0: free */
};

struct auth_challenges *
auth_challenges_new(void)
{
	return calloc(1, sizeof(struct auth_challenges));
}

void
auth_challenges_free(struct auth_challenges *t)
{
	if (t)
		sodium_memzero(t, sizeof(*t));
	free(t);
}

static bool
is_live(const struct auth_challenge *c, uint64_t now_us)
{
	return c->made_us != 0 &&
	    now_us - c->made_us < AUTH_CHALLENGE_LIFE * 1000000ULL;
}

static struct auth_challenge *
older(struct auth_challenge *a, struct auth_challenge *b)
{
	return a && a->made_us <= b->made_us ? a : b;
}

/* The row to use: the owner's oldest if they have their share, else one that is
 * not in use, else the oldest of all. */
static struct auth_challenge *
row_for(struct auth_challenges *t, const uint8_t *who, uint64_t now_us)
{
	struct auth_challenge *unused = NULL, *own = NULL, *oldest = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < AUTH_CHALLENGES; i++) {
		struct auth_challenge *c = &t->rows[i];

		oldest = older(oldest, c);
		if (!is_live(c, now_us)) {
			unused = c;
		} else if (memcmp(c->who, who, AUTH_CHALLENGE_WHO) == 0) {
			own = older(own, c);
			n++;
		}
	}
	if (n >= AUTH_CHALLENGES_OWN)
		return own;
	return unused ? unused : oldest;
}

void
auth_challenge_make(struct auth_challenges *t, enum auth_purpose purpose,
    uint64_t user_id, const uint8_t who[AUTH_CHALLENGE_WHO], uint64_t now_us,
    struct auth_challenge *ret_challenge)
{
	struct auth_challenge *c = row_for(t, who, now_us);

	c->purpose = purpose;
	c->user_id = user_id;
	c->made_us = now_us;
	memcpy(c->who, who, AUTH_CHALLENGE_WHO);
	randombytes_buf(c->id, sizeof(c->id));
	randombytes_buf(c->bytes, sizeof(c->bytes));
	*ret_challenge = *c;
}

bool
auth_challenge_take(struct auth_challenges *t,
    const uint8_t id[AUTH_CHALLENGE_ID], enum auth_purpose purpose,
    uint64_t user_id, uint64_t now_us, struct auth_challenge *ret_challenge)
{
	for (size_t i = 0; i < AUTH_CHALLENGES; i++) {
		struct auth_challenge c = t->rows[i];

		if (c.made_us == 0 || memcmp(c.id, id, sizeof(c.id)) != 0)
			continue;
		sodium_memzero(&t->rows[i], sizeof(t->rows[i]));
		if (!is_live(&c, now_us) || c.purpose != purpose ||
		    c.user_id != user_id)
			return false;
		*ret_challenge = c;
		return true;
	}
	return false;
}
