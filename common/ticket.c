/* Tickets: sealing (authd) and checking (storaged, nodemgr). */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/ticket.h"

#define TICKET_VERSION 2
#define REVOKED_MAX    4096

/* What has been revoked, until no ticket from before can be alive. */
struct revoked {
	uint64_t user_id;
	uint64_t until_us;
	bool whole_user;
	uint8_t session[NX_SESSION_LEN];
};

struct nx_tickets {
	enum nx_role audience;
	struct nx_ticket_key key;
	size_t n;
	struct revoked revoked[REVOKED_MAX];
};

/* The MAC covers all that is sent but itself; the struct has no padding. */
_Static_assert(NX_TICKET_LEN == 88, "a ticket has 88 bytes");
_Static_assert(offsetof(struct nx_ticket, mac) == 56, "the mac is behind them");

static void
mac_of(const struct nx_ticket_key *key, const struct nx_ticket *t,
    uint8_t ret_mac[32])
{
	uint8_t sealed[NX_TICKET_MAX];
	size_t fixed = offsetof(struct nx_ticket, mac);

	nx_assert(t->place_len <= NX_PLACE_MAX);
	memcpy(sealed, t, fixed);
	memcpy(sealed + fixed, t->place, t->place_len);
	nx_assert(crypto_generichash(ret_mac, 32, sealed, fixed + t->place_len,
		      key->key, sizeof(key->key)) == 0);
}

static uint32_t
place_len_of(const uint8_t *ticket)
{
	uint32_t len;

	memcpy(
	    &len, ticket + offsetof(struct nx_ticket, place_len), sizeof(len));
	return len;
}

bool
nx_ticket_whole(const uint8_t *data, size_t len)
{
	return len >= NX_TICKET_LEN && len <= NX_TICKET_MAX &&
	    len - NX_TICKET_LEN == place_len_of(data);
}

size_t
nx_ticket_len(const uint8_t *ticket)
{
	nx_assert(place_len_of(ticket) <= NX_PLACE_MAX);
	return NX_TICKET_LEN + place_len_of(ticket);
}

void
nx_ticket_seal(const struct nx_ticket_key *key, struct nx_ticket *ticket)
{
	uint64_t latest = nx_now_us() + NX_TICKET_LIFE_US;

	nx_assert(key->epoch != 0 && ticket->user_id != 0);
	ticket->version = TICKET_VERSION;
	ticket->epoch = key->epoch;
	if (ticket->expiry_us > latest)
		ticket->expiry_us = latest;
	mac_of(key, ticket, ticket->mac);
}

static void
new_key(struct nx_tickets *t)
{
	uint64_t now = nx_wall_us();

	randombytes_buf(t->key.key, sizeof(t->key.key));
	t->key.epoch = now > t->key.epoch ? now : t->key.epoch + 1;
	t->n = 0;
	nx_assert(t->key.epoch != 0);
}

struct nx_tickets *
nx_tickets_new(enum nx_role audience)
{
	struct nx_tickets *t;

	if (sodium_init() < 0)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t) {
		t->audience = audience;
		new_key(t);
	}
	return t;
}

struct nx_tickets *
nx_tickets_free(struct nx_tickets *t)
{
	if (t)
		sodium_memzero(&t->key, sizeof(t->key));
	free(t);
	return NULL;
}

const struct nx_ticket_key *
nx_tickets_key(const struct nx_tickets *t)
{
	return &t->key;
}

static void
forget_old(struct nx_tickets *t)
{
	uint64_t now = nx_now_us();
	size_t i;

	for (i = 0; i < t->n;)
		if (t->revoked[i].until_us <= now)
			t->revoked[i] = t->revoked[--t->n];
		else
			i++;
}

static bool
is_revoked(const struct nx_tickets *t, const struct nx_ticket *ticket)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct revoked *r = &t->revoked[i];

		if (r->user_id == ticket->user_id &&
		    (r->whole_user ||
			memcmp(r->session, ticket->session, NX_SESSION_LEN) ==
			    0))
			return true;
	}
	return false;
}

enum nx_ticket_result
nx_tickets_check(struct nx_tickets *t, const uint8_t *data, size_t len,
    struct nx_ticket *ret_ticket)
{
	struct nx_ticket ticket = {0};
	uint64_t now = nx_now_us();
	uint8_t mac[32];

	if (!nx_ticket_whole(data, len))
		return NX_TICKET_MALFORMED;
	memcpy(&ticket, data, len);
	if (ticket.version != TICKET_VERSION ||
	    ticket.audience != (uint32_t)t->audience ||
	    ticket.epoch != t->key.epoch || ticket.user_id == 0)
		return NX_TICKET_MALFORMED;
	mac_of(&t->key, &ticket, mac);
	if (sodium_memcmp(mac, ticket.mac, sizeof(mac)) != 0)
		return NX_TICKET_FORGED;
	/* Only authd can have made it, and it never makes a longer one. */
	if (ticket.expiry_us <= now ||
	    ticket.expiry_us > now + NX_TICKET_LIFE_US)
		return NX_TICKET_EXPIRED;
	if (is_revoked(t, &ticket))
		return NX_TICKET_REVOKED;
	*ret_ticket = ticket;
	return NX_TICKET_OK;
}

bool
nx_tickets_revoke(
    struct nx_tickets *t, uint64_t user_id, const uint8_t *session)
{
	struct revoked *r;

	forget_old(t);
	if (t->n == REVOKED_MAX) {
		new_key(t);
		return true;
	}
	nx_assert(t->n < REVOKED_MAX);
	r = &t->revoked[t->n++];
	*r = (struct revoked){.user_id = user_id,
	    .until_us = nx_now_us() + NX_TICKET_LIFE_US,
	    .whole_user = !session};
	if (session)
		memcpy(r->session, session, NX_SESSION_LEN);
	return false;
}
