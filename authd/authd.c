/*
 * Making and unmaking the state, in an order: what needs files first, threads
 * last.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/authd.h"
#include "authd/flows/flows.h"
#include "authd/store/store.h"
#include "common/err.h"
#include "common/id.h"
#include "common/log.h"

#define TICK_SEC    5
#define PURGE_TICKS 60
#define CLOCK_SLACK 60 /* seconds before a clock that went back is news */

static int
write_purge(struct nx_db *db, void *arg)
{
	struct authd *a = arg;
	int64_t days = (int64_t)a->conf->audit_days;
	int r = auth_store_purge(db, auth_now(a));

	if (r == 0)
		r = auth_audit_purge(db, a->keys.audit,
		    auth_now(a) - days * 86400, a->conf->audit_rows);
	a->purge_more = r == 1;
	return r < 0 ? r : 0;
}

/* The audit's in steps. */
static void
on_purged(int result, void *arg)
{
	struct authd *a = arg;

	if (result == 0 && a->purge_more && !a->closing)
		nx_db_write(a->db, write_purge, on_purged, a);
}

/* Notices that failed are tried again, what has expired is removed. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct authd *a = arg;

	(void)fd;
	(void)what;
	auth_notice_pump(a);
	auth_signing_tick(a);
	if (++a->ticks % PURGE_TICKS == 0)
		nx_db_write(a->db, write_purge, on_purged, a);
}

static int
start_timer(struct authd *a)
{
	static const struct timeval every = {.tv_sec = TICK_SEC};

	a->tick = event_new(a->base, -1, EV_PERSIST, on_tick, a);
	return a->tick && evtimer_add(a->tick, &every) == 0 ? 0 : -ENOMEM;
}

static int
start_throttle(struct authd *a)
{
	const struct auth_conf *c = a->conf;
	const uint64_t per_hour[AUTH_BUDGET_MAX] = {
	    [AUTH_BUDGET_CODES] = c->codes_per_hour,
	    [AUTH_BUDGET_REGISTER_MAIL] = c->codes_per_hour,
	    [AUTH_BUDGET_REGISTER_CLIENT] = c->registrations_per_address,
	    [AUTH_BUDGET_FAIL_CLIENT] = c->failures_per_address,
	    [AUTH_BUDGET_FAIL_PAIR] = c->failures_per_login,
	    [AUTH_BUDGET_FAIL_ACCOUNT] = c->failures_per_account,
	    [AUTH_BUDGET_FAIL_DEVICE] = c->failures_per_login,
	    [AUTH_BUDGET_GUESS_CLIENT] = c->failures_per_address,
	    [AUTH_BUDGET_GUESS_ACCOUNT] = c->guesses_per_account,
	    [AUTH_BUDGET_KEY_CLIENT] = c->failures_per_address,
	};

	return auth_throttle_new(per_hour, &a->throttle);
}

/* A token is made and read once before anybody asks: what OpenSSL and libjwt
 * load lazily is loaded before the filter. */
static int
prove_keys(struct authd *a)
{
	struct auth_claims claims = {
	    .user_id = 1, .issued = auth_now(a), .expires = auth_now(a) + 60};
	char *token;
	int r = auth_token_sign(
	    auth_keyring_signer(&a->keys.ring, claims.issued), &claims, &token);

	if (r < 0)
		return r;
	if (auth_token_check(&a->keys.ring, token, claims.issued, &claims) !=
	    AUTH_TOKEN_OK)
		r = -EBADMSG;
	free(token);
	return r;
}

/* Codes and tokens from the future are refused; say why that may happen. */
static int
check_clock(struct authd *a)
{
	int64_t newest;
	int r = auth_store_newest(a->db, &newest);

	if (r == 0 && newest > auth_now(a) + CLOCK_SLACK)
		nx_warn("event=clock-went-back newest=%" PRId64 " now=%" PRId64,
		    newest, auth_now(a));
	return r;
}

static unsigned
cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set)
	    ? (unsigned)CPU_COUNT(&set)
	    : 1;
}

static int
write_begin(struct nx_db *db, void *arg)
{
	struct authd *a = arg;

	return auth_audit_begin(db, a->keys.audit);
}

static int
open_database(struct authd *a, const char *dir, char error[256])
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/auth.db", dir);
	r = nx_db_open(a->base, path, auth_schema, auth_schema_count, &a->db);
	if (r == 0 && a->keys.audit_new)
		r = nx_db_write_now(a->db, write_begin, a);
	if (r == 0)
		r = nx_db_write_now(a->db, write_purge, a);
	if (r == 0)
		r = check_clock(a);
	if (r < 0)
		snprintf(error, 256, "cannot use %.180s%s", path,
		    r == -EBADMSG ? ": it is damaged; restore it from a backup"
				  : "");
	return r;
}

static int
key_trouble(int r, const char *what, char error[256])
{
	if (r == -EPERM)
		snprintf(error, 256,
		    "%.150s must belong to this user and be closed to others",
		    what);
	else if (r < 0)
		snprintf(error, 256, "cannot use the key %.180s%s", what,
		    r == -EBADMSG ? ": it is damaged; restore it from a "
				    "backup or remove it"
				  : "");
	return r;
}

static int
open_keys(struct authd *a, const char *dir, char error[256])
{
	const char *what = dir;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/keys", dir);
	r = auth_keys_open(path, &a->keys, &what);
	return key_trouble(r, what, error);
}

/* Which there are is in the database. */
static int
open_signing(struct authd *a, const char *dir, char error[256])
{
	const char *name;
	char path[4096];
	int r = auth_signing_open(a, &name);

	if (r == 0)
		r = prove_keys(a);
	snprintf(path, sizeof(path), "%s/keys/%s", dir, name);
	return key_trouble(r, path, error);
}

int
auth_open(struct authd *a, const char *dir, unsigned threads, char error[256])
{
	int r;

	a->keys.dirfd = -1;
	LIST_INIT(&a->waiters);
	LIST_INIT(&a->mails);
	if (!a->clock.mono_us)
		a->clock = (struct auth_clock){nx_now_us, nx_wall_us};
	if (sodium_init() < 0)
		return -ENOSYS;
	r = open_keys(a, dir, error);
	if (r == 0)
		r = open_database(a, dir, error);
	if (r == 0)
		r = open_signing(a, dir, error);
	if (r < 0)
		return r;
	snprintf(error, 256, "cannot start the workers");
	r = auth_pw_dummy(a->dummy_hash);
	if (r == 0)
		r = start_throttle(a);
	if (r == 0)
		r = auth_token_cache_new(&a->tokens);
	auth_authdata_prepare();
	a->challenges = auth_challenges_new();
	if (r == 0 && !a->challenges)
		r = -ENOMEM;
	/* Everything is open, and threads inherit what holds by now. */
	if (r == 0 && a->confine)
		a->confine();
	if (r == 0)
		r = nx_workers_new(a->base, threads ? threads : cores(),
		    AUTH_HASH_QUEUE, &a->workers);
	return r < 0 ? r : start_timer(a);
}

void
auth_close(struct authd *a)
{
	a->closing = true;
	a->workers = nx_workers_free(a->workers);
	a->db = nx_db_close(a->db);
	if (a->hub) {
		auth_notice_stop(a);
		auth_mail_stop(a);
	}
	if (a->tick)
		event_free(a->tick);
	a->throttle = auth_throttle_free(a->throttle);
	auth_challenges_free(a->challenges);
	a->challenges = NULL;
	a->tokens = auth_token_cache_free(a->tokens);
	auth_keys_fini(&a->keys);
}
