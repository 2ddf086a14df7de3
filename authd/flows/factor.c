/* See factor.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "authd/flows/factor.h"
#include "common/err.h"
#include "common/log.h"

/* --- words ------------------------------------------------------------------*/

static const struct {
	const char *word;
	enum auth_factor factor;
} words[AUTH_FACTORS_MAX] = {
    {"mail", AUTH_FACTOR_MAIL},
    {"totp", AUTH_FACTOR_TOTP},
    {"passkey", AUTH_FACTOR_PASSKEY},
    {"recovery", AUTH_FACTOR_RECOVERY},
};

size_t
auth_factor_words(uint32_t factors, const char *ret_words[AUTH_FACTORS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < NX_ARRAY_SIZE(words); i++)
		if (factors & words[i].factor)
			ret_words[n++] = words[i].word;
	return n;
}

bool
auth_factor_read(const char *const *text, size_t n, uint32_t *ret_factors)
{
	uint32_t factors = 0, before;

	for (size_t i = 0; i < n; i++) {
		before = factors;
		for (size_t k = 0; k < NX_ARRAY_SIZE(words); k++)
			if (strcmp(text[i], words[k].word) == 0)
				factors |= words[k].factor;
		if (factors == before)
			return false;
	}
	*ret_factors = factors;
	return true;
}

/* --- trying one at a login --------------------------------------------------*/

/* Wrong codes are counted in the row, where a restart does not forget them. */
static int
note_wrong(struct nx_db *db, uint64_t user_id, struct auth_totp *t, int64_t now)
{
	if (now - t->wrong_since >= AUTH_TOTP_WINDOW || now < t->wrong_since) {
		t->wrong = 0;
		t->wrong_since = now;
	}
	t->wrong++;
	return auth_totp_put(db, user_id, t);
}

static bool
too_many_wrong(const struct auth_totp *t, int64_t now)
{
	int64_t since = now - t->wrong_since;

	return t->wrong >= AUTH_TOTP_WRONG && since >= 0 &&
	    since < AUTH_TOTP_WINDOW;
}

static bool
is_right(struct authd *a, uint64_t user_id, const struct auth_totp *t,
    const char *code, int64_t *ret_step)
{
	const struct auth_seal_place place = {"totp", user_id, NULL};
	uint8_t secret[AUTH_TOTP_SECRET];
	bool right;

	if (auth_unseal(a->keys.seal, &place, t->sealed, sizeof(t->sealed),
		secret) < 0) {
		nx_warn("event=totp-unreadable user=%" PRIu64, user_id);
		return false;
	}
	right = auth_totp_match(secret, code, auth_now(a), t->step, ret_step);
	sodium_memzero(secret, sizeof(secret));
	return right;
}

static int
try_totp(struct authd *a, struct nx_db *db, uint64_t user_id, const char *code)
{
	struct auth_totp t;
	int64_t now = auth_now(a);
	int r = auth_totp_get(db, user_id, &t);

	if (r <= 0 || t.confirmed_at == 0 || too_many_wrong(&t, now))
		return r < 0 ? r : 0;
	if (!is_right(a, user_id, &t, code, &t.step)) {
		r = note_wrong(db, user_id, &t, now);
		return r < 0 ? r : 0;
	}
	t.wrong = 0;
	r = auth_totp_put(db, user_id, &t);
	return r < 0 ? r : 1;
}

/* What is kept of a recovery code. */
static void
recovery_hash(struct authd *a, uint64_t user_id, const char *plain,
    uint8_t ret_hash[AUTH_SECRET_HASH_LEN])
{
	char text[64];

	(void)snprintf(
	    text, sizeof(text), "recovery %" PRIu64 " %s", user_id, plain);
	auth_secret_hash(a->keys.pepper, text, ret_hash);
	sodium_memzero(text, sizeof(text));
}

static int
try_recovery(
    struct authd *a, struct nx_db *db, uint64_t user_id, const char *code)
{
	char plain[AUTH_RECOVERY_LEN + 1];
	uint8_t hash[AUTH_SECRET_HASH_LEN];

	if (!auth_recovery_read(code, plain))
		return 0;
	recovery_hash(a, user_id, plain, hash);
	return auth_recovery_use(db, user_id, hash);
}

static const struct {
	enum auth_factor factor;
	int (*try)(struct authd *a, struct nx_db *db, uint64_t user_id,
	    const char *code);
} tries[] = {
    {AUTH_FACTOR_TOTP, try_totp},
    {AUTH_FACTOR_RECOVERY, try_recovery},
};

bool
auth_factor_form(const char *code)
{
	char plain[AUTH_RECOVERY_LEN + 1];

	return !auth_rule_code(code) || auth_recovery_read(code, plain);
}

int
auth_factor_try(struct authd *a, struct nx_db *db, uint64_t user_id,
    const char *code, uint32_t *ret_factor)
{
	struct auth_user user;
	int r = auth_user_by_id(db, user_id, &user);

	if (r <= 0)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < NX_ARRAY_SIZE(tries); i++) {
		if (!(user.factors & tries[i].factor))
			continue;
		r = tries[i].try(a, db, user_id, code);
		if (r == 1)
			*ret_factor = tries[i].factor;
	}
	return r;
}

/* --- recovery codes, made ---------------------------------------------------*/

void
auth_change_make_codes(struct auth_change *c)
{
	char plain[AUTH_RECOVERY_LEN + 1];

	for (size_t i = 0; i < AUTH_RECOVERY_COUNT; i++) {
		auth_recovery_new(c->codes[i]);
		nx_assert(auth_recovery_read(c->codes[i], plain));
		recovery_hash(c->a, c->caller.user.id, plain, c->hashes[i]);
	}
	sodium_memzero(plain, sizeof(plain));
}
